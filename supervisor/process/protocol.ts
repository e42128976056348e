/**
 * What a client says to a supervisor process, and what it answers: the methods and their values.
 * They travel as msgpack frames (frames.ts) over the process's inherited socket.
 */

import type { UartOutput } from "../../controller/devices/uart-ring.ts";
import { type ErrorKind, kindOf } from "../../emulator/base/errors.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import type { DeviceConfig } from "../core/config.ts";
import type { Failover } from "../device/failover.ts";
import type { Status } from "../device/status.ts";
import type { Outcome } from "../faults/outcome.ts";
import type { HostCommand, HostCompletion } from "../host/host.ts";
import type { DrillReport } from "../soak/drill.ts";
import type { WorkRound } from "../soak/own-work.ts";
import type { SoakOptions, SoakProgress, SoakReport } from "../soak/soak.ts";

export interface Injection {
  /** The same kind with this seed does the same again; null where chance has no say. */
  readonly seed: number | null;
}

/** What the firmware sent through its UART, from some position on (controller/devices/uart-ring.ts). */
export interface UartAnswer extends UartOutput {
  /** When the device was powered on, milliseconds since 1970: positions count from there. */
  readonly powerOnMs: number;
}

/** A host command, with what it reads and writes in host memory. */
export interface CommandRequest {
  readonly command: HostCommand;
  /** Put into the host's buffers first, and the source unless one is given. */
  readonly data?: Uint8Array;
  /** So many bytes are read at the destination afterwards; without one it is a place behind the data. */
  readonly outputBytes?: number;
  /**
   * A version that has fetched nothing since its start is taken to have no queue: when the command is due it is taken
   * back (outcome `withdrawn`), and the version has not failed. Without it, such a version has, as it has for any host.
   */
  readonly withdraw?: boolean;
}

export interface CommandAnswer extends HostCompletion {
  readonly output?: Uint8Array;
}

/** A soak; with `ownWork` whoever asks does the host's work: it is told `soak-work`, and calls `worked`. */
export interface SoakRequest extends SoakOptions {
  readonly ownWork?: boolean;
}

/** What became of a fault, and what runs then. */
export interface InjectionOutcome extends Injection, Outcome {
  /** The region that runs, null for none, and its version. */
  readonly region: number | null;
  readonly version: string;
}

/** Methods of a supervisor process: parameters and result. */
export interface Methods {
  start: { params: DeviceConfig; result: Status };
  status: { params: null; result: Status };
  /** `seed` decides what chance has a say in, from 0 to 2^32 − 1; without one it is drawn. */
  inject: { params: { kind: string; seed?: number }; result: Injection };
  /**
   * Does a fault, and waits for what becomes of it. One that ends the supervisor process is answered by whoever starts the
   * next one; the process itself never answers.
   */
  injectAndAwait: { params: { kind: string; seed?: number }; result: InjectionOutcome };
  /** The region runs from now on, on trial if it is not accepted. */
  designate: { params: { region: number }; result: Status };
  /** A region that was given up may run again. */
  clear: { params: { region: number }; result: Status };
  /** Writes an image into a region that does not execute, verifies it and chooses it for the next start. */
  load: { params: { region: number; image: Uint8Array }; result: Status };
  /** Chooses a region for the next start, on trial if it is not accepted; the one that executes goes on. */
  activate: { params: { region: number }; result: Status };
  /**
   * What the firmware printed, from position `from` on (default: all that is kept), also of versions before. With
   * `waitMs` the answer comes when there is something, or after so long. A position of another power-on (`powerOnMs` is
   * what came with it) counts as the start of this one.
   */
  uart: { params: { from?: number; powerOnMs?: number; waitMs?: number }; result: UartAnswer };
  /** Characters for the firmware's UART, as far as there is room; with `waitMs` until there was room for all, or so long. */
  type: { params: { characters: Uint8Array; waitMs?: number }; result: { taken: number } };
  /** Bytes of host memory, at a physical address. */
  readHostMemory: { params: { address: number; bytes: number }; result: Uint8Array };
  /** Stores bytes into the host's buffers, at a physical address. */
  writeHostMemory: { params: { address: number; data: Uint8Array }; result: null };
  /** Resolves with the next failover that is complete: the other version is ready. */
  nextFailover: { params: null; result: Failover };
  /** Resolves once the version is ready and a standby is parked. */
  standby: { params: null; result: null };
  /** Submits a host command, and waits for its end. */
  command: { params: CommandRequest; result: CommandAnswer };
  /** The last crash dumps as files hold them, oldest first: those of the directory, or since power-on. */
  dumps: { params: null; result: readonly Uint8Array[] };
  soak: { params: SoakRequest; result: SoakReport };
  /** A round of work is over that a soak has told to be due. */
  worked: { params: WorkRound; result: null };
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
  injectAndAwait: true,
  designate: true,
  clear: true,
  load: true,
  activate: true,
  uart: true,
  type: true,
  readHostMemory: true,
  writeHostMemory: true,
  nextFailover: false,
  standby: false,
  command: true,
  dumps: false,
  soak: false,
  worked: false,
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

/** All of them. */
export const SERVED_METHODS: readonly string[] = Object.keys(SERVED).filter(isServed);

export function isMethod(method: string): method is MethodName {
  return Object.hasOwn(SERVED, method);
}

/** What a supervisor process tells without being asked, each with its value. */
export interface Notifications {
  "soak-progress": SoakProgress;
  /** A round of work is due. */
  "soak-work": null;
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
  const { name, message } = thrown instanceof Error ? thrown : new Error(errorMessage(thrown));
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
