/** A thread of a sweep: takes a unit or a case, explores or replays it, and answers with what came out. */
import { parentPort, workerData } from "node:worker_threads";
import { RehearsalMachine } from "../../controller/warm-up.ts";
import { Calls } from "../module/calls.ts";
import { ModuleError } from "../module/load.ts";
import { Interruption } from "./explore/items.ts";
import { STANDARD_RULES } from "./flipside/rules.ts";
import { loadRules } from "./flipside/rules-module.ts";
import type { Scenario } from "./flipside/scenario.ts";
import { SCENARIOS } from "./flipside/scenarios/index.ts";
import { loadScenarios } from "./flipside/scenarios-module.ts";
import { TimelineText } from "./flipside/timeline-text.ts";
import { plannedOf } from "./run/plan.ts";
import type { LOADINGS, Replay, SweepAnswer, SweepRequest, SweepWorkerData } from "./run/threads.ts";
import { Workbench } from "./run/workbench.ts";

// The same seed gives the same sweep, so nothing in this thread may be drawn from anywhere else; a user's rules neither.
Math.random = () => {
  throw new Error("a sweep draws from its seed alone: Math.random is not there");
};

const port = parentPort;
if (port === null) throw new Error("this module runs in a worker thread");
const {
  imageA,
  imageB,
  seed,
  engine,
  device,
  rulesModule,
  scenariosModule,
  calls: seen,
} = workerData as SweepWorkerData;
const calls = new Calls({
  ...seen,
  isOwn: (thrown) => thrown instanceof Interruption || thrown instanceof ModuleError,
});
/** Those that there are to sweep: the user\'s own, where there is a module of them. */
let scenarios: readonly Scenario[] = SCENARIOS;
// V8 compiles a case of the interpreter that it has not seen as a way back to bytecode, and would do so again and again.
new RehearsalMachine().warmUp();

function load<T>(
  loading: (typeof LOADINGS)[number],
  url: string,
  loader: (url: string, calls: Calls) => Promise<T>,
): Promise<T> {
  return calls.awaited(loading, () => loader(url, calls));
}

async function makeWorkbench(): Promise<Workbench> {
  const rules =
    rulesModule === undefined
      ? STANDARD_RULES
      : await load("the loading of the rules", rulesModule, loadRules);
  if (scenariosModule !== undefined)
    scenarios = await load("the loading of the scenarios", scenariosModule, loadScenarios);
  return new Workbench(imageA, imageB, rules, seed, engine, device);
}

function replay(workbench: Workbench, name: string, path: Parameters<Workbench["replay"]>[1]): Replay {
  const scenario = scenarioOf(name);
  const timeline = new TimelineText();
  const ending = workbench.replay(scenario, path, timeline.narrate);
  return { ending, lines: timeline.finish(workbench.rig) };
}

function scenarioOf(name: string): Scenario {
  const scenario = scenarios.find((each) => each.name === name);
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
  // Without their functions, which stay here.
  answer({ value: scenariosModule === undefined ? null : scenarios.map(plannedOf) });
}

makeWorkbench().then(serve, (error: unknown) => {
  if (!(error instanceof ModuleError)) throw error;
  answer({ refused: error.message });
});
