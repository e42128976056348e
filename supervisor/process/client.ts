/**
 * A supervisor process as the process that starts it holds it: spawn, calls, notifications, end.
 *
 * Invariants: every call ends: with its result, with the {@link DeviceError} that the supervisor answered, or with
 * one that says how the process ended. One that stands still while it owes an answer is ended by force. No process is
 * left behind: when the parent goes, its end of the socket closes and the supervisor ends itself.
 */

import type { ChildProcess } from "node:child_process";
import type { Duplex } from "node:stream";
import type { ErrorKind } from "../../emulator/base/errors.ts";
import { launchSupervisor } from "../launch.ts";
import { CONTROL_FD, FrameConnection } from "./frames.ts";
import type { Answer, AnsweredError, MethodName, Methods, Notification } from "./protocol.ts";

/** The supervisor refused or failed to do what was asked; `name` tells which of the named errors it was. */
export class DeviceError extends Error {
  /** What it is to whoever asked; undefined for an error that nobody expects. */
  readonly kind: ErrorKind | undefined;

  constructor(name: string, message: string, kind?: ErrorKind) {
    super(message);
    this.name = name;
    this.kind = kind;
  }

  static of({ name, message, kind }: AnsweredError): DeviceError {
    return new DeviceError(name, message, kind);
  }

  /** There is no process that could answer. */
  static gone(how: string): DeviceError {
    return new DeviceError("SupervisorGone", how, "finding");
  }
}

/** A device closes within some hundred milliseconds, also on a busy machine: longer is a process that stands still. */
const STOP_DEADLINE_MS = 5_000;
/** While answers are owed a sign of life is asked for so often, and is missed so many times before it is too often. */
const PING_MS = 1_000;
const MAX_MISSED = 5;

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: DeviceError) => void;
}

export interface SupervisorOptions {
  readonly onNotification?: (notification: Notification) => void;
  /** Default: one that shows no life while it owes an answer is ended. False where the caller sees to that. */
  readonly expectsLife?: boolean;
  /** A process that was launched ahead; default: a fresh one. */
  readonly child?: ChildProcess;
}

export class SupervisorProcess {
  readonly #child: ChildProcess;
  readonly #connection: FrameConnection;
  readonly #pending = new Map<number, Pending>();
  readonly #expectsLife: boolean;
  /** Resolves when the process has exited, with its exit code or signal. */
  readonly exited: Promise<string>;
  #nextId = 1;
  /** Pings since the last thing that was heard. */
  #missed = 0;
  #pinging: NodeJS.Timeout | undefined;
  #ending: string | undefined;

  constructor(options: SupervisorOptions = {}) {
    this.#child = options.child ?? launchSupervisor();
    this.#expectsLife = options.expectsLife ?? true;
    const socket = this.#child.stdio[CONTROL_FD] as unknown as Duplex;
    const onValue = (value: unknown): void => this.#take(value as Answer | Notification, options);
    this.#connection = new FrameConnection(socket, onValue, (reason) => {
      if (reason !== undefined) this.#fail(reason.message);
    });
    this.exited = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#fail(how);
        resolve(how);
      };
      this.#child.once("error", (error) => end(`the supervisor process cannot be started: ${error.message}`));
      this.#child.once("exit", (code, signal) =>
        end(
          signal === null
            ? `the supervisor process ended with exit code ${code}`
            : `the supervisor process was ended by ${signal}`,
        ),
      );
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Calls a method. Rejects with {@link DeviceError}. */
  call<N extends MethodName>(method: N, params: Methods[N]["params"]): Promise<Methods[N]["result"]> {
    if (this.#ending !== undefined) return Promise.reject(DeviceError.gone(this.#ending));
    this.#expectLife();
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: (value) => resolve(value as Methods[N]["result"]), reject });
      this.#connection.send({ id, method, params });
    });
  }

  /** Ends the device and its process, by force when it does not answer; resolves when the process is gone. */
  async stop(): Promise<void> {
    const force = setTimeout(() => this.kill("SIGKILL"), STOP_DEADLINE_MS);
    if (this.#ending === undefined) await this.call("stop", null).catch(() => undefined);
    this.#connection.close();
    await this.exited;
    clearTimeout(force);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Until nothing is owed. Pings are counted, and not time: this process may stand still itself. */
  #expectLife(): void {
    if (!this.#expectsLife || this.#pinging !== undefined) return;
    this.#missed = 0;
    this.#pinging = setInterval(() => {
      if (this.#pending.size === 0) {
        clearInterval(this.#pinging);
        this.#pinging = undefined;
      } else if (this.#missed++ < MAX_MISSED) {
        this.#connection.send({ id: this.#nextId++, method: "ping", params: null });
      } else {
        this.#fail("the supervisor process stood still and was ended");
        this.kill("SIGKILL");
      }
    }, PING_MS).unref();
  }

  #take(value: Answer | Notification, options: SupervisorOptions): void {
    this.#missed = 0;
    if ("event" in value) {
      options.onNotification?.(value);
      return;
    }
    const pending = this.#pending.get(value.id);
    if (pending === undefined) return;
    this.#pending.delete(value.id);
    if (value.error === undefined) pending.resolve(value.result);
    else pending.reject(DeviceError.of(value.error));
  }

  #fail(how: string): void {
    this.#ending ??= how;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(DeviceError.gone(how));
  }
}
