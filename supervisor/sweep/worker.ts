/** A thread of a sweep: takes a unit or a case, explores or replays it, and answers with what came out. */
import { parentPort, workerData } from "node:worker_threads";
import { RehearsalMachine } from "../../controller/warm-up.ts";
import { Calls } from "../module/calls.ts";
import { ModuleError } from "../module/load.ts";
import type { Told } from "./explore/explorer.ts";
import { Interruption } from "./explore/items.ts";
import { makeFlipsideBench } from "./run/flipside-bench.ts";
import { makeLoaderBench } from "./run/loader-bench.ts";
import type { SweepBench } from "./run/sweep-bench.ts";
import type { SweepAnswer, SweepRequest, SweepWorkerData } from "./run/threads.ts";

// The same seed gives the same sweep, so nothing in this thread may be drawn from anywhere else; a user's rules neither.
Math.random = () => {
  throw new Error("a sweep draws from its seed alone: Math.random is not there");
};

const port = parentPort;
if (port === null) throw new Error("this module runs in a worker thread");
const { calls: seen, ...swept } = workerData as SweepWorkerData;
const calls = new Calls({
  ...seen,
  isOwn: (thrown) => thrown instanceof Interruption || thrown instanceof ModuleError,
});
// V8 compiles a case of the interpreter that it has not seen as a way back to bytecode, and would do so again and again.
new RehearsalMachine().warmUp();

async function makeBench(): Promise<SweepBench> {
  return "loader" in swept ? makeLoaderBench(swept, calls) : makeFlipsideBench(swept, calls);
}

const answer = (value: SweepAnswer): void => port.postMessage(value);

/** So often it is told what was counted so far, and with each finding. */
const TELL_MS = 250;

function teller(): Told {
  let findings = 0;
  let toldMs = performance.now();
  return (soFar) => {
    const nowMs = performance.now();
    if (soFar.findings.length === findings && nowMs - toldMs < TELL_MS) return;
    findings = soFar.findings.length;
    toldMs = nowMs;
    answer({ soFar });
  };
}

/** Listens only from here on: a module that waits for what never comes leaves this thread nothing to wait for. */
function serve(bench: SweepBench): void {
  port?.on("message", (request: SweepRequest) => {
    if ("unit" in request) {
      answer({ value: bench.explore(request.unit, teller()) });
    } else if ("path" in request) {
      answer({ value: bench.replay(request.scenario, request.path) });
    } else {
      // Behind the timers that are due.
      setTimeout(() => setImmediate(() => answer({ value: null })), 1);
    }
  });
  const isUsers = "scenariosModule" in swept && swept.scenariosModule !== undefined;
  answer({ value: isUsers ? bench.scenarios : null });
}

makeBench().then(serve, (error: unknown) => {
  if (!(error instanceof ModuleError)) throw error;
  answer({ refused: error.message });
});
