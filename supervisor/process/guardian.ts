/**
 * The guardian: keeps a supervisor process running, from the process that started it.
 *
 * It pings over the process's socket; a process that exits, or does not answer in time (stopped, hung in an endless
 * loop), also while it starts, is killed and another one started from the flash file, as after a power cut; one that
 * only waits for a processor is waited for (pulse.ts). Invariants: at most one process has the flash file (it is
 * locked, and a process is known to be gone before the next one is told to start); restarts are bounded by a budget
 * and by a back-off, and when the guardian gives up it says why.
 *
 * A spare process is launched ahead and waits with its threads started: what a restart then takes is what powering
 * on takes. Calls made while no process runs wait for the next one; calls under way when it ends are rejected, since
 * what they asked for may or may not have been done.
 */

import type { ChildProcess } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import type { DeviceConfig } from "../core/config.ts";
import type { Status } from "../device/status.ts";
import { DeviceError, START_MS, SupervisorProcess } from "./client.ts";
import type { MethodName, Methods, Notification } from "./protocol.ts";
import type { PulseLimits } from "./pulse.ts";

export interface GuardianLimits extends PulseLimits {
  /** Restarts within windowMs after which the guardian gives up; null for any number. */
  readonly restarts: number | null;
  readonly windowMs: number;
}

/**
 * A supervisor's main thread never blocks for more than some milliseconds, but 16 busy processes on 2 cores hold a
 * process up for 40 ms at a time; to be late in killing a hung one is better than to kill a healthy one.
 */
export const DEFAULT_GUARDIAN_LIMITS: GuardianLimits = {
  pingMs: 50,
  answerMs: 500,
  startMs: START_MS,
  restarts: 5,
  windowMs: 60_000,
};

/** A restart that failed waits so long before the next one, doubled each time. */
const BACK_OFF_MS = 50;
const MAX_BACK_OFF_MS = 5_000;

/** Monotonic nanoseconds, comparable with those of the device. */
export interface Restart {
  /** Counts from 1. */
  readonly index: number;
  /** How the process before ended, or that it hung; one sentence. */
  readonly reason: string;
  readonly detectedNs: number;
  /** The new process has powered its device on: a version is being executed, or safe mode. */
  readonly startedNs: number;
  readonly status: Status;
}

export interface GuardianListener {
  onRestart?(restart: Restart): void;
  /** The guardian starts no further process. */
  onGivenUp?(reason: string): void;
  /** The process is late because it waits for a processor, which is told and waited out; one sentence. */
  onStarved?(account: string): void;
  onNotification?(notification: Notification): void;
}

export class Guardian {
  readonly #config: DeviceConfig;
  readonly #limits: GuardianLimits;
  readonly #listener: GuardianListener;
  #process: SupervisorProcess | undefined;
  #spare: SupervisorProcess | undefined;
  /** Times of the restarts within the window, oldest first. */
  #recent: number[] = [];
  #restarts = 0;
  /** The device has been powered on, and from then on its flash file holds something. */
  #hasStarted = false;
  /** Set while no process runs that could be asked. */
  #down: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #givenUp: string | undefined;
  #stopping = false;

  /** @param config with a flash file: without one a restarted device has forgotten everything */
  constructor(config: DeviceConfig, limits: Partial<GuardianLimits> = {}, listener: GuardianListener = {}) {
    this.#config = config;
    this.#limits = { ...DEFAULT_GUARDIAN_LIMITS, ...limits };
    this.#listener = listener;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Why no process is started any more, undefined while one is. */
  get givenUp(): string | undefined {
    return this.#givenUp;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /**
   * Starts the first process. Rejects with {@link DeviceError}: what fails the first time is not tried again, but a
   * process that hangs has not failed.
   */
  async start(child?: ChildProcess): Promise<Status> {
    const process = this.#launch(child);
    try {
      return await this.#begin(process);
    } catch (error) {
      const status = process.hung ? await this.#startAgain(process, errorMessage(error)) : undefined;
      if (status !== undefined) return status;
      await this.stop();
      throw this.#givenUp === undefined ? error : DeviceError.gone(this.#givenUp);
    }
  }

  /** Calls a method of the process that runs, or of the next one. Rejects with {@link DeviceError}. */
  async call<N extends MethodName>(method: N, params: Methods[N]["params"]): Promise<Methods[N]["result"]> {
    await this.#down?.promise;
    if (this.#givenUp !== undefined) throw DeviceError.gone(this.#givenUp);
    if (this.#process === undefined) throw DeviceError.gone("the device is off");
    return this.#process.call(method, params);
  }

  kill(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Powers off, and resolves when no process is left. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#spare?.kill("SIGKILL");
    this.#spare = undefined;
    await this.#process?.stop();
    this.#process = undefined;
    this.#up();
  }

  #launch(child?: ChildProcess): SupervisorProcess {
    const process = child === undefined ? this.#takeSpare() : this.#processOf(child);
    this.#process = process;
    return process;
  }

  #processOf(child?: ChildProcess): SupervisorProcess {
    return new SupervisorProcess({
      ...(child === undefined ? {} : { child }),
      pulse: this.#limits,
      onNotification: (notification) => this.#listener.onNotification?.(notification),
      onStarved: (account) => this.#listener.onStarved?.(account),
    });
  }

  /** The spare, if there is one that lives. */
  #takeSpare(): SupervisorProcess {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare?.alive === true ? spare : this.#processOf();
  }

  /** Powers a device on. From then on the process's end is followed by another one's start. */
  async #begin(process: SupervisorProcess): Promise<Status> {
    const status = await process.start({ ...this.#config, flashFileMustExist: this.#hasStarted });
    this.#hasStarted = this.#config.flashFile !== undefined;
    // One that cannot be launched is found dead when it is needed.
    if (!this.#stopping) this.#spare ??= this.#processOf();
    void process.ended.then((how) => this.#replace(process, how));
    return status;
  }

  /** `process` is dead or hangs: another one takes its place. */
  async #replace(process: SupervisorProcess, reason: string): Promise<void> {
    if (this.#process === process && !this.#stopping) await this.#startAgain(process, reason);
  }

  /** Starts processes until one runs, or gives up: then, and when it is told to stop, there is no status. */
  async #startAgain(ended: SupervisorProcess, reason: string): Promise<Status | undefined> {
    const detectedNs = monotonicNs();
    this.#process = undefined;
    let resolve = (): void => undefined;
    const promise = new Promise<void>((up) => (resolve = up));
    this.#down = { promise, resolve };
    if (!(await ended.end())) {
      this.#giveUp(`process ${ended.pid} cannot be ended; it hung: ${reason}`);
      return undefined;
    }
    let why = reason;
    for (let attempt = 0; !this.#stopping; attempt += 1) {
      if (!this.#mayRestart(why)) return undefined;
      if (attempt > 0) await delay(Math.min(BACK_OFF_MS * 2 ** (attempt - 1), MAX_BACK_OFF_MS));
      const started = await this.#restart(why, detectedNs);
      if (typeof started !== "string") return started;
      why = started;
    }
    return undefined;
  }

  /** Starts another process. Returns why it failed. */
  async #restart(reason: string, detectedNs: number): Promise<Status | string | undefined> {
    if (this.#stopping) return undefined;
    this.#restarts += 1;
    const index = this.#restarts;
    const process = this.#launch();
    try {
      const status = await this.#begin(process);
      if (this.#stopping) return undefined;
      this.#up();
      this.#listener.onRestart?.({ index, reason, detectedNs, startedNs: monotonicNs(), status });
      return status;
    } catch (error) {
      this.#process = undefined;
      await process.end();
      return errorMessage(error);
    }
  }

  #mayRestart(reason: string): boolean {
    const nowMs = monotonicNs() / 1e6;
    const { restarts, windowMs } = this.#limits;
    if (restarts === null) return true;
    this.#recent = [...this.#recent.filter((timeMs) => timeMs > nowMs - windowMs), nowMs];
    if (this.#recent.length <= restarts) return true;
    this.#giveUp(`${restarts} restarts within ${windowMs} ms did not help; the last reason: ${reason}`);
    return false;
  }

  #giveUp(reason: string): void {
    this.#givenUp = reason;
    this.#spare?.kill("SIGKILL");
    this.#spare = undefined;
    this.#up();
    this.#listener.onGivenUp?.(reason);
  }

  #up(): void {
    this.#down?.resolve();
    this.#down = undefined;
  }
}
