/**
 * How this program was called, so that what it tells its user to type is what they typed: `npm run emulate --`, `npx
 * flipside`, an installed `flipside`, or node and a path.
 */
import { basename, relative } from "node:path";
import { shellQuoted } from "./options.ts";

/** What of a process tells it. */
export interface Caller {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Path of the program as it was called. */
  readonly program: string;
  readonly cwd: string;
}

const THIS: Caller = { env: process.env, program: process.argv[1] ?? "flipside", cwd: process.cwd() };

/** How to call a command of the command line again: "npx flipside sweep", to be followed by its options. */
export function invocationOf(command: string, { env, program, cwd }: Caller = THIS): string {
  const { npm_lifecycle_event: script, npm_lifecycle_script: line, npm_command: npm } = env;
  // A script that does nothing else: npm passes on what stands behind --. Other scripts may only have started this.
  if (script !== undefined && npm !== "exec" && line?.endsWith(` ${command}`) === true) {
    return `npm run ${script} --`;
  }
  if (npm === "exec") return `npx flipside ${command}`;
  if (basename(program) === "flipside") return `flipside ${command}`;
  const below = relative(cwd, program);
  return `node ${shellQuoted(below.startsWith("..") ? program : below)} ${command}`;
}
