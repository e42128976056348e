/**
 * A device served from a directory: its flash file, its dumps and its control socket lie there, a guardian keeps its
 * supervisor process running.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type FileLock, lockFile } from "../emulator/file-lock.ts";
import { DeviceError } from "./client.ts";
import type { DeviceConfig } from "./config.ts";
import { ControlServer } from "./control-server.ts";
import { Guardian, type GuardianLimits, type GuardianListener } from "./guardian.ts";
import type { MethodName, Methods } from "./protocol.ts";
import type { Status } from "./status.ts";

/** Room for a request's envelope beside an image. */
const ENVELOPE_BYTES = 4096;

export function controlPath(directory: string): string {
  return join(directory, "control.sock");
}

/** What `status` answers over the socket. */
export interface ServedStatus extends Status {
  /** Of the supervisor process. */
  readonly pid: number | null;
  /** Supervisor processes started because the one before ended or hung. */
  readonly processRestarts: number;
}

export interface ServedListener extends GuardianListener {
  /** A client asked for the end. */
  onStop?(): void;
}

/** Methods that a client of the socket may call. */
const SERVED: ReadonlySet<string> = new Set(["status", "inject", "designate", "clear", "load", "stop"]);

export class ServedDevice {
  readonly #guardian: Guardian;
  readonly #server: ControlServer;
  readonly #directory: string;
  readonly #listener: ServedListener;
  #lock: FileLock | undefined;

  constructor(
    directory: string,
    config: Omit<DeviceConfig, "flashFile" | "dumpDirectory">,
    limits: Partial<GuardianLimits> = {},
    listener: ServedListener = {},
  ) {
    this.#directory = directory;
    this.#listener = listener;
    const kept: DeviceConfig = {
      ...config,
      flashFile: join(directory, "device.flash"),
      dumpDirectory: join(directory, "dumps"),
    };
    this.#guardian = new Guardian(kept, limits, listener);
    const maxFrameBytes = config.memory.regionBytes + ENVELOPE_BYTES;
    this.#server = new ControlServer((method, params) => this.#handle(method, params), maxFrameBytes);
  }

  /** Rejects with what keeps the device from starting, or the socket from being served. */
  async start(): Promise<Status> {
    mkdirSync(join(this.#directory, "dumps"), { recursive: true, mode: 0o700 });
    this.#lock = await lockFile(controlPath(this.#directory));
    try {
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
    await this.#lock?.release();
  }

  async #handle(method: string, params: unknown): Promise<unknown> {
    if (!SERVED.has(method)) throw new DeviceError("NoSuchMethod", `there is no method "${method}"`);
    if (method === "stop") {
      // The answer goes out first.
      setImmediate(() => this.#listener.onStop?.());
      return null;
    }
    const result = await this.#guardian.call(method as MethodName, params as Methods[MethodName]["params"]);
    return method === "status" ? this.#status(result as Status) : result;
  }

  #status(status: Status): ServedStatus {
    return { ...status, pid: this.#guardian.pid ?? null, processRestarts: this.#guardian.restarts };
  }
}
