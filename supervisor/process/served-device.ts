/**
 * A device served from a directory: its flash file, its dumps and its control socket lie there, a guardian keeps its
 * supervisor process running.
 */
import { closeSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { imageRequirements, verifyImage } from "../../controller/image/verify.ts";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { kindOf } from "../../emulator/base/errors.ts";
import { HOST_BASE } from "../../emulator/memory/map.ts";
import { QUEUE_BYTES } from "../../emulator/memory/queues.ts";
import { describe, errorCode, nodeFileSystem } from "../../emulator/persist/file-system.ts";
import { FileLockError, openLocked } from "../../emulator/persist/locked-file.ts";
import type { DeviceConfig } from "../core/config.ts";
import { runningVersion, type Status } from "../device/status.ts";
import { PROCESS_FAULT_KINDS } from "../faults/catalogue.ts";
import { drawSeed, isSeeded } from "../faults/chance.ts";
import { DeviceError } from "./client.ts";
import { ControlServer, requireSocketPath } from "./control-server.ts";
import { Guardian, type GuardianLimits, type GuardianListener } from "./guardian.ts";
import { type InjectionOutcome, isServed, type Methods, type ServedMethodName } from "./protocol.ts";
import { type Provisioning, provision } from "./provisioning.ts";
import { RequestError, shown } from "./requests.ts";
import { Restarts } from "./restarts.ts";
import { servedParams } from "./served-requests.ts";

/** Room for a request's envelope beside an image, or all that fits into host memory. */
const ENVELOPE_BYTES = 4096;

/** Within which a process that was made to end is followed by the next: one that hangs is found within a second. */
const RESTART_MS = 60_000;

export function flashPath(directory: string): string {
  return join(directory, "device.flash");
}

export function controlPath(directory: string): string {
  return join(directory, "control.sock");
}

/**
 * One process serves a directory, also in the moments in which no supervisor process has its flash file.
 * Returns the descriptor that holds the lock. Throws {@link DeviceError}.
 */
function lockDirectory(directory: string): number {
  try {
    return openLocked(nodeFileSystem, join(directory, "serve.lock"), "any");
  } catch (error) {
    if (error instanceof FileLockError) {
      const message = `the directory ${directory} is served already, by ${error.holder}`;
      throw new DeviceError("DirectoryServed", message, "usage");
    }
    if (errorCode(error) === undefined) throw error;
    const message = `the directory ${directory} cannot be served: ${describe(error)}`;
    throw new DeviceError("DirectoryUnusable", message, kindOf(error) ?? "usage");
  }
}

/** What `status` answers over the socket. */
export interface ServedStatus extends Status {
  /** Of the supervisor process. */
  readonly pid: number | null;
  /** Supervisor processes started because the one before ended or hung. */
  readonly processRestarts: number;
  /** What an image to be loaded may have at most. */
  readonly regionBytes: number;
  /** The host's buffers: their physical address, and how many bytes they have. */
  readonly hostBufferAddress: number;
  readonly hostBufferBytes: number;
}

/** What a client of the socket may call: as the supervisor process answers it, but for `status`. */
export type ServedMethods = {
  [N in ServedMethodName]: {
    params: Methods[N]["params"];
    result: N extends "status" ? ServedStatus : Methods[N]["result"];
  };
};

export interface ServedListener extends GuardianListener {
  /** A client asked for the end. */
  onStop?(): void;
}

export class ServedDevice {
  readonly #guardian: Guardian;
  readonly #restarts = new Restarts();
  readonly #server: ControlServer;
  readonly #directory: string;
  readonly #provisioning: Provisioning;
  readonly #listener: ServedListener;
  readonly #config: DeviceConfig;
  /** Descriptor that holds the directory's lock. */
  #lock: number | undefined;

  constructor(
    directory: string,
    config: Omit<DeviceConfig, "flashFile" | "dumpDirectory">,
    limits: Partial<GuardianLimits> = {},
    listener: ServedListener = {},
    provisioning: Provisioning = { named: [], anew: false },
  ) {
    this.#provisioning = provisioning;
    this.#directory = directory;
    this.#listener = listener;
    const kept: DeviceConfig = {
      ...config,
      // What raw memory holds is not the factory's to program over.
      images: provisioning.raw === undefined ? config.images : [],
      flashFile: flashPath(directory),
      dumpDirectory: join(directory, "dumps"),
    };
    this.#config = kept;
    this.#guardian = new Guardian(kept, limits, this.#restarts.hearing(listener));
    const { regionBytes, hostBytes } = config.memory;
    const maxFrameBytes = Math.max(regionBytes, hostBytes) + ENVELOPE_BYTES;
    this.#server = new ControlServer((method, params) => this.#handle(method, params), maxFrameBytes);
  }

  /** Rejects with what keeps the device from starting, or the socket from being served. */
  async start(): Promise<Status> {
    requireSocketPath(controlPath(this.#directory));
    mkdirSync(join(this.#directory, "dumps"), { recursive: true, mode: 0o700 });
    this.#lock = lockDirectory(this.#directory);
    try {
      provision(flashPath(this.#directory), this.#config.memory, this.#provisioning);
      const status = await this.#guardian.start();
      await this.#server.listen(controlPath(this.#directory));
      return status;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#server.close();
    await this.#guardian.stop();
    if (this.#lock !== undefined) closeSync(this.#lock);
    this.#lock = undefined;
  }

  /** What the firmware printed, as the control socket's `uart` answers it. Rejects with {@link DeviceError}. */
  readUart(params: Methods["uart"]["params"]): Promise<Methods["uart"]["result"]> {
    return this.#guardian.call("uart", params);
  }

  async #handle(method: string, sent: unknown): Promise<unknown> {
    if (!isServed(method)) throw new DeviceError("NoSuchMethod", `there is no method ${shown(method)}`);
    const params = this.#check(method, sent);
    if (method === "injectAndAwait" && params !== null && "kind" in params && endsProcess(params.kind)) {
      return this.#injectIntoProcess(params);
    }
    if (method === "stop") {
      // The answer goes out first.
      setImmediate(() => this.#listener.onStop?.());
      return null;
    }
    const result = await this.#guardian.call(method, params);
    return method === "status" ? this.#status(result as Status) : result;
  }

  /** Nobody in the process is left to say what became of it: the next one's start does. */
  async #injectIntoProcess({
    kind,
    seed = drawSeed(),
  }: Methods["inject"]["params"]): Promise<InjectionOutcome> {
    const beganNs = monotonicNs();
    const restarted = this.#restarts.next(RESTART_MS);
    const asked = this.#guardian.call("inject", { kind, seed }).catch((error: unknown) => {
      // It may end before it answers.
      if (error instanceof DeviceError && error.name === "SupervisorGone") return;
      throw error;
    });
    const [{ reason, detectedNs, startedNs, status }] = await Promise.all([restarted, asked]);
    return {
      seed: isSeeded(kind) ? seed : null,
      effect: "process-restarted",
      evidence: null,
      detectMs: Math.round((detectedNs - beganNs) / 1e6),
      recoverMs: Math.round((startedNs - beganNs) / 1e6),
      message: `${reason}; another one powered the device on`,
      ...runningVersion(status),
    };
  }

  /** Refuses what can never be done before anything is changed: a load erases a region first. */
  #check(method: ServedMethodName, sent: unknown): Methods[ServedMethodName]["params"] {
    try {
      const params = servedParams(method, sent, this.#config.memory);
      if (params !== null && "image" in params) requireRunnable(params.image, this.#config);
      return params;
    } catch (error) {
      if (error instanceof RequestError) throw new DeviceError("BadInput", error.message, "usage");
      throw error;
    }
  }

  #status(status: Status): ServedStatus {
    return {
      ...status,
      pid: this.#guardian.pid ?? null,
      processRestarts: this.#guardian.restarts,
      regionBytes: this.#config.memory.regionBytes,
      hostBufferAddress: HOST_BASE + QUEUE_BYTES,
      hostBufferBytes: this.#config.memory.hostBytes - QUEUE_BYTES,
    };
  }
}

function endsProcess(kind: string): boolean {
  return PROCESS_FAULT_KINDS.some((known) => known === kind);
}

function requireRunnable(image: Uint8Array, config: DeviceConfig): void {
  const verified = verifyImage(image, imageRequirements(config), config.memory.regionBytes);
  if (!verified.ok) throw new RequestError(`the image cannot be run: ${verified.fault.message}`);
}
