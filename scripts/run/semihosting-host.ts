/** The host of a program's semihosting, as the command line of `flipside run` asks for it. */
import { statSync } from "node:fs";
import type { SemihostingHost } from "../../controller/bare/semihosting.ts";
import type { Console } from "../../controller/bare/semihosting-streams.ts";
import { refusalOf } from "../input.ts";
import { UsageError } from "../options.ts";
import { GuestDirectory } from "./guest-directory.ts";

export interface SemihostingOptions {
  readonly semihosting?: boolean;
  readonly "semihosting-dir"?: string;
}

/**
 * Undefined where it is not asked for. Throws {@link UsageError}.
 * @param words the program's: its name, then those behind `--`
 */
export function semihostingHost(
  options: SemihostingOptions,
  words: readonly string[],
  console: Console,
): SemihostingHost | undefined {
  const directory = options["semihosting-dir"];
  if (options.semihosting !== true) {
    const given = directory === undefined ? words[1] : "--semihosting-dir";
    if (given === undefined) return undefined;
    throw new UsageError(`${given} is for the program, which is given it by semihosting: add --semihosting`);
  }
  return {
    console,
    ...(directory !== undefined && { files: guestDirectory(directory) }),
    commandLine: words.join(" "),
  };
}

function guestDirectory(directory: string): GuestDirectory {
  const isDirectory = statOf(directory).isDirectory();
  if (!isDirectory) throw new UsageError(`--semihosting-dir is ${directory}: it must be a directory`);
  return new GuestDirectory(directory);
}

function statOf(directory: string) {
  try {
    return statSync(directory);
  } catch (error) {
    throw refusalOf("--semihosting-dir cannot be read", error);
  }
}
