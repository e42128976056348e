/**
 * `npm run build:firmware`: compiles the firmware versions and the benchmark programs with Debian's
 * riscv64-unknown-elf toolchain and stores them where they are committed.
 *
 * Invariant: the output is a function of the sources and of the compiler's version alone (no path, date, user or
 * build id gets into it), so that `--check` can prove the committed files to be what the sources say.
 */

import { spawnSync } from "node:child_process";
import { createPrivateKey, type KeyObject } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeImage } from "../controller/image/encode.ts";
import { IMAGE_HEADER_BYTES } from "../controller/image/format.ts";
import { crc32c } from "../emulator/base/crc32c.ts";
import { Random } from "../emulator/base/random.ts";
import { type ImageVersion, parseVersion } from "../emulator/base/version.ts";
import { EXIT_FINDING, EXIT_HELD } from "./exit-codes.ts";
import { FIRMWARE_IMAGES, type FirmwareBase, type FirmwareMutant } from "./firmware-mutants.ts";
import { HELP_OPTION, parseOptions, UsageError } from "./options.ts";
import { runProgram } from "./program.ts";
import { removeScratch, scratchDirectory } from "./scratch.ts";
import { fitHelp } from "./terminal.ts";

const PREFIX = "riscv64-unknown-elf-";
/** The compiler that made the committed files; another one makes others, just as good. */
const REFERENCE_COMPILER = "12.2.0";

const COMPILE_FLAGS = [
  "-march=rv32imac_zicsr_zifencei",
  "-mabi=ilp32",
  "-std=gnu11",
  "-ffreestanding",
  "-fno-common",
  "-fno-ident",
  "-Wall",
  "-Wextra",
  "-Werror",
];
/** Pages of 16 bytes: these files are loaded, not mapped, and need no padding. */
const LINK_FLAGS = [
  "-nostdlib",
  "-Wl,--build-id=none",
  "-Wl,--fatal-warnings",
  "-Wl,--no-warn-rwx-segments",
  "-Wl,-z,max-page-size=16",
];
/** Symbols that tell nothing, or the name of a temporary object file. */
const STRIP_FLAGS = ["--wildcard", "--strip-symbol=$*", "--strip-symbol=*.o"];

/** What a version is made of; the order of the sources is the order of the code in flash. */
interface FirmwareVersion {
  readonly name: string;
  readonly version: string;
  /** Folder below controller/firmware in which its sources are. */
  readonly folder: "." | "plain";
  readonly optimisation: string;
  /** Flags that say what it is. */
  readonly about: readonly string[];
  readonly linkerScript: string;
  readonly assembler: readonly string[];
  readonly sources: readonly string[];
}

const KERNEL = [
  "main.c",
  "housekeeping.c",
  "panic.c",
  "interrupts.c",
  "scrub.c",
  "selftest.c",
  "nvram.c",
  "watchdog.c",
  "uart.c",
];
const FAST_PATH = ["queue.c", "commands.c", "crc32c-sliced.c", "parity-unrolled.c", "memory.c"];
const SIMPLE_PATH = ["queue.c", "commands.c", "crc32c-bytewise.c", "parity-words.c", "memory.c"];
const SIMPLE = [...KERNEL, ...SIMPLE_PATH, "faults.c"];
const PLAIN = ["main.c", "selftest.c", "record.c", "queue.c"];

function reference(version: string, optimisation: string, sources: readonly string[]): FirmwareVersion {
  return {
    name: `controller-${version}`,
    version,
    folder: ".",
    optimisation,
    about: ["-include", `versions/${version}.h`],
    linkerScript: "firmware.ld",
    assembler: ["start.S", "trap.S"],
    sources,
  };
}

/** `quiet` is plain without a queue, `updating` one that updates regions by itself. */
type PlainName = "plain" | "quiet" | "updating";

function plain(name: PlainName, version: string, optimisation: string): FirmwareVersion {
  return {
    name: `${name}-${version}`,
    version,
    folder: "plain",
    optimisation,
    about: plainMacros(name, version),
    linkerScript: "plain.ld",
    assembler: ["start.S"],
    sources: name === "updating" ? [...PLAIN, "update.c"] : PLAIN,
  };
}

function plainMacros(name: PlainName, version: string): string[] {
  const is = (holds: boolean): number => (holds ? 1 : 0);
  return [
    `-DVERSION="${version}"`,
    `-DWITH_QUEUE=${is(name !== "quiet")}`,
    `-DWITH_SUM=${is(version !== "1.0.0")}`,
    `-DWITH_UPDATE=${is(name === "updating")}`,
  ];
}

const FIRMWARE_VERSIONS: readonly FirmwareVersion[] = [
  reference("1.0.0", "-Os", SIMPLE),
  reference("1.1.0", "-O2", [...FAST_PATH, ...KERNEL, "faults.c"]),
  reference("1.2.0", "-O2", [...FAST_PATH, "trace.c", ...KERNEL, "faults.c"]),
  plain("plain", "1.0.0", "-Os"),
  plain("plain", "1.1.0", "-O2"),
  plain("quiet", "1.0.0", "-Os"),
  plain("quiet", "1.1.0", "-O2"),
  plain("updating", "1.0.0", "-Os"),
  plain("updating", "1.1.0", "-O2"),
];

/** Programs in controller/firmware/bench, each linked with the harness. */
const BENCH_PROGRAMS = [
  "command-queue",
  "crc32c",
  "dispatch",
  "linked-list",
  "mapping-table",
  "matrix",
  "memory-copy",
  "recursion",
  "reed-solomon",
  "shared-page",
  "xor-parity",
];
/** Programs in controller/firmware/programs, each linked with the harness of the benchmark programs. */
const WHOLE_PROGRAMS = [
  "aes",
  "bignum",
  "bytecode",
  "ecdsa",
  "ed25519",
  "eight-bit",
  "format",
  "forth",
  "game",
  "huffman",
  "json",
  "lisp",
  "lz",
  "once",
  "picture",
  "power-up",
  "ram-fs",
  "red-black",
  "regex",
  "routes",
  "sha256",
  "sorts",
  "states",
  "tasks",
  "viterbi",
];
/** Programs in controller/firmware/programs-unseen, built like the whole ones. */
const UNSEEN_PROGRAMS = ["horn", "key-store", "ray-cast", "sheet", "typeset"];
const SHARED_PAGE = ["-Wl,--defsym=SHARED_PAGE=1"];

/** What boot loaders and their application have in common; the order of the sources is the order of the code in flash. */
const LOADER_FLAGS = ["-mcmodel=medany", "-fno-tree-loop-distribute-patterns"];
const IMAGE_CHECK = ["image.c", "sha256.c", "ed25519.c", "key.c"];
const FLASH_USE = ["trailer.c", "copy.c", "memory.c"];
const LOADER_START = ["start.S", "guard.S", "loader.c"];
/** Each with its own rule and the flash that it writes. */
const LOADERS = [
  { name: "direct-xip", rule: "direct-xip.c", flash: "cfi.c" },
  { name: "direct-xip-controller", rule: "direct-xip.c", flash: "controller.c" },
  { name: "direct-xip-spi", rule: "direct-xip.c", flash: "spi.c" },
  { name: "overwrite", rule: "overwrite.c", flash: "cfi.c" },
  { name: "swap", rule: "swap.c", flash: "cfi.c" },
  { name: "swap-controller", rule: "swap.c", flash: "controller.c" },
] as const;
type Rule = (typeof LOADERS)[number]["rule"];
type FlashDriver = (typeof LOADERS)[number]["flash"];
/** Files in loaders/wrong, each with one mistake, by the loader that it is one of. */
const WRONG_LOADERS: Readonly<Record<string, readonly [rule: Rule, flash: FlashDriver]>> = {
  "version-before-whole": ["direct-xip.c", "cfi.c"],
  "claimed-digest": ["direct-xip.c", "cfi.c"],
  "first-confirmation": ["direct-xip.c", "cfi.c"],
  "trial-not-noted": ["direct-xip.c", "cfi.c"],
  "most-bits-match": ["direct-xip.c", "cfi.c"],
  "faulting-trailer": ["direct-xip.c", "controller.c"],
  "bad-update-is-fatal": ["overwrite.c", "cfi.c"],
  "header-is-enough": ["overwrite.c", "cfi.c"],
  "blank-is-erased": ["overwrite.c", "cfi.c"],
  "one-attempt": ["overwrite.c", "cfi.c"],
  "short-watchdog": ["overwrite.c", "cfi.c"],
  "hash-only": ["swap.c", "cfi.c"],
  "resumed-test-kept": ["swap.c", "cfi.c"],
  "resume-erases-fall-back": ["swap.c", "cfi.c"],
  "scratch-marked-late": ["swap.c", "cfi.c"],
  "flags-share-unit": ["swap.c", "controller.c"],
};
/** What a wrong loader has from the file that it includes and does not use is left out. */
const WRONG_LOADER_FLAGS = ["-ffunction-sections", "-Wl,--gc-sections"];
/** The application has no place of its own: nothing of it may be made absolute. */
const APPLICATION_FLAGS = ["-Os", "-fno-jump-tables", "-Wl,--no-relax", "-T", "application.ld"];
const APPLICATION = ["application-start.S", "guard.S", "application.c", ...FLASH_USE];
const APPLICATIONS = ["1.0.0", "2.0.0"].flatMap((version) => [
  { name: "application", version, flash: "cfi.c", kibibytes: [16, 64] },
  { name: "application-controller", version, flash: "controller.c", kibibytes: [16] },
  { name: "application-spi", version, flash: "spi.c", kibibytes: [16] },
]);
/** The image that there is as one of another key, too, and damaged behind its code, so that it would run all the same. */
const MADE_BAD = "loaders/images/application-2.0.0-16k";
const DAMAGED_BYTE = 0x3000;

const HELP = `usage: npm run build:firmware -- [--check]

Compiles controller/firmware with ${PREFIX}gcc into controller/firmware/images and plain/images (MCUboot images and
their ELF files), mutants/images, loaders/images and loaders/wrong/images, and the programs in bench/elf, programs/elf
and programs-unseen/elf.

  --check     store nothing; exit code 1 when a committed file is not what the sources make
  -h, --help  this text
`;

/** Runs a tool of the toolchain in `cwd` and returns its standard output. Throws {@link UsageError}. */
function tool(name: string, args: readonly string[], cwd: string): string {
  const result = spawnSync(PREFIX + name, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
  });
  if (result.error !== undefined) {
    throw new UsageError(
      `${PREFIX}${name} cannot be run (${result.error.message}): install Debian's gcc-riscv64-unknown-elf`,
    );
  }
  if (result.status !== 0) throw new UsageError(`${PREFIX}${name} failed:\n${result.stderr.trimEnd()}`);
  return result.stdout;
}

/** Compiles and links `sources` (in `cwd`) to an ELF file without paths in it, and returns its path. */
function compile(cwd: string, sources: readonly string[], flags: readonly string[], elf: string): string {
  tool("gcc", [...COMPILE_FLAGS, ...LINK_FLAGS, ...flags, ...sources, "-o", elf], cwd);
  tool("objcopy", [...STRIP_FLAGS, elf], cwd);
  return elf;
}

/** Builds programs of one folder with the harness of the benchmark programs. */
function buildPrograms(
  firmwareDir: string,
  workDir: string,
  room: string,
  names: readonly string[],
): Map<string, Uint8Array> {
  return new Map(
    names.map((name): [string, Uint8Array] => {
      const flags = ["-O2", "-T", "bench.ld", ...(name === "shared-page" ? SHARED_PAGE : [])];
      const source = room === "bench" ? `${name}.c` : `../${room}/${name}.c`;
      const sources = ["start.S", source, "harness.c"];
      const elf = compile(join(firmwareDir, "bench"), sources, flags, join(workDir, `${name}.elf`));
      return [`${room}/elf/${name}.elf`, readFileSync(elf)];
    }),
  );
}

/**
 * Puts into the body's last word what the scrub compares with (section .image_check): the CRC-32C of header and body
 * before it. The header tells sizes and version only, so it does not depend on the word.
 */
function withImageCheck(body: Uint8Array, version: ImageVersion): Uint8Array {
  const image = encodeImage({ body, version, romFixed: true });
  const checked = body.slice();
  const check = crc32c(image.subarray(0, IMAGE_HEADER_BYTES + body.length - 4));
  new DataView(checked.buffer).setUint32(body.length - 4, check, true);
  return checked;
}

function imageVersion(text: string): ImageVersion {
  const version = parseVersion(text);
  if (version === undefined) throw new Error(`${text} is no version`);
  return version;
}

/** Code and constants of a linked program, as they lie in flash. */
function bodyOf(elf: string): Uint8Array {
  const binary = `${elf}.bin`;
  tool("objcopy", ["-O", "binary", elf, binary], dirname(elf));
  return readFileSync(binary);
}

/** Lines for crash dumps, in the ELF file alone, with the place of the sources in the repository. */
function debugFlags(firmwareDir: string): readonly string[] {
  return ["-g", `-ffile-prefix-map=${resolve(firmwareDir)}=controller/firmware`];
}

/** As {@link debugFlags}, for assembly too: the assembler is not told of what the compiler maps. */
function assemblyDebugFlags(firmwareDir: string): readonly string[] {
  return [...debugFlags(firmwareDir), `-Wa,--debug-prefix-map=${resolve(firmwareDir)}=controller/firmware`];
}

function buildVersion(
  firmwareDir: string,
  workDir: string,
  source: FirmwareVersion,
): Map<string, Uint8Array> {
  const { name, folder, about, assembler, sources } = source;
  const version = imageVersion(source.version);
  const dir = join(firmwareDir, folder);
  // Without debug information: GNU ld aligns for that of assembly, too, and would relax less of the program's code.
  const starts = assembler.map((file) => {
    const object = join(workDir, `${name}-${file}.o`);
    tool("gcc", [...COMPILE_FLAGS, ...about, "-c", file, "-o", object], dir);
    return object;
  });
  const flags = [source.optimisation, ...debugFlags(firmwareDir), ...about, "-T", source.linkerScript];
  const elf = compile(dir, [...starts, ...sources], flags, join(workDir, `${name}.elf`));
  let body = bodyOf(elf);
  if (sources.includes("scrub.c")) {
    body = withImageCheck(body, version);
    const check = join(workDir, `${name}.check`);
    writeFileSync(check, body.subarray(body.length - 4));
    tool("objcopy", [`--update-section=.image_check=${check}`, elf], workDir);
  }
  return new Map([
    [join(folder, "images", `${name}.img`), encodeImage({ body, version, romFixed: true })],
    [join(folder, "images", `${name}.elf`), readFileSync(elf)],
  ]);
}

/** What mutants of one base and version are linked with, in the order of the code in flash. */
interface MutantBase {
  readonly folder: string;
  readonly macros: readonly string[];
  readonly linkerScript: string;
  readonly sources: readonly string[];
}

function mutantBase(base: FirmwareBase, version: string): MutantBase {
  if (base !== "reference") {
    return {
      folder: "plain",
      macros: plainMacros(base, version),
      linkerScript: "plain.ld",
      sources: ["start.S", ...PLAIN],
    };
  }
  const [major, minor, revision] = version.split(".");
  const macros = [`-DVERSION_MAJOR=${major}`, `-DVERSION_MINOR=${minor}`, `-DVERSION_REVISION=${revision}`];
  return {
    folder: ".",
    macros: [...macros, "-DCOMPLETION_BATCH=1", "-DTRACE=0"],
    linkerScript: "firmware.ld",
    sources: ["start.S", "trap.S", ...SIMPLE],
  };
}

const objectOf = (source: string): string => source.replace(/\.[cS]$/, ".o");

/** Compiles `sources`, absolute paths, to objects in `objectDir`. */
function compileObjects(sources: readonly string[], flags: readonly string[], objectDir: string): void {
  mkdirSync(objectDir);
  tool("gcc", [...COMPILE_FLAGS, ...flags, "-c", ...sources], objectDir);
}

/** Sources of the base in whose place the mutant's file stands, and functions that it puts others before. */
function mutations(source: string, object: string): { replaced: string[]; wrapped: string[] } {
  const text = readFileSync(source, "utf8");
  const replaced = text.matchAll(/^#include "\.\.\/(?:plain\/)?([\w-]+\.c)"$/gm);
  // The names in an object's table of symbols; one that is wrapped is defined here, and nobody calls it by that name.
  const wrapped = readFileSync(object, "latin1").matchAll(/\0__wrap_(\w+)(?=\0)/g);
  return {
    replaced: [...replaced].map(([, file = ""]) => file),
    wrapped: [...wrapped].map(([, name = ""]) => name),
  };
}

/** Links `object`, made of `source`, with the objects of `sources` that it does not replace. */
function linkMutated(
  objectDir: string,
  sources: readonly string[],
  source: string,
  object: string,
  flags: readonly string[],
  elf: string,
): void {
  const { replaced, wrapped } = mutations(source, object);
  const objects = sources.filter((one) => !replaced.includes(one)).map(objectOf);
  const wraps = wrapped.map((symbol) => `-Wl,--wrap=${symbol}`);
  tool(
    "gcc",
    [...COMPILE_FLAGS, ...LINK_FLAGS, ...flags, ...wraps, ...objects, object, "-o", elf],
    objectDir,
  );
}

/**
 * Links each mutant from the objects of its base, which are compiled once: those that its own file does not replace, and
 * with a `--wrap` for each function that it puts another before. `all` are of one base and one version.
 */
function buildMutants(
  firmwareDir: string,
  workDir: string,
  all: readonly FirmwareMutant[],
): Map<string, Uint8Array> {
  const [first] = all;
  if (first === undefined) return new Map();
  const { folder, macros, linkerScript, sources } = mutantBase(first.base, first.version);
  const baseDir = join(firmwareDir, folder);
  const objectDir = join(workDir, `${first.base}-${first.version}`);
  const version = imageVersion(first.version);
  compileObjects(
    sources.map((source) => join(baseDir, source)),
    ["-Os", ...macros],
    objectDir,
  );
  const image = ({ name, source, macros: own }: FirmwareMutant): [string, Uint8Array] => {
    const path = join(firmwareDir, "mutants", source);
    const object = join(objectDir, `${name}.mutant.o`);
    const defines = Object.entries(own).map(([macro, value]) => `-D${macro}=${value}`);
    tool("gcc", [...COMPILE_FLAGS, "-Os", ...macros, ...defines, "-c", path, "-o", object], objectDir);
    const elf = join(objectDir, `${name}.elf`);
    linkMutated(objectDir, sources, path, object, ["-T", join(baseDir, linkerScript)], elf);
    const body = bodyOf(elf);
    const checked = sources.includes("scrub.c") ? withImageCheck(body, version) : body;
    return [`mutants/images/${name}.img`, encodeImage({ body: checked, version, romFixed: true })];
  };
  return new Map(all.map(image));
}

const loaderSources = (rule: Rule, flash: FlashDriver): string[] => {
  return [...LOADER_START, rule, ...FLASH_USE, ...IMAGE_CHECK, flash];
};

function buildLoaders(firmwareDir: string, workDir: string): Map<string, Uint8Array> {
  return new Map(
    LOADERS.map(({ name, rule, flash }): [string, Uint8Array] => {
      const flags = ["-O2", ...LOADER_FLAGS, ...assemblyDebugFlags(firmwareDir), "-T", "loader.ld"];
      const sources = loaderSources(rule, flash);
      const elf = compile(join(firmwareDir, "loaders"), sources, flags, join(workDir, `${name}.elf`));
      return [`loaders/images/${name}.elf`, readFileSync(elf)];
    }),
  );
}

/** Links each wrong loader, without debug information, from objects of the right ones, which are compiled once. */
function buildWrongLoaders(firmwareDir: string, workDir: string): Map<string, Uint8Array> {
  const dir = join(firmwareDir, "loaders");
  const objectDir = join(workDir, "wrong-loaders");
  const flags = ["-O2", ...LOADER_FLAGS, ...WRONG_LOADER_FLAGS];
  const parts = new Set(LOADERS.flatMap(({ rule, flash }) => loaderSources(rule, flash)));
  compileObjects(
    [...parts].map((source) => join(dir, source)),
    flags,
    objectDir,
  );
  const loader = ([name, [rule, flash]]: [string, readonly [Rule, FlashDriver]]): [string, Uint8Array] => {
    const source = join(dir, "wrong", `${name}.c`);
    const object = join(objectDir, `${name}.wrong.o`);
    const elf = join(objectDir, `${name}.elf`);
    tool("gcc", [...COMPILE_FLAGS, ...flags, "-c", source, "-o", object], objectDir);
    const script = ["-T", join(dir, "loader.ld")];
    linkMutated(objectDir, loaderSources(rule, flash), source, object, [...flags, ...script], elf);
    tool("objcopy", [...STRIP_FLAGS, elf], objectDir);
    return [`loaders/wrong/images/${name}.elf`, readFileSync(elf)];
  };
  return new Map(Object.entries(WRONG_LOADERS).map(loader));
}

/** An image of exactly `bytes`: what is behind the code is noise, so that each byte that is copied wrongly shows. */
function paddedImage(
  code: Uint8Array,
  version: ImageVersion,
  signingKey: KeyObject,
  bytes: number,
): Uint8Array {
  const imageOf = (body: Uint8Array) => encodeImage({ body, version, signingKey });
  const padding = new Uint8Array(bytes - imageOf(code).length);
  new Random(bytes).fill(padding);
  return imageOf(Buffer.concat([code, padding]));
}

function buildApplications(firmwareDir: string, workDir: string): Map<string, Uint8Array> {
  const dir = join(firmwareDir, "loaders");
  const keyOf = (name: string): KeyObject => createPrivateKey(readFileSync(join(dir, name)));
  const signingKey = keyOf("throw-away-test-key.pem");
  const otherKey = keyOf("other-throw-away-test-key.pem");
  const images = APPLICATIONS.flatMap(({ name, version: text, flash, kibibytes }) => {
    const version = imageVersion(text);
    const numbers = [`-DVERSION_MAJOR=${version.major}`, `-DVERSION_MINOR=${version.minor}`];
    const flags = [...LOADER_FLAGS, ...APPLICATION_FLAGS, `-DVERSION="${text}"`, ...numbers];
    const elf = compile(dir, [...APPLICATION, flash], flags, join(workDir, `${name}-${text}.elf`));
    const code = bodyOf(elf);
    return kibibytes.flatMap((size): [string, Uint8Array][] => {
      const path = `loaders/images/${name}-${text}-${size}k`;
      const image = paddedImage(code, version, signingKey, size * 1024);
      if (path !== MADE_BAD) return [[`${path}.img`, image]];
      return [
        [`${path}.img`, image],
        [`${path}-other-key.img`, paddedImage(code, version, otherKey, size * 1024)],
        [`${path}-damaged.img`, image.map((byte, at) => (at === DAMAGED_BYTE ? byte ^ 1 : byte))],
      ];
    });
  });
  return new Map(images);
}

/** The mutants by what they are linked with. */
function mutantGroups(): FirmwareMutant[][] {
  const groups = new Map<string, FirmwareMutant[]>();
  for (const mutant of FIRMWARE_IMAGES) {
    const key = `${mutant.base}-${mutant.version}`;
    groups.set(key, [...(groups.get(key) ?? []), mutant]);
  }
  return [...groups.values()];
}

/** Compiles everything. Keys are paths below controller/firmware. Throws {@link UsageError}. */
export function buildFirmware(firmwareDir: string): Map<string, Uint8Array> {
  const workDir = scratchDirectory();
  try {
    return new Map([
      ...FIRMWARE_VERSIONS.flatMap((source) => [...buildVersion(firmwareDir, workDir, source)]),
      ...mutantGroups().flatMap((group) => [...buildMutants(firmwareDir, workDir, group)]),
      ...buildLoaders(firmwareDir, workDir),
      ...buildWrongLoaders(firmwareDir, workDir),
      ...buildApplications(firmwareDir, workDir),
      ...buildPrograms(firmwareDir, workDir, "bench", BENCH_PROGRAMS),
      ...buildPrograms(firmwareDir, workDir, "programs", WHOLE_PROGRAMS),
      ...buildPrograms(firmwareDir, workDir, "programs-unseen", UNSEEN_PROGRAMS),
    ]);
  } finally {
    removeScratch(workDir);
  }
}

/** Paths of the committed files that are missing or not what `files` says. */
/** Committed files that the sources make otherwise, or not at all, and those that they make and nobody committed. */
export function differences(firmwareDir: string, files: ReadonlyMap<string, Uint8Array>): string[] {
  const changed = [...files].flatMap(([path, bytes]) => {
    const committed = join(firmwareDir, path);
    return existsSync(committed) && readFileSync(committed).equals(bytes) ? [] : [path];
  });
  const folders = new Set([...files.keys()].map((path) => dirname(path)));
  const committed = [...folders].flatMap((folder) =>
    readdirSync(join(firmwareDir, folder)).map((name) => `${folder}/${name}`),
  );
  return [...changed, ...committed.filter((path) => !files.has(path))];
}

function store(firmwareDir: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(firmwareDir, path)), { recursive: true });
    writeFileSync(join(firmwareDir, path), bytes);
  }
  const rows = [...files].map(
    ([path, bytes]) => `${path.padEnd(62)} ${String(bytes.length).padStart(6)} bytes\n`,
  );
  process.stdout.write(rows.join(""));
}

function check(firmwareDir: string, files: ReadonlyMap<string, Uint8Array>): number {
  const changed = differences(firmwareDir, files);
  for (const path of changed) process.stdout.write(`${path} is not what its sources make\n`);
  const version = tool("gcc", ["-dumpfullversion"], firmwareDir).trim();
  if (changed.length > 0 && version !== REFERENCE_COMPILER) {
    process.stdout.write(`the committed files were made by gcc ${REFERENCE_COMPILER}, this is ${version}\n`);
  }
  if (changed.length === 0) process.stdout.write(`${files.size} files are what their sources make\n`);
  return changed.length === 0 ? EXIT_HELD : EXIT_FINDING;
}

/** controller/firmware of the package that this file belongs to, as a source or compiled to dist. */
export function findFirmwareDir(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const root = [join(here, ".."), join(here, "..", "..")].find((dir) =>
    existsSync(join(dir, "package.json")),
  );
  if (root === undefined) throw new UsageError(`there is no package.json above ${here}`);
  return join(root, "controller", "firmware");
}

/** Exit codes: 0 built, or all files agree; 1 with --check when one differs. Throws {@link UsageError}. */
function buildFirmwareCommand(args: readonly string[]): number {
  const { values } = parseOptions(args, { check: { type: "boolean" }, ...HELP_OPTION });
  if (values.help === true) {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  const firmwareDir = findFirmwareDir();
  const files = buildFirmware(firmwareDir);
  if (values.check === true) return check(firmwareDir, files);
  store(firmwareDir, files);
  return EXIT_HELD;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runProgram(buildFirmwareCommand);
}
