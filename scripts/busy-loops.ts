/**
 * Processes that do nothing but keep the processors busy, for programs that try how flipside fares beside them.
 *
 * Invariant: they end with the process that started them, however that ends.
 */
import { type ChildProcess, spawn } from "node:child_process";

const BUSY = "const { ppid } = process; while (process.ppid === ppid);";

/** Runs `work` beside so many of them. */
export async function besideBusyLoops<T>(count: number, work: () => Promise<T>): Promise<T> {
  const loops = Array.from(
    { length: count },
    (): ChildProcess => spawn(process.execPath, ["-e", BUSY], { stdio: "ignore" }),
  );
  try {
    return await work();
  } finally {
    for (const loop of loops) loop.kill("SIGKILL");
  }
}
