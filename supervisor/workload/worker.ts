/**
 * A thread that does a user's own work, round by round; what it asks of the host is asked outside (thread.ts).
 *
 * The thread lives for its next round, or for what was asked and not answered: while the work waits for anything
 * else, only that keeps it alive.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Random } from "../../emulator/base/random.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import { Calls, ModuleFailure } from "../module/calls.ts";
import { loadExport, ModuleError } from "../module/load.ts";
import type { Asked, FromWorkload, ToWorkload, WORKLOAD_CALLS, WorkloadWorkerData } from "./thread.ts";
import { requireBelow, requireCheck, type Workload, type WorkloadHost } from "./workload.ts";

const LOADING: (typeof WORKLOAD_CALLS)[0] = "the loading of the workload";
const ROUND: (typeof WORKLOAD_CALLS)[1] = "workload";

const port = parentPort;
if (port === null) throw new Error("this module runs in a worker thread");
const { url, calls: seen } = workerData as WorkloadWorkerData;
const calls = new Calls({ ...seen, isOwn: (thrown) => thrown instanceof ModuleError });

interface Awaited {
  readonly resolve: (value: never) => void;
  readonly refuse: (why: { readonly name: string; readonly message: string }) => void;
}

const awaited = new Map<number, Awaited>();
let isWorking = false;
let lastId = 0;

const say = (message: FromWorkload): void => port.postMessage(message);

/** Whether messages from outside may come, for which the thread has to live. */
function live(): void {
  if (isWorking && awaited.size === 0) port?.unref();
  else port?.ref();
}

/** The work shows life by each call. */
const ask = calls.watched(ROUND, <T>(asked: Asked): Promise<T> => {
  // Its stack leads to whoever asks; when the answer comes nobody knows any more.
  const refusal = new Error();
  const id = ++lastId;
  say({ id, ask: asked });
  return new Promise((resolve, reject) => {
    awaited.set(id, { resolve, refuse: (why) => reject(Object.assign(refusal, why)) });
    live();
  });
}) as <T>(asked: Asked) => Promise<T>;

function hostOf({
  seed,
  hostMemory,
}: {
  seed: number;
  hostMemory: WorkloadHost["hostMemory"];
}): WorkloadHost {
  const random = new Random(seed);
  return {
    hostMemory,
    command: async (...params) => ask({ method: "command", params }),
    readHostMemory: async (...params) => ask({ method: "readHostMemory", params }),
    writeHostMemory: async (...params) => ask({ method: "writeHostMemory", params }),
    check: (rule, holds, detail) => {
      requireCheck(rule, holds, detail);
      say({ check: detail === undefined ? [rule, holds] : [rule, holds, detail] });
    },
    random: (below) => {
      requireBelow(below);
      return random.below(below);
    },
  };
}

async function work(workload: Workload, host: WorkloadHost): Promise<void> {
  isWorking = true;
  live();
  try {
    await calls.awaited(ROUND, async () => workload(host));
    say({ done: true });
  } catch (error) {
    say({ failed: errorMessage(error) });
  } finally {
    isWorking = false;
    live();
  }
}

/** Listens only from here on: a module that waits for what never comes leaves this thread nothing to wait for. */
function serve(workload: Workload): void {
  port?.on("message", (told: ToWorkload) => {
    if ("round" in told) {
      void work(workload, hostOf(told.round));
      return;
    }
    const asked = awaited.get(told.id);
    awaited.delete(told.id);
    live();
    if ("refused" in told) asked?.refuse(told.refused);
    else asked?.resolve(told.value as never);
  });
  say({ loaded: true });
}

async function load(): Promise<Workload> {
  const workload = await loadExport(url, "the workload", "workload", calls.ownDirectory);
  if (typeof workload !== "function")
    throw new ModuleError(
      `the workload cannot be used: workload must be a function, and is ${typeof workload}`,
    );
  return workload as Workload;
}

calls.awaited(LOADING, load).then(serve, (error: unknown) => {
  if (!(error instanceof ModuleError || error instanceof ModuleFailure)) throw error;
  say({ failed: error.message });
});
