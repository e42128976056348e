/** A thread of the hostile run: takes cases that nobody could interrupt in a thread that has others to wait for. */
import { parentPort, workerData } from "node:worker_threads";
import { runProgram } from "./engines.ts";
import { FileCases } from "./files.ts";
import type { CaseResult } from "./part.ts";

export type ThreadPart = "engines" | "files";

export interface CaseWorkerData {
  readonly part: ThreadPart;
  /** For its files. */
  readonly directory: string;
}

const { part, directory } = workerData as CaseWorkerData;
const files = part === "files" ? new FileCases(directory) : undefined;

async function run(seed: number): Promise<CaseResult> {
  return files === undefined ? runProgram(seed) : files.run(seed);
}

parentPort?.on("message", (seed: number) => {
  void run(seed).then((result) => parentPort?.postMessage(result));
});
