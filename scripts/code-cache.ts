/**
 * What each program begins with: runs its one file of code with what V8 made of it before, kept beside it, because
 * compiling takes longer than all that a program does until the first guest instruction. `npm run build` puts this in front
 * of each (bundle.ts), with the names of the two.
 *
 * Invariants: a cache is of this code, by its digest, and of this V8 under these flags, by V8's own tag; it appears
 * whole or not at all; a program runs the same without one, and where none can be kept.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { cachedDataVersionTag } from "node:v8";
import { Script } from "node:vm";
import { isMainThread, threadId } from "node:worker_threads";
import { describeAccident } from "../emulator/base/accident.ts";
import type { ImportModule } from "../emulator/base/import-module.ts";

/** The process's, where its program cannot even be loaded. */
declare const ACCIDENT_EXIT_CODE: number;
/** Where it was asked for what it cannot do. */
declare const USAGE_EXIT_CODE: number;
/** File name, and the beginning of the SHA-256 of what is in it. */
declare const CODE_FILE: string;
declare const CODE_DIGEST: string;
/** What the program can be asked to do by its first argument; each needs other functions, so it has a cache of its own. */
declare const COMMAND_NAMES: readonly string[];

/**
 * Of the last three, one is what the program imports modules by that it does not know (import-module.ts), one whether
 * V8 has its functions from a cache, and one has what V8 compiled by now kept: for who is about to set flags.
 */
const PARAMETERS = "require, module, __filename, __dirname, importFromStart, compiledBefore, keepCompiled";
type Program = (
  require: NodeJS.Require,
  module: NodeJS.Module,
  filename: string,
  dirname: string,
  importFromStart: ImportModule,
  compiledBefore: boolean,
  keepCompiled: () => void,
) => void;

function readCache(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/** Whoever may not write here goes on without. */
function keepCache(file: string, data: Buffer): void {
  // A cache by its name, too: one whose thread was ended meanwhile is never published, and gone with the next build.
  const draft = file.replace(/cache$/, `${process.pid}-${threadId}.cache`);
  try {
    const fd = openSync(draft, "wx");
    try {
      writeSync(fd, data);
      // V8 does not look whether all of it is there: what a power cut left must not have the name.
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, file);
  } catch {
    rmSync(draft, { force: true });
  }
}

function run(): void {
  const file = `${__dirname}/${CODE_FILE}`;
  const tag = cachedDataVersionTag();
  const [, , asked, option] = process.argv;
  const command = COMMAND_NAMES.find((name) => name === asked && option !== "--help");
  const ofCommand = command === undefined ? "" : `-${command}`;
  const cacheFile = `${file}.${CODE_DIGEST}-${tag.toString(16)}${ofCommand}.cache`;
  const cachedData = readCache(cacheFile);
  const source = readFileSync(file, "utf8");
  const script = new Script(`(function (${PARAMETERS}) {${source}\n})`, {
    filename: file,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  const program = script.runInThisContext() as Program;
  const isKept = cachedData !== undefined && script.cachedDataRejected !== true;
  /** With the functions that were compiled by now. A program that sets flags for its threads is of another tag then. */
  const keep = (): void => {
    if (!isKept && cachedDataVersionTag() === tag) keepCache(cacheFile, script.createCachedData());
  };
  // A thread may end at any moment.
  if (!isMainThread) keep();
  program(require, module, file, __dirname, (url) => import(url), isKept, keep);
  // The thread of a worker mostly ends without being told.
  if (!isMainThread) keep();
  // What ended over its input has run little of what others need.
  else process.once("exit", (code) => code !== USAGE_EXIT_CODE && keep());
}

/** Before a program can tell for itself what becomes of it. In a thread whoever started it is told. */
function tell(error: unknown): void {
  process.stderr.write(`flipside: ${describeAccident(error)}\n`);
  process.exitCode = ACCIDENT_EXIT_CODE;
}

try {
  run();
} catch (error) {
  if (!isMainThread) throw error;
  tell(error);
}
