/** `flipside run`: a bare-metal RV32 ELF file in RAM, or a boot loader on a board of its own, as an emulator runs it. */
import { type ElfError, type ElfFile, elfHeaderFault, parseElf } from "../controller/bare/elf.ts";
import type { ElfSymbols } from "../controller/bare/elf-symbols.ts";
import { BareMachine } from "../controller/bare/run.ts";
import { LoadError, type RunReport } from "../controller/bare/run-report.ts";
import { EXIT_HELD, OTHER_EXIT_CODES } from "./exit-codes.ts";
import { readInput, requireSeparate } from "./input.ts";
import { parseOptions, UsageError } from "./options.ts";
import {
  type Dump,
  MAX_RAM,
  parseDump,
  parseExtensions,
  parseRam,
  RUN_OPTIONS,
  type RunValues,
} from "./run/said.ts";
import { semihostingHost } from "./run/semihosting-host.ts";
import { dumpOutputs, type MemoryOutput, RunShell, type RunThreads } from "./run/shell.ts";
import { fitHelp } from "./terminal.ts";

const HELP = `usage: flipside run FILE.elf [options] [-- WORD...]
       flipside run --device FILE [--flash NAME=FILE] [options]

The second runs a boot loader of your own, on the board that the device file describes (docs/loader.md). The first runs a bare-metal RV32 program from its entry, in RAM at 0x80000000, on the board of QEMU's virt
machine: UART, CLINT, PLIC, clock, finisher, a device tree in a1 (docs/run.md). What is typed goes to the UART, and
Ctrl-C ends the run; the end of the input does not. A program with the symbol tohost may end by it and write through it (HTIF, as Spike has it: the system calls write and exit).

  --max-instructions N         stop after N instructions
  --ram SIZE                   bytes of RAM, 64K to 512M (default 128M)
  --clock live|virtual         mtime follows the wall (default), or ten instructions are one tick of 100 ns
  --engine auto|translator|interpreter
                               what executes the program (default auto); the result is the same
  --exit-code flipside|program
                               1 for a program that failed (default), or its own code modulo 256, as QEMU has it
  --isa NAME                   the hart's instructions, such as rv32imac_zba (default: all that there are)
  --stats                      tell at the end what was translated, when, and why it was left
  --semihosting                carry out semihosting calls: console, exit, clock, command line (FILE.elf and the WORDs)
  --semihosting-dir DIR        and files, of this directory alone; the program may read and change all that is in it
  --signature FILE             write the words from begin_signature to end_signature, one in hex a line
  --dump ADDRESS:LENGTH:FILE   write raw memory at the end; may be given more than once
  --json FILE                  write the report
  --device FILE                device file with the members board and loader (docs/device-file.md); what runs is what it names
  --flash NAME=FILE            what that flash device holds: read before the start, written as it changes; made where it is not there
  -h, --help                   this text

Exit code: 0 the program passed (finisher 0x5555, tohost 1, exit code 0), 1 it did not,
${OTHER_EXIT_CODES}.
`;

const THREADS: RunThreads = {
  input: new URL("./input-worker.bundle.cjs", import.meta.url),
  translator: new URL("../controller/translator-worker.bundle.cjs", import.meta.url),
};
const BOARD_THREAD = new URL("./board-worker.bundle.cjs", import.meta.url);
/** The largest RAM full, and as much again for symbols and debug sections. */
const MAX_ELF = 2 * MAX_RAM;

export async function runCommand(args: readonly string[]): Promise<number> {
  const [own, words] = splitAtDashes(args);
  const { values, positionals } = parseOptions(own, RUN_OPTIONS, 1);
  if (values.help === true) {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  if (values.device !== undefined) {
    const { runBoard } = await import("./run/board.ts");
    return runBoard(values.device, values, [...positionals, ...words], THREADS, BOARD_THREAD);
  }
  const [flash] = values.flash ?? [];
  if (flash !== undefined)
    throw new UsageError(`--flash ${flash} needs --device FILE, which says what flash there is`);
  return runElf(values, positionals[0], words);
}

async function runElf(
  values: RunValues,
  file: string | undefined,
  words: readonly string[],
): Promise<number> {
  if (file === undefined)
    throw new UsageError("there is no ELF file to run: flipside run FILE.elf, or flipside run --device FILE");
  const shell = new RunShell(values, THREADS);
  const dumps = (values.dump ?? []).map(parseDump);
  requireSeparate([values.signature, values.json, ...dumps.map((dump) => dump.file)], [file]);
  const elf = readElf(file);
  const ramBytes = parseRam(values.ram);
  const semihosting = semihostingHost(values, [file, ...words], shell.options.line);
  const bare = new BareMachine({
    ...shell.options,
    ramBytes,
    ...(values.isa !== undefined && { extensions: parseExtensions(values.isa) }),
    ...(semihosting && { semihosting }),
  });
  const { report, outputs } = guardLoad(file, () => {
    bare.load(elf);
    const planned = planOutputs(bare, elf.symbols, dumps, values.signature);
    return { report: shell.run(planned, (most) => bare.run(most)), outputs: planned };
  });
  return shell.conclude(report, outputs, () => sentencesOf(report, elf, ramBytes));
}

/** After a pass there is nothing to tell, and what would is not even loaded: a short run is mostly loading. */
async function sentencesOf(report: RunReport, elf: ElfFile, ramBytes: number): Promise<readonly string[]> {
  if (report.exitReason === "pass" && report.refusedHostCalls.length === 0) return [];
  const { endSentences } = await import("./run/end-sentences.ts");
  const { Symbolizer } = await import("../controller/bare/symbolizer.ts");
  return endSentences(report, new Symbolizer(elf), ramBytes);
}

/** What stands behind the first `--` is the program's. */
function splitAtDashes(args: readonly string[]): [own: readonly string[], words: readonly string[]] {
  const at = args.indexOf("--");
  return at < 0 ? [args, []] : [args.slice(0, at), args.slice(at + 1)];
}

/** Throws {@link LoadError} for memory that is not there. */
function planOutputs(
  bare: BareMachine,
  symbols: ElfSymbols,
  dumps: readonly Dump[],
  signature: string | undefined,
): readonly MemoryOutput[] {
  const outputs = dumpOutputs(dumps, (what, address, byteCount) => bare.readRam(what, address, byteCount));
  if (signature === undefined) return outputs;
  const range = signatureRange(bare, symbols);
  const content = () => formatSignature(bare.readRam("the signature", ...range));
  return [{ what: "the signature", file: signature, content }, ...outputs];
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
