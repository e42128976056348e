/** A device served by a process of its own, as `flipside serve` does it, and held like one that is to be hurt. Linux alone. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../supervisor/process/control-client.ts";
import {
  controlPath,
  type ServedMethods,
  type ServedStatus,
} from "../../supervisor/process/served-device.ts";

const CLI = fileURLToPath(new URL("../cli.bundle.cjs", import.meta.url));

/** On a machine however busy. */
const MAX_START_MS = 60_000;
const MAX_STOP_MS = 30_000;
/** Processes whose parent was killed end themselves within some seconds. */
const MAX_ORPHAN_MS = 30_000;
const LOOK_MS = 20;

export type ServedClient = ControlClient<ServedMethods>;

/** What a device is not to do; one sentence. */
export class Finding extends Error {
  override readonly name = "Finding";
}

/** One that has ended meanwhile needs no signal. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Those that live. */
const servers = new Set<ChildProcess>();

/** Before this process ends by a signal: whoever is stopped could not end with its parent. */
export function endServers(): void {
  for (const server of servers) {
    const children = childrenOf(server.pid ?? 0);
    server.kill("SIGKILL");
    for (const pid of children) signalProcess(pid, "SIGKILL");
  }
}

export class Served {
  readonly #directory: string;
  readonly #server: ChildProcess;
  #said = "";
  #client: ServedClient | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#server = spawn(process.execPath, [CLI, "serve", "--dir", directory, "--log", "silent"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    servers.add(this.#server);
    this.#server.once("exit", () => servers.delete(this.#server));
    for (const stream of [this.#server.stdout, this.#server.stderr]) {
      stream?.on("data", (text: Buffer) => (this.#said += text.toString()));
    }
  }

  /** Rejects with {@link Finding}. */
  static async start(directory: string): Promise<Served> {
    const served = new Served(directory);
    await served.#until("it was not served", MAX_START_MS, async () => {
      if (served.#exited) throw new Finding(`it could not be served: ${served.#said.trim()}`);
      return served.#said.includes("serving ");
    });
    return served;
  }

  /** Of the process that serves. */
  get pid(): number {
    return this.#server.pid ?? 0;
  }

  /** What it told so far. */
  get said(): string {
    return this.#said.trim();
  }

  get #exited(): boolean {
    return this.#server.exitCode !== null || this.#server.signalCode !== null;
  }

  /** A client that keeps to the rules; another one when its connection was lost. */
  async client(): Promise<ServedClient> {
    this.#client ??= await ControlClient.connect<ServedMethods>(controlPath(this.#directory));
    return this.#client;
  }

  /** The connection was lost: the next client is another one. */
  forgetClient(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /** Asks until the status is as it should be. Rejects with {@link Finding} where it never is. */
  async until(
    what: string,
    holds: (status: ServedStatus) => boolean,
    deadlineMs: number,
  ): Promise<ServedStatus> {
    let last: ServedStatus | undefined;
    let lastError: unknown;
    await this.#until(what, deadlineMs, async () => {
      if (this.#exited) throw new Finding(`${what}: the server ended: ${this.said}`);
      try {
        last = await (await this.client()).call("status", null);
        return holds(last);
      } catch (error) {
        lastError = error;
        this.forgetClient();
        return false;
      }
    }).catch((error: unknown) => {
      const seen = last === undefined ? String(lastError) : JSON.stringify({ ...last, regions: undefined });
      throw error instanceof Finding ? new Finding(`${error.message}; last: ${seen}`) : error;
    });
    return last as ServedStatus;
  }

  /** Processes that it started and that live. */
  children(): readonly number[] {
    return childrenOf(this.pid);
  }

  /** Resident memory of it and of the processes that it started. */
  residentBytes(): number {
    return [this.pid, ...this.children()].map(residentBytesOf).reduce((sum, bytes) => sum + bytes, 0);
  }

  /** As it is told to end. Rejects with {@link Finding} where it does not end well. */
  async stop(): Promise<void> {
    this.forgetClient();
    const children = this.children();
    this.#server.kill("SIGTERM");
    await this.#until("the server did not end when it was told to", MAX_STOP_MS, async () => this.#exited);
    const { exitCode } = this.#server;
    if (exitCode !== 0)
      throw new Finding(`the server that was told to end did so with exit code ${exitCode}: ${this.said}`);
    await this.#gone(children);
  }

  /** Without a word; processes that it started are to end themselves, but for stopped ones, which cannot. */
  async kill(stopped: readonly number[] = []): Promise<void> {
    this.forgetClient();
    if (this.#exited) return;
    const children = this.children();
    const exit = once(this.#server, "exit");
    this.#server.kill("SIGKILL");
    await exit;
    for (const pid of stopped) if (children.includes(pid)) signalProcess(pid, "SIGKILL");
    await this.#gone(children);
  }

  async #gone(children: readonly number[]): Promise<void> {
    await this.#until(
      `a process of ${children.join(", ")} was left behind`,
      MAX_ORPHAN_MS,
      async () => !children.some(isThere),
    );
  }

  async #until(what: string, deadlineMs: number, holds: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + deadlineMs;
    while (!(await holds())) {
      if (performance.now() > end) throw new Finding(`${what} after ${deadlineMs} ms: ${this.said}`);
      await delay(LOOK_MS);
    }
  }
}

/** Undefined of a process that is not there. */
function procFile(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return undefined;
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      (procFile(pid, `task/${thread}/children`) ?? "").trim().split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

/** One that has ended and that nobody waited for is not there any more. */
function isThere(pid: number): boolean {
  const state = /^State:\s+(\S)/m.exec(procFile(pid, "status") ?? "")?.[1];
  return state !== undefined && state !== "Z" && state !== "X";
}

function residentBytesOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(procFile(pid, "status") ?? "")?.[1] ?? 0) * 1024;
}
