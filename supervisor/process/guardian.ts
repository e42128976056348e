/**
 * The guardian: keeps a supervisor process running, from the process that started it.
 *
 * It pings over the process's socket; a process that exits, or does not answer in time (stopped, hung in an endless
 * loop), is killed and another one started from the flash file, as after a power cut. Invariants: at most one
 * process has the flash file (it is locked, and a process is known to be gone before the next one is told to
 * start); restarts are bounded by a budget and by a back-off, and when the guardian gives up it says why.
 *
 * A spare process is launched ahead and waits with its threads started: what a restart then takes is what powering
 * on takes. Calls made while no process runs wait for the next one; calls under way when it ends are rejected, since
 * what they asked for may or may not have been done.
 */
import type { ChildProcess } from "node:child_process";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import type { DeviceConfig } from "../core/config.ts";
import type { Status } from "../device/status.ts";
import { launchSupervisor } from "../launch.ts";
import { WatchTime } from "../watch/watch-time.ts";
import { DeviceError, SupervisorProcess } from "./client.ts";
import type { MethodName, Methods, Notification } from "./protocol.ts";

export interface GuardianLimits {
  readonly pingMs: number;
  /** A process that has not answered a ping for this long hangs. */
  readonly answerMs: number;
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
  restarts: 5,
  windowMs: 60_000,
};

/** A restart that failed waits so long before the next one, doubled each time. */
const BACK_OFF_MS = 50;
const MAX_BACK_OFF_MS = 5_000;
/** A killed process is gone at once; one that is not hangs in the kernel. */
const EXIT_MS = 5_000;

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
  onNotification?(notification: Notification): void;
}

export class Guardian {
  readonly #config: DeviceConfig;
  readonly #limits: GuardianLimits;
  readonly #listener: GuardianListener;
  #process: SupervisorProcess | undefined;
  #spare: ChildProcess | undefined;
  #ping: NodeJS.Timeout | undefined;
  /** Times of the restarts within the window, oldest first. */
  #recent: number[] = [];
  #restarts = 0;
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

  /** Starts the first process. Rejects with {@link DeviceError}: what fails the first time is not tried again. */
  async start(child?: ChildProcess): Promise<Status> {
    const process = this.#launch(child);
    try {
      const status = await process.call("start", this.#config);
      this.#watch(process);
      return status;
    } catch (error) {
      await this.stop();
      throw error;
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
    clearInterval(this.#ping);
    this.#spare?.kill("SIGKILL");
    this.#spare = undefined;
    await this.#process?.stop();
    this.#process = undefined;
    this.#up();
  }

  #launch(child?: ChildProcess): SupervisorProcess {
    const spare = child ?? this.#takeSpare();
    const process = new SupervisorProcess({
      ...(spare === undefined ? {} : { child: spare }),
      expectsLife: false,
      onNotification: (notification) => this.#listener.onNotification?.(notification),
    });
    this.#process = process;
    return process;
  }

  /** The spare, if it still lives. */
  #takeSpare(): ChildProcess | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare?.exitCode === null && spare.signalCode === null ? spare : undefined;
  }

  #launchSpare(): void {
    if (this.#spare !== undefined) return;
    this.#spare = launchSupervisor();
    // One that cannot be started is found dead when it is needed.
    this.#spare.on("error", () => undefined);
  }

  /** From here on `process` is pinged, and its end is followed by another one's start. */
  #watch(process: SupervisorProcess): void {
    this.#launchSpare();
    const { pingMs, answerMs } = this.#limits;
    // A late ping loses all but an ordinary timer's lateness: the answer waits for the same event loop.
    const time = new WatchTime(pingMs * 1.5, monotonicNs());
    let answeredNs = time.ns;
    let asked = false;
    const ping = setInterval(() => {
      time.tick(monotonicNs());
      if (time.ns - answeredNs >= answerMs * 1e6) {
        clearInterval(ping);
        void this.#replace(process, `the supervisor process did not answer for ${answerMs} ms`);
        return;
      }
      if (asked) return;
      asked = true;
      process.call("ping", null).then(
        () => {
          asked = false;
          answeredNs = time.ns;
        },
        // Its end is told by `exited`.
        () => undefined,
      );
    }, pingMs);
    this.#ping = ping;
    void process.exited.then((how) => {
      clearInterval(ping);
      void this.#replace(process, how);
    });
  }

  /** `process` is dead or hangs: another one takes its place. */
  async #replace(process: SupervisorProcess, reason: string): Promise<void> {
    if (this.#process !== process || this.#stopping) return;
    const detectedNs = monotonicNs();
    this.#process = undefined;
    let resolve = (): void => undefined;
    const promise = new Promise<void>((up) => (resolve = up));
    this.#down = { promise, resolve };
    process.kill("SIGKILL");
    if (!(await isGone(process))) {
      this.#giveUp(`process ${process.pid} cannot be ended; it hung: ${reason}`);
      return;
    }
    let why = reason;
    for (let attempt = 0; !this.#stopping; attempt += 1) {
      if (!this.#mayRestart(why)) return;
      if (attempt > 0) await delay(Math.min(BACK_OFF_MS * 2 ** (attempt - 1), MAX_BACK_OFF_MS));
      const failure = await this.#restart(why, detectedNs);
      if (failure === undefined) return;
      why = failure;
    }
  }

  /** Starts another process. Returns why it failed. */
  async #restart(reason: string, detectedNs: number): Promise<string | undefined> {
    if (this.#stopping) return undefined;
    this.#restarts += 1;
    const process = this.#launch();
    try {
      const status = await process.call("start", this.#config);
      if (this.#stopping) return undefined;
      this.#watch(process);
      this.#up();
      this.#listener.onRestart?.({
        index: this.#restarts,
        reason,
        detectedNs,
        startedNs: monotonicNs(),
        status,
      });
      return undefined;
    } catch (error) {
      this.#process = undefined;
      process.kill("SIGKILL");
      await isGone(process);
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

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Whether a killed process has exited within EXIT_MS. */
async function isGone(process: SupervisorProcess): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), EXIT_MS);
  });
  const gone = await Promise.race([process.exited.then(() => true), late]);
  clearTimeout(timer);
  return gone;
}
