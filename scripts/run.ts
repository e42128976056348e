/** `flipside run`: a bare-metal RV32 ELF file in RAM, as an emulator runs it. */
import { writeSync } from "node:fs";
import { type ElfError, elfHeaderFault, parseElf } from "../controller/bare/elf.ts";
import type { ElfSymbols } from "../controller/bare/elf-symbols.ts";
import { BareMachine, LoadError, type RunReport } from "../controller/bare/run.ts";
import { Symbolizer } from "../controller/bare/symbolizer.ts";
import { type Extensions, parseIsa } from "../controller/cpu/isa.ts";
import { chooseEngine } from "../controller/translator/select.ts";
import { formatStats } from "../controller/translator/stats.ts";
import { monotonicNs } from "../emulator/base/clock.ts";
import { PAGE_BYTES } from "../emulator/memory/layout.ts";
import { EXIT_FINDING, EXIT_HELD, EXIT_UNJUDGED, OTHER_EXIT_CODES } from "./exit-codes.ts";
import { readInput, requireSeparate, requireWritable, writeOutput, writeReport } from "./input.ts";
import { HELP_OPTION, parseEngine, parseInteger, parseOptions, parseSize, UsageError } from "./options.ts";
import { Console, type Output } from "./run/console.ts";
import { endSentences } from "./run/end-sentences.ts";
import { openStandardInput } from "./run/input.ts";
import { semihostingHost } from "./run/semihosting-host.ts";
import { onOutputError, ReaderGoneError, readerGone } from "./standard-output.ts";
import { fitHelp } from "./terminal.ts";

const HELP = `usage: flipside run FILE.elf [options] [-- WORD...]

Runs a bare-metal RV32 program from its entry, in RAM at 0x80000000, on the board of QEMU's virt
machine: UART, CLINT, PLIC, clock, finisher, a device tree in a1 (docs/run.md). What is typed goes to the UART, and
Ctrl-C ends the run; the end of the input does not. A program with the symbol tohost may end by it and write through it (HTIF, as Spike has it: the system calls write and exit).

  --max-instructions N         stop after N instructions
  --ram SIZE                   bytes of RAM, 64K to 512M (default 128M)
  --clock live|virtual         mtime follows the wall (default), or ten instructions are one tick of 100 ns
  --engine auto|translator|interpreter
                               what executes the program (default auto); the result is the same
  --exit-code flipside|program 1 for a program that failed (default), or its own code modulo 256, as QEMU has it
  --isa NAME                   the hart's instructions, such as rv32imac_zba (default: all that there are)
  --stats                      tell at the end what was translated, when, and why it was left
  --semihosting                carry out semihosting calls: console, exit, clock, command line (FILE.elf and the WORDs)
  --semihosting-dir DIR        and files, of this directory alone; the program may read and change all that is in it
  --signature FILE             write the words from begin_signature to end_signature, one in hex a line
  --dump ADDRESS:LENGTH:FILE   write raw memory at the end; may be given more than once
  --json FILE                  write the report
  -h, --help                   this text

Exit code: 0 the program passed (finisher 0x5555, tohost 1, exit code 0), 1 it did not,
${OTHER_EXIT_CODES}.
`;

const OPTIONS = {
  "max-instructions": { type: "string" },
  ram: { type: "string", default: "128M" },
  clock: { type: "string", default: "live" },
  engine: { type: "string", default: "auto" },
  "exit-code": { type: "string", default: "flipside" },
  isa: { type: "string" },
  stats: { type: "boolean" },
  semihosting: { type: "boolean" },
  "semihosting-dir": { type: "string" },
  signature: { type: "string" },
  dump: { type: "string", multiple: true },
  json: { type: "string" },
  ...HELP_OPTION,
} as const;

const EXIT_CODES: Readonly<Record<RunReport["exitReason"], number>> = {
  pass: EXIT_HELD,
  fail: EXIT_FINDING,
  idle: EXIT_FINDING,
  "trap-loop": EXIT_FINDING,
  "max-instructions": EXIT_UNJUDGED,
};

/** Reads what the hart cannot wait for. */
const INPUT_PROGRAM = new URL("./input-worker.bundle.cjs", import.meta.url);
/** Translates beside the hart. */
const TRANSLATOR_PROGRAM = new URL("../controller/translator-worker.bundle.cjs", import.meta.url);
const NS_PER_MS = 1_000_000n;
const MIN_RAM = 65_536;
const MAX_RAM = 512 * 1024 * 1024;
/** The largest RAM full, and as much again for symbols and debug sections. */
const MAX_ELF = 2 * MAX_RAM;

interface Dump {
  readonly address: number;
  readonly byteCount: number;
  readonly file: string;
}

export async function runCommand(args: readonly string[]): Promise<number> {
  const [own, words] = splitAtDashes(args);
  const { values, positionals } = parseOptions(own, OPTIONS, 1);
  if (values.help === true) {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  const [file] = positionals;
  if (file === undefined) throw new UsageError("there is no ELF file to run: flipside run FILE.elf");
  const maxInstructions = parseMaxInstructions(values["max-instructions"]);
  const dumps = (values.dump ?? []).map(parseDump);
  requireSeparate([values.signature, values.json, ...dumps.map((dump) => dump.file)], [file]);
  const elf = readElf(file);
  // A program may have no end of its own: without a limit it ends with its reader.
  const serial = standardOutput(maxInstructions === Number.POSITIVE_INFINITY);
  const choice = chooseEngine(parseEngine(values.engine), TRANSLATOR_PROGRAM);
  const meaning = parseExitCode(values["exit-code"]);
  const clock = parseClock(values.clock);
  const ramBytes = parseRam(values.ram);
  const open = () => openStandardInput(INPUT_PROGRAM);
  const console = new Console(serial, open, clock === "live" ? monotonicNs : undefined);
  const semihosting = semihostingHost(values, [file, ...words], console);
  const bare = new BareMachine({
    ...choice.options,
    ramBytes,
    ...(values.isa !== undefined && { extensions: parseExtensions(values.isa) }),
    clock,
    // Under the virtual clock each run is the same.
    ...(clock === "live" && { epochNs: BigInt(Date.now()) * NS_PER_MS }),
    line: console,
    nowNs: monotonicNs,
    ...(semihosting && { semihosting }),
  });
  const { report, outputs } = guardLoad(file, () => {
    bare.load(elf);
    const planned = planOutputs(bare, elf.symbols, dumps, values.signature);
    // Refuse what cannot be written before the program runs, not after.
    for (const output of planned) requireWritable(output.file, output.what);
    if (values.json !== undefined) requireWritable(values.json);
    const result = bare.run(maxInstructions);
    serial.flush();
    return { report: result, outputs: planned };
  });
  for (const output of outputs) writeOutput(output.what, output.file, output.content());
  const exitCode = exitCodeOf(report, meaning);
  if (values.json !== undefined) writeReport(values.json, "run", { ...report, exitCode });
  const translator = choice.translator();
  if (values.stats === true && translator !== undefined) {
    for (const line of formatStats(translator.stats())) process.stderr.write(`${line}\n`);
  }
  for (const sentence of endSentences(report, new Symbolizer(elf), ramBytes)) {
    process.stderr.write(`flipside: ${sentence}\n`);
  }
  return exitCode;
}

/** What stands behind the first `--` is the program's. */
function splitAtDashes(args: readonly string[]): [own: readonly string[], words: readonly string[]] {
  const at = args.indexOf("--");
  return at < 0 ? [args, []] : [args.slice(0, at), args.slice(at + 1)];
}

/** A file of what memory holds at the end. */
interface MemoryOutput {
  readonly what: string;
  readonly file: string;
  readonly content: () => string | Uint8Array;
}

/** Throws {@link LoadError} for memory that is not there. */
function planOutputs(
  bare: BareMachine,
  symbols: ElfSymbols,
  dumps: readonly Dump[],
  signature: string | undefined,
): readonly MemoryOutput[] {
  const outputs: MemoryOutput[] = [];
  if (signature !== undefined) {
    const range = signatureRange(bare, symbols);
    const content = () => formatSignature(bare.readRam("the signature", ...range));
    outputs.push({ what: "the signature", file: signature, content });
  }
  for (const dump of dumps) {
    const content = () => bare.readRam("the dump", dump.address, dump.byteCount);
    content();
    outputs.push({ what: "the dump", file: dump.file, content });
  }
  return outputs;
}

function guardLoad<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof LoadError) throw new UsageError(`${file} cannot be run: ${error.message}`);
    throw error;
  }
}

function readElf(file: string) {
  const require = <T extends object>(found: T | ElfError): T => {
    if ("error" in found) throw new UsageError(`${file} cannot be run: ${found.message}`);
    return found;
  };
  const bytes = readInput("the ELF file", file, MAX_ELF, (head) => void require(elfHeaderFault(head) ?? {}));
  return require(parseElf(bytes));
}

function parseMaxInstructions(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  return parseInteger("--max-instructions", text, 1, Number.MAX_SAFE_INTEGER);
}

function parseRam(text: string): number {
  const ramBytes = parseSize("--ram", text, MIN_RAM, MAX_RAM);
  if (ramBytes % PAGE_BYTES === 0) return ramBytes;
  throw new UsageError(`--ram is "${text}": it must be a multiple of ${PAGE_BYTES} bytes`);
}

function parseExtensions(text: string): Extensions {
  const extensions = parseIsa(text.toLowerCase());
  if (typeof extensions === "number") return extensions;
  throw new UsageError(`--isa is "${text}": ${extensions.message}`);
}

function parseClock(text: string): "live" | "virtual" {
  if (text === "live" || text === "virtual") return text;
  throw new UsageError(`--clock is "${text}": it must be live or virtual`);
}

/** Whose exit code a program's failure gives. */
type ExitCodeMeaning = "flipside" | "program";

function parseExitCode(text: string): ExitCodeMeaning {
  if (text === "flipside" || text === "program") return text;
  throw new UsageError(`--exit-code is "${text}": it must be flipside or program`);
}

function exitCodeOf({ exitReason, failCode }: RunReport, meaning: ExitCodeMeaning): number {
  return meaning === "program" && exitReason === "fail" ? failCode % 256 : EXIT_CODES[exitReason];
}

function parseDump(text: string): Dump {
  const match = /^([^:]+):([^:]+):(.+)$/.exec(text);
  const [, address, length, file] = match ?? [];
  if (address === undefined || length === undefined || file === undefined) {
    throw new UsageError(`--dump is "${text}": it must be ADDRESS:LENGTH:FILE`);
  }
  return {
    address: parseInteger("the address of --dump", address, 0, 2 ** 32 - 1),
    byteCount: parseInteger("the length of --dump", length, 1, MAX_RAM),
    file,
  };
}

function signatureRange(bare: BareMachine, symbols: ElfSymbols): [number, number] {
  const begin = symbols.get("begin_signature");
  const end = symbols.get("end_signature");
  if (begin === undefined || end === undefined || end < begin || (begin & 3) !== 0) {
    throw new LoadError("it has no signature between the symbols begin_signature and end_signature");
  }
  const byteCount = Math.ceil((end - begin) / 4) * 4;
  bare.readRam("the signature", begin, byteCount);
  return [begin, byteCount];
}

/** One word a line, 8 hex digits, as riscv-arch-test compares them. */
function formatSignature(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines = Array.from({ length: bytes.length / 4 }, (_, index) =>
    view
      .getUint32(4 * index, true)
      .toString(16)
      .padStart(8, "0"),
  );
  return lines.map((line) => `${line}\n`).join("");
}

const LINE_FEED = 0x0a;
const OUTPUT_BUFFER_BYTES = 4096;

/**
 * The UART's other end: standard output, a line at a time.
 * @param endless nothing else ends the program: throws {@link ReaderGoneError} once there is no reader any more
 */
function standardOutput(endless: boolean): Output {
  const buffer = new Uint8Array(OUTPUT_BUFFER_BYTES);
  let used = 0;
  let lost = false;
  const flush = (): void => {
    if (used > 0 && !lost) lost = !writeAll(buffer.subarray(0, used));
    used = 0;
    if (endless && readerGone.aborted) throw new ReaderGoneError();
  };
  const send = (byte: number): void => {
    buffer[used++] = byte;
    if (byte === LINE_FEED || used === buffer.length) flush();
  };
  return { send, flush };
}

/** Writes to standard output; a full pipe is waited for. False when it cannot be written any more. */
function writeAll(bytes: Uint8Array): boolean {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(1, bytes, written);
    } catch (error) {
      const failure = error as NodeJS.ErrnoException;
      if (failure.code !== "EAGAIN") {
        onOutputError(failure);
        return false;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
  return true;
}
