/** A thread of a sweep: takes a unit or a case, explores or replays it, and answers with what came out. */
import { parentPort, workerData } from "node:worker_threads";
import { RehearsalMachine } from "../../controller/warm-up.ts";
import { loadRules, RulesModuleError } from "./flipside/rules-module.ts";
import { watchedRules } from "./flipside/rules-watch.ts";
import { findScenario } from "./flipside/scenarios/index.ts";
import { TimelineText } from "./flipside/timeline-text.ts";
import type { Replay, SweepAnswer, SweepRequest, SweepWorkerData } from "./run/threads.ts";
import { Workbench } from "./run/workbench.ts";

// The same seed gives the same sweep, so nothing in this thread may be drawn from anywhere else; a user's rules neither.
Math.random = () => {
  throw new Error("a sweep draws from its seed alone: Math.random is not there");
};

const port = parentPort;
if (port === null) throw new Error("this module runs in a worker thread");
const { imageA, imageB, seed, engine, device, rulesModule, watch } = workerData as SweepWorkerData;
// V8 compiles a case of the interpreter that it has not seen as a way back to bytecode, and would do so again and again.
new RehearsalMachine().warmUp();

async function makeWorkbench(): Promise<Workbench> {
  const rules = await loadRules(rulesModule);
  return new Workbench(
    imageA,
    imageB,
    rulesModule === undefined ? rules : watchedRules(rules, watch),
    seed,
    engine,
    device,
  );
}

function replay(workbench: Workbench, name: string, path: Parameters<Workbench["replay"]>[1]): Replay {
  const scenario = scenarioOf(name);
  const timeline = new TimelineText();
  const ending = workbench.replay(scenario, path, timeline.narrate);
  return { ending, lines: timeline.finish(workbench.rigOf(scenario)) };
}

function scenarioOf(name: string) {
  const scenario = findScenario(name);
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  return scenario;
}

const answer = (value: SweepAnswer): void => port.postMessage(value);

/** Listens only from here on: a module that waits for what never comes leaves this thread nothing to wait for. */
function serve(workbench: Workbench): void {
  port?.on("message", (request: SweepRequest) => {
    if ("unit" in request) {
      const { scenario, depth, part, faults, runAll } = request.unit;
      answer({ value: workbench.explore(scenarioOf(scenario), { depth, seed, part, faults, runAll }) });
    } else if ("path" in request) {
      answer({ value: replay(workbench, request.scenario, request.path) });
    } else {
      // Behind the timers that are due.
      setTimeout(() => setImmediate(() => answer({ value: null })), 1);
    }
  });
  answer({ value: null });
}

makeWorkbench().then(serve, (error: unknown) => {
  if (!(error instanceof RulesModuleError)) throw error;
  answer({ refused: error.message });
});
