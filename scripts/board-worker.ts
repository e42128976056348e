/**
 * The thread of a `flipside run --device` whose board has devices that are modules of somebody's: the command itself looks on
 * from outside, and sees when one does not come back (run/board-thread.ts).
 */
import { parentPort, workerData } from "node:worker_threads";
import { DeviceModuleFault } from "../controller/devices/module-device.ts";
import { Calls, ModuleFailure } from "../supervisor/module/calls.ts";
import { loadDeviceModules } from "../supervisor/module/device-modules.ts";
import { ModuleError } from "../supervisor/module/load.ts";
import { EXIT_USAGE, type Failure, failureOf } from "./exit-codes.ts";
import { readBoard, runBoardHere } from "./run/board.ts";
import type { BoardAnswer, BoardThreadData } from "./run/board-thread.ts";

const port = parentPort;
if (port === null) throw new Error("this module runs in a worker thread");
const { file, values, devices, threads, calls: seen } = workerData as BoardThreadData;
const calls = new Calls({ ...seen, isOwn: (thrown) => thrown instanceof ModuleError });

async function run(): Promise<number> {
  const modules = await loadDeviceModules(devices, calls);
  return runBoardHere(
    readBoard(file),
    values,
    { input: new URL(threads.input), translator: new URL(threads.translator) },
    modules,
  );
}

function failed(error: unknown): Failure {
  const isModules =
    error instanceof ModuleError || error instanceof ModuleFailure || error instanceof DeviceModuleFault;
  return isModules ? { exitCode: EXIT_USAGE, text: `flipside: ${error.message}` } : failureOf(error);
}

const answer = (said: BoardAnswer): void => port.postMessage(said);
run().then(
  (exitCode) => answer({ exitCode }),
  (error: unknown) => answer(failed(error)),
);
