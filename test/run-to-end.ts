/**
 * Runs a program to its end. A test waits in it without a turn of the event loop, so no time limit of a test ends one
 * that hangs: here it is killed after a while, and the error tells which it was and what it had said.
 */
import {
  type SpawnSyncOptions,
  type SpawnSyncOptionsWithStringEncoding,
  type SpawnSyncReturns,
  spawnSync,
} from "node:child_process";

/** Far longer than any takes, however busy the machine. */
const DEADLINE_MS = 240_000;
const TAIL_CHARACTERS = 2_000;

/** Throws where the program does not end by itself. `options` as for node:child_process; a `timeout` is the test's own. */
export function runToEnd(
  command: string,
  args: readonly string[],
  options: SpawnSyncOptionsWithStringEncoding,
): SpawnSyncReturns<string>;
export function runToEnd(
  command: string,
  args: readonly string[],
  options?: SpawnSyncOptions & { readonly encoding?: "buffer" },
): SpawnSyncReturns<Buffer>;
export function runToEnd(
  command: string,
  args: readonly string[],
  options: SpawnSyncOptions = {},
): SpawnSyncReturns<string | Buffer> {
  const limits = { timeout: DEADLINE_MS, killSignal: "SIGKILL" } as const;
  const ended = spawnSync(command, args, { ...limits, ...options });
  if (
    options.timeout !== undefined ||
    (ended.error as NodeJS.ErrnoException | undefined)?.code !== "ETIMEDOUT"
  ) {
    return ended;
  }
  const said = `${ended.stdout ?? ""}${ended.stderr ?? ""}`.slice(-TAIL_CHARACTERS);
  throw new Error(
    `${command} ${args.join(" ")}: has not ended after ${DEADLINE_MS / 1000} s, and had said: ${said}`,
  );
}

/** What a program prints that ends well. Throws where it does not. */
export function outputOf(command: string, args: readonly string[], cwd?: string): string {
  const { status, stdout, stderr } = runToEnd(command, args, {
    encoding: "utf8",
    ...(cwd === undefined ? {} : { cwd }),
  });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ended with ${status}: ${stderr}`);
  return stdout;
}
