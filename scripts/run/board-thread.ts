/** Runs a board with devices that are modules of somebody's in a thread of its own (board-worker.ts), and looks on. */
import { Worker } from "node:worker_threads";
import type { ModuleProfile } from "../../controller/profile.ts";
import { type CallsOptions, CallsSeen } from "../../supervisor/module/calls.ts";
import { deviceCallsOf } from "../../supervisor/module/device-modules.ts";
import { ModuleWatch } from "../../supervisor/module/module-watch.ts";
import { OWN_DIRECTORY } from "../../supervisor/own-directory.ts";
import { UsageError } from "../options.ts";
import type { RunValues } from "./said.ts";
import type { RunThreads } from "./shell.ts";

/** What the command was asked. */
export interface BoardRun {
  /** The device file. */
  readonly file: string;
  readonly values: RunValues;
  /** Whose modules are URLs. */
  readonly devices: readonly ModuleProfile[];
}

export interface BoardThreadData extends BoardRun {
  readonly threads: { readonly [K in keyof RunThreads]: string };
  readonly calls: CallsOptions;
}

/** How the command ended; with a text, which its user is told, where it did not come to its end. */
export interface BoardAnswer {
  readonly exitCode: number;
  readonly text?: string;
}

/** The command's exit code. Throws {@link UsageError} where a module does not come back, or ends the thread. */
export async function runInThread(program: URL, run: BoardRun, threads: RunThreads): Promise<number> {
  const calls = new CallsSeen(deviceCallsOf(run.devices));
  const { words, names } = calls;
  const workerData: BoardThreadData = {
    ...run,
    threads: { input: threads.input.href, translator: threads.translator.href },
    calls: { words, names, ownDirectory: OWN_DIRECTORY },
  };
  const worker = new Worker(program, { workerData });
  let watch: ModuleWatch | undefined;
  try {
    const { exitCode, text } = await new Promise<BoardAnswer>((resolve, reject) => {
      const { threadId } = worker;
      const onStuck = (account: string): void => reject(new UsageError(account));
      watch = new ModuleWatch({ threadId, calls, ownDirectory: OWN_DIRECTORY, onStuck });
      worker.on("message", resolve);
      worker.on("error", reject);
      worker.on("exit", () =>
        reject(new UsageError("a module of the board's devices ended the thread that it ran in")),
      );
    });
    if (text !== undefined) process.stderr.write(`${text}\n`);
    return exitCode;
  } finally {
    watch?.end();
    await worker.terminate();
  }
}
