/**
 * `flipside init`: the skeleton of a firmware, to begin one of one's own with.
 *
 * Invariant: all files are written, or none; one that is there is never overwritten.
 */
import { lstatSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { EXIT_HELD, OTHER_EXIT_CODES } from "./exit-codes.ts";
import { makeDirectory, refusalOf } from "./input.ts";
import { HELP_OPTION, parseOptions, shellQuoted, UsageError } from "./options.ts";
import { fitHelp } from "./terminal.ts";

const FIRMWARE = fileURLToPath(new URL("../../controller/firmware/", import.meta.url));
const SKELETON = join(FIRMWARE, "skeleton");
/** The reference firmware's own, which say what the hardware is. */
const HEADERS = ["hardware.h", "nvme.h"];

const HELP = `flipside init: write the skeleton of a firmware, to make your own of.

usage: flipside init DIR

It builds with make, and runs here: start.S, main.c, link.ld, the hardware's
headers, a Makefile for gcc or clang, a device file and a README.md that has
the next commands. DIR is made if it is not there; nothing in it is overwritten.
docs/your-firmware.md goes on from there.

  -h, --help  this text

Exit code: 0 written;
${OTHER_EXIT_CODES}.
`;

/** Names in the directory that is made, with the files that they are copies of. */
function skeletonFiles(): ReadonlyMap<string, string> {
  const own = readdirSync(SKELETON).map((name) => [name, join(SKELETON, name)] as const);
  return new Map([...own, ...HEADERS.map((name) => [name, join(FIRMWARE, name)] as const)]);
}

/** A link that leads nowhere is there, too. Throws {@link UsageError}. */
function requireAbsent(directory: string, names: Iterable<string>): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === false) {
    throw new UsageError(`${directory} is a file, not a directory`);
  }
  const isThere = (name: string): boolean =>
    lstatSync(join(directory, name), { throwIfNoEntry: false }) !== undefined;
  const there = [...names].filter(isThere);
  if (there.length === 0) return;
  throw new UsageError(
    `${directory} holds ${there.join(", ")} already, and nothing is overwritten: name another directory`,
  );
}

/** Writes all files, or none. */
function writeAll(directory: string, files: ReadonlyMap<string, Uint8Array>): void {
  const written: string[] = [];
  try {
    for (const [name, bytes] of files) {
      const path = join(directory, name);
      // Whoever made it meanwhile keeps it.
      writeFileSync(path, bytes, { flag: "wx" });
      written.push(path);
    }
  } catch (error) {
    for (const path of written) rmSync(path, { force: true });
    throw error;
  }
}

export async function initCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, HELP_OPTION, 1);
  if (values.help === true) {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  const [directory] = positionals;
  if (directory === undefined || directory === "") {
    throw new UsageError("there is no directory to write the skeleton into: flipside init DIR");
  }
  const files = new Map([...skeletonFiles()].map(([name, source]) => [name, readFileSync(source)]));
  try {
    requireAbsent(directory, files.keys());
    makeDirectory(resolve(directory));
    writeAll(directory, files);
  } catch (error) {
    throw error instanceof UsageError ? error : refusalOf("the skeleton cannot be written", error);
  }
  const change = resolve(directory) === process.cwd() ? "" : `cd ${shellQuoted(directory)} && `;
  process.stdout.write(`${[...files.keys()].join(" ")}\nnext: ${change}make; README.md goes on\n`);
  return EXIT_HELD;
}
