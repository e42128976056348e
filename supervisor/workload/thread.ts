/**
 * A thread in which a user's own work is done (worker.ts), with the host that it asks outside.
 *
 * The user's module runs there and nowhere else. Invariant: whatever it does to its thread, ending it, throwing in a
 * timer, never coming back, is a {@link WorkloadError} that says so, with file and line where there are any.
 */
import type { Worker } from "node:worker_threads";
import type { ErrorKind } from "../../emulator/base/errors.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import { launchWorkloadWorker } from "../launch.ts";
import { type CallsOptions, CallsSeen, describeThrown } from "../module/calls.ts";
import { LOOK_MS, ModuleWatch } from "../module/module-watch.ts";
import { OWN_DIRECTORY } from "../own-directory.ts";
import type { Workload, WorkloadHost } from "./workload.ts";

/** The module that a user brought failed, which says nothing of the controller; `message` is one sentence. */
export class WorkloadError extends Error {
  override readonly name = "WorkloadError";
  readonly kind: ErrorKind = "usage";
}

/** What of a module is called, as it is named to its user. */
export const WORKLOAD_CALLS = ["the loading of the workload", "workload"] as const;

/** What a thread is started with. */
export interface WorkloadWorkerData {
  /** File URL of the module. */
  readonly url: string;
  readonly calls: CallsOptions;
}

/** What is asked of the host, and answered. */
export type Asked = {
  readonly [M in "command" | "readHostMemory" | "writeHostMemory"]: {
    readonly method: M;
    readonly params: Parameters<WorkloadHost[M]>;
  };
}["command" | "readHostMemory" | "writeHostMemory"];

/** What a thread says. First that it is loaded, or refused. */
export type FromWorkload =
  | { readonly loaded: true }
  /** The module cannot be used, or failed; one sentence. */
  | { readonly failed: string }
  | { readonly id: number; readonly ask: Asked }
  | { readonly check: Parameters<WorkloadHost["check"]> }
  | { readonly done: true };

/** What a thread is told. */
export type ToWorkload =
  | { readonly round: { readonly seed: number; readonly hostMemory: WorkloadHost["hostMemory"] } }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly refused: { readonly name: string; readonly message: string } };

interface UnderWay {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class WorkloadThread {
  readonly #worker: Worker;
  readonly #calls = new CallsSeen(WORKLOAD_CALLS);
  readonly #watch: ModuleWatch;
  /** Resolves once the module is loaded. Rejects with {@link WorkloadError}. */
  readonly loaded: Promise<void>;
  #underWay: UnderWay | undefined;
  #host: WorkloadHost | undefined;
  /** Asked of the host and not answered: the module has nothing to come back from. */
  #asked = 0;
  #failure: WorkloadError | undefined;
  #closed = false;

  /**
   * @param url file URL of the module
   * @param lookMs how often is looked whether the module comes back; ten times in a row it may not
   */
  constructor(url: string, lookMs = LOOK_MS) {
    const { words, names } = this.#calls;
    const calls = { words, names, ownDirectory: OWN_DIRECTORY };
    this.#worker = launchWorkloadWorker({ url, calls } satisfies WorkloadWorkerData);
    this.#worker.on("message", (said: FromWorkload) => this.#take(said));
    this.#worker.on("error", (error) => {
      this.#fail(`the workload failed: ${describeThrown(error, OWN_DIRECTORY)}`);
    });
    this.#worker.on("exit", () => {
      this.#fail("the workload ended the thread that it ran in, or waits for what never comes");
    });
    this.loaded = this.#expect();
    // Whoever asks for a round is told.
    this.loaded.catch(() => undefined);
    this.#watch = this.#look(lookMs);
  }

  /** The module's work, done in its thread. Rejects with {@link WorkloadError}. */
  readonly workload: Workload = async (host) => {
    await this.loaded;
    if (this.#failure !== undefined) throw this.#failure;
    this.#host = host;
    const round = { seed: host.random(2 ** 32), hostMemory: { ...host.hostMemory } };
    this.#tell({ round });
    await this.#expect();
  };

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch.end();
    await this.#worker.terminate();
  }

  #expect(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#underWay = { resolve, reject };
    });
  }

  #tell(message: ToWorkload): void {
    this.#worker.postMessage(message);
  }

  #take(said: FromWorkload): void {
    if ("ask" in said) void this.#answer(said.id, said.ask);
    else if ("check" in said) this.#host?.check(...said.check);
    else if ("failed" in said) this.#fail(said.failed);
    else {
      const ended = this.#underWay;
      this.#underWay = undefined;
      ended?.resolve();
    }
  }

  async #answer(id: number, ask: Asked): Promise<void> {
    this.#asked += 1;
    try {
      const value = await this.#askHost(ask);
      this.#tell({ id, value });
    } catch (error) {
      const name = error instanceof Error ? error.name : "Error";
      this.#tell({ id, refused: { name, message: errorMessage(error) } });
    } finally {
      this.#asked -= 1;
    }
  }

  async #askHost(ask: Asked): Promise<unknown> {
    const host = this.#host as WorkloadHost;
    switch (ask.method) {
      case "command":
        return host.command(...ask.params);
      case "readHostMemory":
        return host.readHostMemory(...ask.params);
      case "writeHostMemory":
        return host.writeHostMemory(...ask.params);
    }
  }

  #look(lookMs: number): ModuleWatch {
    const calls = this.#calls;
    const isAsking = (): boolean => this.#asked > 0;
    return new ModuleWatch(
      {
        threadId: this.#worker.threadId,
        calls: {
          get begun() {
            return calls.begun;
          },
          get underWay() {
            return isAsking() ? undefined : calls.underWay;
          },
        },
        ownDirectory: OWN_DIRECTORY,
        onStuck: (account) => this.#fail(account),
      },
      lookMs,
    );
  }

  #fail(message: string): void {
    if (this.#closed || this.#failure !== undefined) return;
    this.#failure = new WorkloadError(message);
    this.#underWay?.reject(this.#failure);
    this.#underWay = undefined;
  }
}

/**
 * So many threads with the same module, each with its own. Rejects with {@link WorkloadError}, and leaves none then.
 * @param url file URL of the module
 */
export async function loadWorkload(url: string, count: number): Promise<readonly WorkloadThread[]> {
  const threads = Array.from({ length: count }, () => new WorkloadThread(url));
  try {
    await Promise.all(threads.map(({ loaded }) => loaded));
    return threads;
  } catch (error) {
    await Promise.all(threads.map((thread) => thread.close()));
    throw error;
  }
}
