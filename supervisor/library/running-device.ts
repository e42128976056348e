/**
 * A device as a program of its own holds it: everything that can be asked of one or done to it, over the supervisor
 * process that it lives in. Invariants: a device that nobody waits for keeps no program alive; what is asked while its
 * process is being started again waits for the next one.
 */
import { HOST_BASE } from "../../emulator/memory/map.ts";
import { QUEUE_BYTES } from "../../emulator/memory/queues.ts";
import type { DeviceConfig } from "../core/config.ts";
import { type CrashDump, DumpError, decodeDump } from "../device/dump.ts";
import type { Failover } from "../device/failover.ts";
import type { Status } from "../device/status.ts";
import type { HostCommand } from "../host/host.ts";
import { DeviceError, type SupervisorProcess } from "../process/client.ts";
import type { CommandAnswer, Injection, MethodName, Methods, UartAnswer } from "../process/protocol.ts";
import type { DrillReport } from "../soak/drill.ts";
import type { SoakOptions, SoakReport } from "../soak/soak.ts";
import { Rounds } from "../workload/rounds.ts";
import type { Workload } from "../workload/workload.ts";

/** What an AbortSignal has of it. */
export interface EndSignal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Which part of the UART's output. */
export interface UartOptions {
  /** Position; default: all that is kept. */
  readonly from?: number;
  /** What came with that position: one of another power-on counts as the start of this one. */
  readonly powerOnMs?: number;
  /** So long the answer waits for a first character. Default: not at all. */
  readonly waitMs?: number;
}

/** What the firmware printed. */
export interface UartText extends UartAnswer {
  /** Its bytes as UTF-8. */
  readonly text: string;
}

export interface CommandOptions {
  /** So many bytes are read at the destination afterwards; without one that is a place behind the data. */
  readonly outputBytes?: number;
  /**
   * Of a version that has fetched nothing since its start the command is taken back when it is due (outcome
   * `withdrawn`), and the version has not failed by it. Default: false, it has, as it has for any host.
   */
  readonly withdraw?: boolean;
}

/** A part of physical memory. */
export interface MemoryRange {
  /** Physical. */
  readonly address: number;
  readonly bytes: number;
}

/**
 * A running controller. Methods reject with {@link DeviceError}; after its process has ended, always, until
 * {@link RunningDevice.restart}. `await using device = await startDevice()` stops it at the end of its scope.
 */
export interface RunningDevice extends AsyncDisposable {
  /** Of the supervisor process. */
  readonly pid: number | undefined;
  /** Host memory that commands may use for their data; the queues before it are the host driver's. */
  readonly hostMemory: MemoryRange;

  status(): Promise<Status>;
  /**
   * Does a fault of `FAULTS` to the controller; resolves once it is under way. One of
   * `PROCESS_FAULT_KINDS` ends its process: {@link RunningDevice.restart} goes on from the flash file.
   * @param seed of what chance has a say in, from 0 to 2^32 − 1 (default: drawn, and told by the result)
   */
  inject(kind: string, seed?: number): Promise<Injection>;
  /**
   * The next failover that ends after this call: the other version is ready, or has failed in its turn before it was
   * (then `readyNs` is 0).
   */
  nextFailover(): Promise<Failover>;
  /** Resolves once the version that executes is ready and a standby is parked: the next failover will be fast. */
  standby(): Promise<void>;

  /** Writes an MCUboot image into a region that does not execute, verifies it and chooses it for the next start. */
  load(region: number, image: Uint8Array): Promise<Status>;
  /** Chooses a region for the next start, on trial if it is not accepted; in safe mode that start follows at once. */
  activate(region: number): Promise<Status>;
  /** Stops what executes and starts a region, on trial if it is not accepted. */
  designate(region: number): Promise<Status>;
  /** Lets a region run again that was given up. */
  clear(region: number): Promise<Status>;

  /**
   * Submits a host command to the firmware.
   * @param data goes to the begin of {@link RunningDevice.hostMemory} first, and is the source where none is given
   */
  command(command: HostCommand, data?: Uint8Array, options?: CommandOptions): Promise<CommandAnswer>;
  /** Reads host memory, the queues included. @param address physical */
  readHostMemory(address: number, bytes: number): Promise<Uint8Array>;
  /** Writes host memory. @param address physical, within {@link RunningDevice.hostMemory} */
  writeHostMemory(address: number, data: Uint8Array): Promise<void>;

  /** What the firmware printed, also of versions before, as far as it is kept. */
  uart(options?: UartOptions): Promise<UartText>;
  /** Characters for the firmware's UART. Resolves with how many of them there was room for. */
  type(characters: string | Uint8Array): Promise<number>;
  /** The last crash dumps, oldest first, 32 at most: of `dumpDirectory`, or since power-on. */
  dumps(): Promise<readonly CrashDump[]>;

  /**
   * Power is cut, wherever the device just is, and comes back: resolves once it is powered on again from its flash file.
   * @param seed of what a flash operation in progress leaves of its unit (default: drawn)
   */
  powerCut(seed?: number): Promise<Status>;
  /** Starts a process from the flash file in the place of the one that ended; one that still runs is powered off before. */
  restart(): Promise<Status>;

  /**
   * A soak: fault after fault, each checked.
   * @param signal ends it early, after the round that is under way; the report is of what was done
   * @param workload the host's work before each fault, in the place of the soak's own; what it throws ends the soak
   */
  soak(options: SoakOptions, signal?: EndSignal, workload?: Workload): Promise<SoakReport>;
  /**
   * One kind of fault, `failovers` times, as fast as the controller comes back.
   * @param calmMs for how long nothing happens before each
   */
  drill(kind: string, failovers: number, calmMs?: number): Promise<DrillReport>;

  /** Powers off and ends the process. */
  stop(): Promise<void>;
}

/** A process that is to die by a fault is gone after this long, or hangs by it. */
const DEATH_MS = 1_000;
const POWER_CUT = "power-cut";

export class ProcessDevice implements RunningDevice {
  readonly #config: DeviceConfig;
  readonly #launch: () => SupervisorProcess;
  /** Kinds that end the process, or make it hang. */
  readonly #endingKinds: ReadonlySet<string>;
  #process: SupervisorProcess;
  /** A fault is under way that ends the process. */
  #dying = false;
  #restarting: Promise<Status> | undefined;
  #stopped = false;
  /** Of the soak that was begun last. */
  #rounds: Rounds | undefined;
  readonly hostMemory: MemoryRange;

  /** @param process whose device was started with `config` */
  constructor(
    process: SupervisorProcess,
    config: DeviceConfig,
    launch: () => SupervisorProcess,
    endingKinds: readonly string[],
  ) {
    this.#process = process;
    this.#config = config;
    this.#launch = launch;
    this.#endingKinds = new Set(endingKinds);
    const { hostBytes } = config.memory;
    this.hostMemory = { address: HOST_BASE + QUEUE_BYTES, bytes: hostBytes - QUEUE_BYTES };
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  status(): Promise<Status> {
    return this.#call("status", null);
  }

  async inject(kind: string, seed?: number): Promise<Injection> {
    const injection = await this.#call("inject", seed === undefined ? { kind } : { kind, seed });
    if (this.#endingKinds.has(kind)) this.#dying = true;
    return injection;
  }

  nextFailover(): Promise<Failover> {
    return this.#call("nextFailover", null);
  }

  async standby(): Promise<void> {
    await this.#call("standby", null);
  }

  load(region: number, image: Uint8Array): Promise<Status> {
    return this.#call("load", { region, image });
  }

  activate(region: number): Promise<Status> {
    return this.#call("activate", { region });
  }

  designate(region: number): Promise<Status> {
    return this.#call("designate", { region });
  }

  clear(region: number): Promise<Status> {
    return this.#call("clear", { region });
  }

  command(command: HostCommand, data?: Uint8Array, options: CommandOptions = {}): Promise<CommandAnswer> {
    return this.#call("command", { ...options, command, ...(data === undefined ? {} : { data }) });
  }

  readHostMemory(address: number, bytes: number): Promise<Uint8Array> {
    return this.#call("readHostMemory", { address, bytes });
  }

  async writeHostMemory(address: number, data: Uint8Array): Promise<void> {
    await this.#call("writeHostMemory", { address, data });
  }

  async uart(options: UartOptions = {}): Promise<UartText> {
    const answer = await this.#call("uart", options);
    return { ...answer, text: new TextDecoder().decode(answer.bytes) };
  }

  async type(characters: string | Uint8Array): Promise<number> {
    const bytes = typeof characters === "string" ? new TextEncoder().encode(characters) : characters;
    const { taken } = await this.#call("type", { characters: bytes });
    return taken;
  }

  async dumps(): Promise<readonly CrashDump[]> {
    const files = await this.#call("dumps", null);
    return files.map((bytes, index) => {
      try {
        return decodeDump(bytes);
      } catch (error) {
        if (!(error instanceof DumpError)) throw error;
        throw new DeviceError(error.name, `dump ${index} cannot be read: ${error.message}`, "usage");
      }
    });
  }

  async powerCut(seed?: number): Promise<Status> {
    this.#requireFlashFile("powerCut");
    await this.inject(POWER_CUT, seed);
    return this.restart();
  }

  restart(): Promise<Status> {
    this.#restarting ??= this.#restart().finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  async soak(options: SoakOptions, signal?: EndSignal, workload?: Workload): Promise<SoakReport> {
    if (workload !== undefined && typeof workload !== "function")
      throw new DeviceError("RequestError", "the workload is no function", "usage");
    const rounds = workload === undefined ? undefined : new Rounds(workload, this, options.seed);
    this.#rounds = rounds;
    const report = this.#call("soak", rounds === undefined ? options : { ...options, ownWork: true });
    const end = (): void => void this.#call("endSoak", null).catch(() => undefined);
    if (signal?.aborted === true) end();
    signal?.addEventListener("abort", end);
    const done = await report.finally(() => signal?.removeEventListener("abort", end));
    if (rounds?.thrown !== undefined) throw rounds.thrown.error;
    return done;
  }

  /** A soak says that a round of work is due. */
  async work(): Promise<void> {
    const round = await this.#rounds?.run();
    // A process that is gone has ended the soak, too.
    if (round !== undefined) await this.#call("worked", round).catch(() => undefined);
  }

  drill(kind: string, failovers: number, calmMs = 0): Promise<DrillReport> {
    return this.#call("drill", { kind, failovers, calmMs });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#restarting?.catch(() => undefined);
    await this.#process.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #call<N extends MethodName>(method: N, params: Methods[N]["params"]): Promise<Methods[N]["result"]> {
    // Whoever began the restart is told what became of it; here the next call fails.
    await this.#restarting?.catch(() => undefined);
    return this.#process.call(method, params);
  }

  #requireFlashFile(what: string): void {
    if (this.#config.flashFile !== undefined) return;
    const message = `${what} needs a device with a flashFile: without one nothing is kept over the end of its process`;
    throw new DeviceError("RequestError", message, "usage");
  }

  async #restart(): Promise<Status> {
    this.#requireFlashFile("restart");
    if (this.#stopped) throw new DeviceError("RequestError", "the device was stopped", "usage");
    if (this.#dying) await this.#awaitDeath();
    else await this.#process.stop();
    this.#dying = false;
    const process = this.#launch();
    this.#process = process;
    try {
      return await process.start({ ...this.#config, flashFileMustExist: true });
    } catch (error) {
      await process.stop();
      throw error;
    }
  }

  /** A fault is on its way to the process: it ends by that, or by force. */
  async #awaitDeath(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, DEATH_MS);
    });
    await Promise.race([this.#process.ended, late]);
    clearTimeout(timer);
    if (await this.#process.end()) return;
    throw DeviceError.gone(`process ${this.pid} does not end`);
  }
}
