/**
 * What each program begins with: runs its one file of code with what V8 made of it before, kept beside it, because
 * compiling takes longer than all that a program does until the first guest instruction. `npm run build` puts this in front
 * of each (bundle.ts), with the names of the two.
 *
 * Invariants: a cache is of this code, by its digest, and of this V8 under these flags, by V8's own tag; it appears
 * whole or not at all; a program runs the same without one, and where none can be kept.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { Script } from "node:vm";
import { describeAccident } from "../emulator/base/accident.ts";
import type { ImportModule } from "../emulator/base/import-module.ts";

/** The process's, where its program cannot even be loaded. */
declare const ACCIDENT_EXIT_CODE: number;
/** Where it was asked for what it cannot do. */
declare const USAGE_EXIT_CODE: number;
/** By what the program is asked to do, its first argument, or "": name of the file of code, beginning of the SHA-256 of that. */
declare const CODES: Readonly<Record<string, readonly [file: string, digest: string]>>;
/** It is what a thread runs. */
declare const IS_THREAD: boolean;

/**
 * What a file of code comes to: the program, as a function of these (bundle.ts has written them in front of it). Of the last
 * three, one is what the program imports modules by that it does not know (import-module.ts), one whether V8 has its
 * functions from a cache, and one has what V8 compiled by now kept: for who is about to set flags.
 */
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
  const draft = file.replace(/cache$/, `${process.pid}-${process.hrtime.bigint()}.cache`);
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

/**
 * What V8 would tell by `v8.cachedDataVersionTag()`, but loading node:v8 takes longer than all else here: what it makes of any
 * code begins with a magic number, its version, the code and its flags, four bytes each.
 */
function versionTag(): string {
  return new Script("0").createCachedData().toString("hex", 0, 16);
}

function run(): void {
  const [, , asked = "", option] = process.argv;
  const [name, digest] = CODES[Object.hasOwn(CODES, asked) ? asked : ""] as readonly [string, string];
  const file = `${__dirname}/${name}`;
  const tag = versionTag();
  const cacheFile = `${file}.${digest}-${tag}.cache`;
  // Of a program that came as far as what takes longest: nothing is kept after that, and where there is one it is used.
  const fullFile = cacheFile.replace(/cache$/, "full.cache");
  const fullData = readCache(fullFile);
  const cachedData = fullData ?? readCache(cacheFile);
  // All of it is ASCII, which is read as it is.
  const script = new Script(readFileSync(file, "latin1"), {
    filename: file,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  const program = script.runInThisContext() as Program;
  const isKept = cachedData !== undefined && script.cachedDataRejected !== true;
  /** With the functions that were compiled by now. A program that sets flags for its threads is of another tag then. */
  const keepIn = (into: string): void => {
    if (versionTag() === tag) keepCache(into, script.createCachedData());
  };
  let isFull = isKept && fullData !== undefined;
  const keep = (): void => {
    if (!isKept && !isFull) keepIn(cacheFile);
  };
  const keepFull = (): void => {
    if (!isFull) keepIn(fullFile);
    isFull = true;
  };
  // A thread may end at any moment.
  if (IS_THREAD) keep();
  program(require, module, file, __dirname, (url) => import(url), isKept, keepFull);
  // The thread of a worker mostly ends without being told.
  if (IS_THREAD) keep();
  // What told its options, or ended over its input, has run little of what others need.
  else if (option !== "--help") process.once("exit", (code) => code !== USAGE_EXIT_CODE && keep());
}

/** Before a program can tell for itself what becomes of it. In a thread whoever started it is told. */
function tell(error: unknown): void {
  process.stderr.write(`flipside: ${describeAccident(error)}\n`);
  process.exitCode = ACCIDENT_EXIT_CODE;
}

try {
  run();
} catch (error) {
  if (IS_THREAD) throw error;
  tell(error);
}
