/**
 * What a client says to a supervisor process, and what it answers: the methods and their values.
 * They travel as msgpack frames (frames.ts) over the process's inherited socket.
 */

import { type ErrorKind, kindOf } from "../../emulator/base/errors.ts";
import type { DeviceConfig } from "../core/config.ts";
import type { Failover } from "../device/failover.ts";
import type { Status } from "../device/status.ts";
import type { HostCommand, HostCompletion } from "../host/host.ts";
import type { DrillReport } from "../soak/drill.ts";
import type { SoakOptions, SoakProgress, SoakReport } from "../soak/soak.ts";

export interface Injection {
  /** The same kind with this seed does the same again; null where chance has no say. */
  readonly seed: number | null;
}

/** Methods of a supervisor process: parameters and result. */
export interface Methods {
  start: { params: DeviceConfig; result: Status };
  status: { params: null; result: Status };
  /** `seed` decides what chance has a say in, from 0 to 2^32 − 1; without one it is drawn. */
  inject: { params: { kind: string; seed?: number }; result: Injection };
  /** The region runs from now on, on trial if it is not accepted. */
  designate: { params: { region: number }; result: Status };
  /** A region that was given up may run again. */
  clear: { params: { region: number }; result: Status };
  /** Writes an image into a region that does not execute, verifies it and chooses it for the next start. */
  load: { params: { region: number; image: Uint8Array }; result: Status };
  /** Resolves with the next failover that is complete: the other version is ready. */
  nextFailover: { params: null; result: Failover };
  /** Resolves once the version is ready and a standby is parked. */
  standby: { params: null; result: null };
  /** Submits a host command; `data` is put into the host's buffers first, and is the source unless one is given. */
  command: { params: { command: HostCommand; data?: Uint8Array }; result: HostCompletion };
  soak: { params: SoakOptions; result: SoakReport };
  /** Ends the soak that is under way after its round; its report answers the call that began it. */
  endSoak: { params: null; result: null };
  drill: { params: { kind: string; failovers: number; calmMs: number }; result: DrillReport };
  /** Answered by the supervisor's main thread: shows that it lives. */
  ping: { params: null; result: null };
  stop: { params: null; result: null };
}
export type MethodName = keyof Methods;

/** Whether a client of a served device's control socket may call a method, too. */
const SERVED = {
  start: false,
  status: true,
  inject: true,
  designate: true,
  clear: true,
  load: true,
  nextFailover: false,
  standby: false,
  command: false,
  soak: false,
  endSoak: false,
  drill: false,
  ping: false,
  stop: true,
} as const satisfies Readonly<Record<MethodName, boolean>>;

export type ServedMethodName = {
  [N in MethodName]: (typeof SERVED)[N] extends true ? N : never;
}[MethodName];

export function isServed(method: string): method is ServedMethodName {
  return isMethod(method) && SERVED[method];
}

export function isMethod(method: string): method is MethodName {
  return Object.hasOwn(SERVED, method);
}

/** What a supervisor process tells without being asked, each with its value. */
export interface Notifications {
  "soak-progress": SoakProgress;
}

export interface Request {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

/** An answer carries `result` or `error`; a notification carries `event`. */
export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: AnsweredError;
}

export interface AnsweredError {
  readonly name: string;
  /** One sentence for whoever asked. */
  readonly message: string;
  /** Absent where the error is of none. */
  readonly kind?: ErrorKind;
}

/** What was thrown, as an answer. */
export function answerOf(thrown: unknown): AnsweredError {
  const { name, message } = thrown instanceof Error ? thrown : new Error(String(thrown));
  const kind = kindOf(thrown);
  return kind === undefined ? { name, message } : { name, message, kind };
}

/** Sends an answer; what cannot be sent, such as a result that no frame holds, is answered as an error. */
export function sendAnswer(connection: { send(value: Answer): boolean }, answer: Answer): void {
  try {
    connection.send(answer);
  } catch (error) {
    connection.send({ id: answer.id, error: answerOf(error) });
  }
}

export type Notification = {
  readonly [E in keyof Notifications]: { readonly event: E; readonly data: Notifications[E] };
}[keyof Notifications];

export function isRequest(value: unknown): value is Request {
  if (typeof value !== "object" || value === null) return false;
  const { id, method } = value as Partial<Request>;
  return Number.isSafeInteger(id) && typeof method === "string";
}
