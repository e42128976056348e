/** A thread of a sweep: takes a unit, explores it, answers with its tally. */
import { parentPort, workerData } from "node:worker_threads";
import { RehearsalMachine } from "../../controller/warm-up.ts";
import { loadRules } from "./flipside/rules-module.ts";
import { findScenario } from "./flipside/scenarios/index.ts";
import type { SweepUnit } from "./run/queue-port.ts";
import type { SweepWorkerData } from "./run/threads.ts";
import { Workbench } from "./run/workbench.ts";

// The same seed gives the same sweep, so nothing in this thread may be drawn from anywhere else; a user's rules neither.
Math.random = () => {
  throw new Error("a sweep draws from its seed alone: Math.random is not there");
};

const port = parentPort;
if (port === null) throw new Error("this module runs in a worker thread");
const { imageA, imageB, seed, engine, rulesModule } = workerData as SweepWorkerData;
// V8 compiles a case of the interpreter that it has not seen as a way back to bytecode, and would do so again and again.
new RehearsalMachine().warmUp();
const workbench = loadRules(rulesModule).then((rules) => new Workbench(imageA, imageB, rules, seed, engine));

port.on("message", async ({ scenario: name, depth, part, faults, runAll }: SweepUnit) => {
  const scenario = findScenario(name);
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  port.postMessage((await workbench).explore(scenario, { depth, seed, part, faults, runAll }));
});
