/**
 * `npm run build:firmware`: compiles the firmware versions and the benchmark programs with Debian's
 * riscv64-unknown-elf toolchain and stores them where they are committed.
 *
 * Invariant: the output is a function of the sources and of the compiler's version alone (no path, date, user or
 * build id gets into it), so that `--check` can prove the committed files to be what the sources say.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeImage } from "../controller/image/encode.ts";
import { IMAGE_HEADER_BYTES } from "../controller/image/format.ts";
import { crc32c } from "../emulator/base/crc32c.ts";
import { type ImageVersion, parseVersion } from "../emulator/base/version.ts";
import { EXIT_FINDING, EXIT_HELD } from "./exit-codes.ts";
import { HELP_OPTION, parseOptions, UsageError } from "./options.ts";
import { runProgram } from "./program.ts";
import { removeScratch, scratchDirectory } from "./scratch.ts";

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
  readonly version: string;
  readonly optimisation: string;
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

const FIRMWARE_VERSIONS: readonly FirmwareVersion[] = [
  { version: "1.0.0", optimisation: "-Os", sources: [...KERNEL, ...SIMPLE_PATH, "faults.c"] },
  { version: "1.1.0", optimisation: "-O2", sources: [...FAST_PATH, ...KERNEL, "faults.c"] },
  { version: "1.2.0", optimisation: "-O2", sources: [...FAST_PATH, "trace.c", ...KERNEL, "faults.c"] },
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
const SHARED_PAGE = ["-Wl,--defsym=SHARED_PAGE=1"];

const HELP = `usage: npm run build:firmware -- [--check]

Compiles controller/firmware with ${PREFIX}gcc into controller/firmware/images (MCUboot images and their ELF files)
and controller/firmware/bench/elf.

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

function buildBench(firmwareDir: string, workDir: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const program of BENCH_PROGRAMS) {
    const flags = ["-O2", "-T", "bench.ld", ...(program === "shared-page" ? SHARED_PAGE : [])];
    const sources = ["start.S", `${program}.c`, "harness.c"];
    const elf = compile(join(firmwareDir, "bench"), sources, flags, join(workDir, `${program}.elf`));
    files.set(`bench/elf/${program}.elf`, readFileSync(elf));
  }
  return files;
}

/**
 * The word that the scrub compares with (section .image_check, the last of the body): the CRC-32C of header and
 * body before it. The header tells sizes and version only, so it does not depend on the word.
 */
function imageCheck(body: Uint8Array, version: ImageVersion): Uint8Array {
  const image = encodeImage({ body, version, romFixed: true });
  const word = new Uint8Array(4);
  new DataView(word.buffer).setUint32(
    0,
    crc32c(image.subarray(0, IMAGE_HEADER_BYTES + body.length - 4)),
    true,
  );
  return word;
}

/** Lines for crash dumps, in the ELF file alone, with the place of the sources in the repository. */
function debugFlags(firmwareDir: string): readonly string[] {
  return ["-g", `-ffile-prefix-map=${resolve(firmwareDir)}=controller/firmware`];
}

function buildVersion(
  firmwareDir: string,
  workDir: string,
  source: FirmwareVersion,
): Map<string, Uint8Array> {
  const name = `controller-${source.version}`;
  const version = parseVersion(source.version);
  if (version === undefined) throw new Error(`${source.version} is no version`);
  const about = ["-include", `versions/${source.version}.h`];
  // Without debug information: GNU ld aligns for that of assembly, too, and would relax less of the program's code.
  const starts = ["start.S", "trap.S"].map((file) => {
    const object = join(workDir, `${name}-${file}.o`);
    tool("gcc", [...COMPILE_FLAGS, ...about, "-c", file, "-o", object], firmwareDir);
    return object;
  });
  const flags = [source.optimisation, ...debugFlags(firmwareDir), ...about, "-T", "firmware.ld"];
  const elf = compile(firmwareDir, [...starts, ...source.sources], flags, join(workDir, `${name}.elf`));
  const binary = join(workDir, `${name}.bin`);
  const toBinary = (): Uint8Array => {
    tool("objcopy", ["-O", "binary", elf, binary], workDir);
    return readFileSync(binary);
  };
  const check = join(workDir, `${name}.check`);
  writeFileSync(check, imageCheck(toBinary(), version));
  tool("objcopy", [`--update-section=.image_check=${check}`, elf], workDir);
  return new Map([
    [`images/${name}.img`, encodeImage({ body: toBinary(), version, romFixed: true })],
    [`images/${name}.elf`, readFileSync(elf)],
  ]);
}

/** Compiles everything. Keys are paths below controller/firmware. Throws {@link UsageError}. */
export function buildFirmware(firmwareDir: string): Map<string, Uint8Array> {
  const workDir = scratchDirectory();
  try {
    return new Map([
      ...FIRMWARE_VERSIONS.flatMap((source) => [...buildVersion(firmwareDir, workDir, source)]),
      ...buildBench(firmwareDir, workDir),
    ]);
  } finally {
    removeScratch(workDir);
  }
}

/** Paths of the committed files that are missing or not what `files` says. */
function differences(firmwareDir: string, files: ReadonlyMap<string, Uint8Array>): string[] {
  return [...files].flatMap(([path, bytes]) => {
    const committed = join(firmwareDir, path);
    return existsSync(committed) && readFileSync(committed).equals(bytes) ? [] : [path];
  });
}

function store(firmwareDir: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(firmwareDir, path)), { recursive: true });
    writeFileSync(join(firmwareDir, path), bytes);
  }
  const rows = [...files].map(
    ([path, bytes]) => `${path.padEnd(28)} ${String(bytes.length).padStart(6)} bytes\n`,
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
    process.stdout.write(HELP);
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
