/**
 * A supervisor process as the process that starts it holds it: spawn, calls, notifications, end.
 *
 * Invariants: every call ends: with its result, with the {@link DeviceError} that the supervisor answered, or with
 * one that says how the process ended. One that stands still while it owes an answer is ended by force. No process is
 * left behind: when the parent goes, its end of the socket closes and the supervisor ends itself.
 */

import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { getSystemErrorName } from "node:util";
import { monotonicNs } from "../../emulator/base/clock.ts";
import type { ErrorKind } from "../../emulator/base/errors.ts";
import type { DeviceConfig } from "../core/config.ts";
import type { Status } from "../device/status.ts";
import { launchSupervisor } from "../launch.ts";
import { Heartbeat } from "../watch/heartbeat.ts";
import { WatchTime } from "../watch/watch-time.ts";
import { EXIT_ACCIDENT, EXIT_LACKING } from "./fatal.ts";
import { CONTROL_FD, FrameConnection } from "./frames.ts";
import type { Answer, AnsweredError, MethodName, Methods, Notification } from "./protocol.ts";
import { Pulse, type PulseLimits, processThread } from "./pulse.ts";

/** The supervisor refused or failed to do what was asked; `name` tells which of the named errors it was. */
export class DeviceError extends Error {
  /** What it is to whoever asked; undefined for an error that nobody expects. */
  readonly kind: ErrorKind | undefined;

  constructor(name: string, message: string, kind?: ErrorKind) {
    super(message);
    this.name = name;
    this.kind = kind;
  }

  /** @internal */
  static of({ name, message, kind }: AnsweredError): DeviceError {
    return new DeviceError(name, message, kind);
  }

  /**
   * There is no process that could answer.
   * @internal
   */
  static gone(how: string, kind: ErrorKind = "finding"): DeviceError {
    return new DeviceError("SupervisorGone", how, kind);
  }
}

/** A device closes within some hundred milliseconds, also on a busy machine: longer is a process that stands still. */
const STOP_DEADLINE_MS = 5_000;
/** A killed process is gone at once; one that is not, though it waits for no processor, hangs in the kernel. */
const EXIT_MS = 5_000;
const EXIT_LOOK_MS = 50;

/** The memory emulator worker says within half of that what keeps it from starting. */
export const START_MS = 20_000;
const DEFAULT_PULSE_LIMITS: PulseLimits = { pingMs: 1_000, answerMs: 5_000, startMs: START_MS };

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: DeviceError) => void;
}

export interface SupervisorOptions {
  readonly onNotification?: (notification: Notification) => void;
  /** It is late because it waits for a processor; one sentence. */
  readonly onStarved?: (account: string) => void;
  /** Default: it is to show life while it owes an answer. With limits: all the time from its start on. */
  readonly pulse?: PulseLimits;
  /** A process that was launched ahead; default: a fresh one. */
  readonly child?: ChildProcess;
  /** Whether its process keeps this program alive while it runs (default), or only while it owes an answer. */
  readonly holdsProgram?: boolean;
}

export class SupervisorProcess {
  readonly #child: ChildProcess;
  /** Undefined of a process that could not be started. */
  readonly #connection: FrameConnection | undefined;
  /** Undefined where it holds this program anyhow. */
  readonly #held: Socket | undefined;
  readonly #pending = new Map<number, Pending>();
  readonly #pulse: Pulse;
  /** The pulse goes on while no answer is owed. */
  readonly #always: boolean;
  /** Resolves when nothing is to be had from the process any more, with how it ended, or that it hung. */
  readonly ended: Promise<string>;
  /** Resolves when the process has exited. */
  readonly #exited: Promise<void>;
  #nextId = 1;
  /** Its device was powered on: what happens from then on is the device's. */
  #started = false;
  #ending: DeviceError | undefined;
  #hung = false;
  #onEnd: (how: string) => void = () => undefined;

  constructor(options: SupervisorOptions = {}) {
    this.#child = options.child ?? launchSupervisor();
    this.#always = options.pulse !== undefined;
    this.#pulse = this.#pulseOf(options);
    this.ended = new Promise((resolve) => (this.#onEnd = resolve));
    const socket = this.#socket();
    this.#connection = this.#connect(socket, options);
    if (options.holdsProgram === false) {
      this.#held = socket;
      this.#child.unref();
      socket?.unref();
    }
    this.#exited = new Promise((resolve) => {
      const end = (how: string, kind?: ErrorKind): void => {
        this.#fail(how, kind);
        resolve();
      };
      const unstarted = (why: string): void =>
        end(`the supervisor process cannot be started: ${why}`, "resource");
      const { exitCode } = this.#child;
      // Of one that was launched ahead.
      if (exitCode !== null && exitCode < 0) unstarted(getSystemErrorName(exitCode));
      this.#child.once("error", (error) => unstarted(error.message));
      this.#child.once("exit", (code, signal) => end(describeExit(code, signal), this.#kindOfEnd(code)));
    });
    // Its answer shows that it has been loaded, whenever it is started.
    this.#ping();
  }

  #socket(): Socket | undefined {
    const stdio = this.#child.stdio as ChildProcess["stdio"] | undefined;
    // The pipe of a child is a socket, which its type does not tell.
    return (stdio?.[CONTROL_FD] ?? undefined) as Socket | undefined;
  }

  #connect(socket: Socket | undefined, options: SupervisorOptions): FrameConnection | undefined {
    if (socket === undefined) return undefined;
    const onValue = (value: unknown): void => this.#take(value as Answer | Notification, options);
    return new FrameConnection(socket, onValue, (reason) => {
      if (reason !== undefined) this.#fail(reason.message);
    });
  }

  /**
   * V8 ends a process that gets no memory to begin with by a signal, and where there are no threads it stands still. One
   * that gives itself up before its device is on says nothing of the device, whatever its exit code.
   */
  #kindOfEnd(code: number | null): ErrorKind {
    if (code === EXIT_LACKING || (code === null && !this.#started)) return "resource";
    return code === EXIT_ACCIDENT || !this.#started ? "unjudged" : "finding";
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get alive(): boolean {
    return this.#ending === undefined;
  }

  /** It was given up because it stood still, and not because it failed. */
  get hung(): boolean {
    return this.#hung;
  }

  /** Powers the device on. Rejects with {@link DeviceError}; a process that stands still meanwhile is ended. */
  async start(config: DeviceConfig): Promise<Status> {
    if (this.#ending === undefined) this.#pulse.expectStart();
    try {
      const status = await this.call("start", config);
      this.#started = true;
      return status;
    } finally {
      this.#pulse.started();
    }
  }

  /** Calls a method. Rejects with {@link DeviceError}. */
  call<N extends MethodName>(method: N, params: Methods[N]["params"]): Promise<Methods[N]["result"]> {
    if (this.#ending !== undefined) return Promise.reject(this.#ending);
    this.#pulse.run();
    this.#held?.ref();
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: (value) => resolve(value as Methods[N]["result"]), reject });
      this.#connection?.send({ id, method, params });
    });
  }

  /** Ends the device and its process, by force when it does not answer; resolves when the process is gone. */
  async stop(): Promise<void> {
    const force = setTimeout(() => this.kill("SIGKILL"), STOP_DEADLINE_MS);
    if (this.#ending === undefined) await this.call("stop", null).catch(() => undefined);
    this.#pulse.end();
    this.#connection?.close();
    await this.#exited;
    clearTimeout(force);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends the process by force. False when it is still there after {@link EXIT_MS}, which tell it from a starved one. */
  async end(): Promise<boolean> {
    this.kill("SIGKILL");
    const thread = processThread(this.pid);
    const time = new WatchTime(EXIT_LOOK_MS * 1.5, monotonicNs());
    const exit = new Heartbeat(EXIT_MS, Number.POSITIVE_INFINITY);
    let timer: NodeJS.Timeout | undefined;
    const hangs = new Promise<boolean>((resolve) => {
      timer = setInterval(() => {
        time.tick(monotonicNs());
        if (exit.look(0, time.ns, thread)) resolve(false);
      }, EXIT_LOOK_MS);
    });
    const gone = await Promise.race([this.#exited.then(() => true), hangs]);
    clearInterval(timer);
    return gone;
  }

  #pulseOf({ pulse = DEFAULT_PULSE_LIMITS, onStarved }: SupervisorOptions): Pulse {
    return new Pulse(processThread(this.pid), pulse, {
      ask: () => this.#ping(),
      onHang: (reason) => {
        this.#hung = true;
        this.#fail(reason, this.#kindOfEnd(null));
        this.kill("SIGKILL");
      },
      onStarved: (account) => onStarved?.(account),
    });
  }

  #ping(): void {
    this.#connection?.send({ id: this.#nextId++, method: "ping", params: null });
  }

  #take(value: Answer | Notification, options: SupervisorOptions): void {
    this.#pulse.beat();
    if ("event" in value) {
      options.onNotification?.(value);
      return;
    }
    const pending = this.#pending.get(value.id);
    if (pending === undefined) return;
    this.#pending.delete(value.id);
    if (this.#pending.size === 0) this.#rest();
    if (value.error === undefined) pending.resolve(value.result);
    else pending.reject(DeviceError.of(value.error));
  }

  /** It owes nothing. */
  #rest(): void {
    if (!this.#always) this.#pulse.end();
    this.#held?.unref();
  }

  #fail(how: string, kind?: ErrorKind): void {
    this.#ending ??= DeviceError.gone(how, kind);
    this.#pulse.end();
    this.#onEnd(this.#ending.message);
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(this.#ending);
  }
}

function describeExit(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `the supervisor process was ended by ${signal}`;
  if (code === EXIT_LACKING) return "the supervisor process ended: the machine has too little for it";
  if (code === EXIT_ACCIDENT) {
    return "the supervisor process ended by an accident of flipside itself, which it has told on standard error";
  }
  return `the supervisor process ended with exit code ${code}`;
}
