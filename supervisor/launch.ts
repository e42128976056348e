/**
 * Starts processes and threads: the supervisor's, a device's, a sweep's. Light on purpose: whoever starts something does so before
 * loading what it needs to talk to it, because starting a process or a thread is most of what a start takes.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";

/** Enough for the worker's own objects; a firmware's memory is not on this heap. */
const CONTROLLER_HEAP_MB = 48;

/**
 * Of one half of V8's nursery, which, left to itself, begins at 1 MB and grows to 16. Collecting it takes 0.1 ms and more:
 * at 1 MB that falls into one failover of forty, at 16 MB it is out of the core's cache. What a failover allocates lives
 * for microseconds, so collecting more of it takes no longer.
 */
const NURSERY_MB = 4;
/** The other threads allocate less, and one with a larger nursery takes longer to end and to be replaced. */
const THREAD_NURSERY_MB = 2;
/** All of a sweeping thread's nursery: with more it takes 20 MB more, and collects no less of what lives long. */
const SWEEP_NURSERY_MB = 12;

function nursery(megabytes: number): readonly string[] {
  return [`--min-semi-space-size=${megabytes}`, `--max-semi-space-size=${megabytes}`];
}

/**
 * How much a heap may grow beyond what was alive at its last full collection before there is another. V8's own choice is
 * up to four times as much: garbage that a collection of the nursery misses took 5 MB more, and a full one takes 6 ms,
 * once in 20,000 failovers.
 */
const HEAP_GROWING_PERCENT = 100;

/**
 * For every thread of a supervisor process.
 *
 * Node 20 aborts the whole process when a compiler thread wants incremental marking for a worker that is just being
 * terminated ("Assertion failed: (data.first) != nullptr" in NodePlatform::ForIsolate): about once in a thousand
 * failovers. These heaps are small enough to be marked at once.
 */
const V8_FLAGS = [
  "--no-incremental-marking",
  `--heap-growing-percent=${HEAP_GROWING_PERCENT}`,
  ...nursery(NURSERY_MB),
];

/** A supervisor process; its socket is file descriptor CONTROL_FD of frames.ts, its argument this process's id. */
export function launchSupervisor(): ChildProcess {
  const program = fileURLToPath(new URL("../supervisor/process.bundle.cjs", import.meta.url));
  const args = [...V8_FLAGS, program, String(process.pid)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit", "pipe"] });
  // One that could not be started tells so at once, before whoever will hold it listens; its exit code still does then.
  return child.on("error", () => undefined);
}

/** @param parentPid of the process without which this one is to end; null for none (MemoryWorkerData of emulator/api.ts) */
export function launchMemoryEmulator(parentPid: number | null): Worker {
  return new Worker(new URL("../emulator/worker.bundle.cjs", import.meta.url), {
    name: "memory-emulator",
    workerData: { parentPid },
  });
}

export function launchController(slot: number): Worker {
  return new Worker(new URL("../controller/worker.bundle.cjs", import.meta.url), {
    name: `controller-${slot}`,
    resourceLimits: { maxOldGenerationSizeMb: CONTROLLER_HEAP_MB },
  });
}

/** @param workerData what the sweep's threads.ts and worker.ts agree on */
export function launchSweepWorker(workerData: unknown): Worker {
  return new Worker(new URL("../supervisor/sweep/worker.bundle.cjs", import.meta.url), {
    workerData,
    resourceLimits: { maxYoungGenerationSizeMb: SWEEP_NURSERY_MB },
  });
}

/** @param workerData what the workload's thread.ts and worker.ts agree on */
export function launchWorkloadWorker(workerData: unknown): Worker {
  return new Worker(new URL("../supervisor/workload/worker.bundle.cjs", import.meta.url), { workerData });
}

/** Threads started ahead, each handed out once; after that, fresh ones. */
export class Launcher {
  readonly #parentPid: number | null;
  #memory: Worker | undefined;
  #controller: Worker | undefined;

  /** @param parentPid as in {@link launchMemoryEmulator} */
  constructor(parentPid: number | null) {
    this.#parentPid = parentPid;
    // Read when a thread's heap is made; this thread's stands already.
    for (const flag of nursery(THREAD_NURSERY_MB)) setFlagsFromString(flag);
    // What V8 compiled is kept at the end, for processes that begin with the flags that this one began with.
    process.once("exit", () => {
      for (const flag of nursery(NURSERY_MB)) setFlagsFromString(flag);
    });
    this.#memory = launchMemoryEmulator(this.#parentPid);
    this.#controller = launchController(0);
  }

  memoryEmulator(): Worker {
    const worker = this.#memory ?? launchMemoryEmulator(this.#parentPid);
    this.#memory = undefined;
    return worker;
  }

  controller(slot: number): Worker {
    if (slot !== 0 || this.#controller === undefined) return launchController(slot);
    const worker = this.#controller;
    this.#controller = undefined;
    return worker;
  }
}
