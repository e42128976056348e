/** `flipside dump`: prints a crash dump, with symbols and a stack trace where an ELF file is given. */
import { type ElfError, type ElfFile, elfHeaderFault, parseElf } from "../controller/bare/elf.ts";
import { Symbolizer } from "../controller/bare/symbolizer.ts";
import { Hart, Mode } from "../controller/cpu/hart.ts";
import { describeCause } from "../controller/cpu/trap-cause.ts";
import { hex32, visibleText } from "../emulator/base/text.ts";
import { formatVersion } from "../emulator/base/version.ts";
import type { Table } from "../emulator/table/table.ts";
import { type CrashDump, DumpError, decodeDump, MAX_DUMP_BYTES } from "../supervisor/device/dump.ts";
import { formatCalls } from "./dump/calls.ts";
import { EXIT_HELD, OTHER_EXIT_CODES } from "./exit-codes.ts";
import { readInput, requireSeparate, writeReport } from "./input.ts";
import { HELP_OPTION, parseOptions, UsageError } from "./options.ts";
import { fitHelp, formatTable, paint } from "./terminal.ts";

const HELP = `flipside dump: print a crash dump.

usage: flipside dump FILE [--elf FILE] [--json FILE]

  --elf FILE   the firmware's ELF file: names addresses and finds the calls that
               were open; compiled with -g also the lines that they are on
  --json FILE  write the dump as JSON
  -h, --help   this text

Exit code: 0 printed, ${OTHER_EXIT_CODES}.
`;

const MAX_ELF_BYTES = 64 * 1024 * 1024;

const REGISTERS =
  "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split(
    " ",
  );

const CSRS: readonly (readonly [string, number])[] = [
  ["pc", Hart.PC],
  ["mstatus", Hart.MSTATUS],
  ["mie", Hart.MIE],
  ["mip", Hart.MIP],
  ["mtvec", Hart.MTVEC],
  ["mepc", Hart.MEPC],
  ["mcause", Hart.MCAUSE],
  ["mtval", Hart.MTVAL],
];

function readDump(file: string): CrashDump {
  try {
    return decodeDump(readInput("the dump", file, MAX_DUMP_BYTES));
  } catch (error) {
    if (!(error instanceof DumpError)) throw error;
    throw new UsageError(`the dump ${file} cannot be read: ${error.message}`);
  }
}

function readElf(file: string | undefined): ElfFile | undefined {
  if (file === undefined) return undefined;
  const require = <T extends object>(found: T | ElfError): T => {
    if ("error" in found) throw new UsageError(`--elf ${file}: ${found.message}`);
    return found;
  };
  const bytes = readInput("--elf", file, MAX_ELF_BYTES, (head) => void require(elfHeaderFault(head) ?? {}));
  return require(parseElf(bytes));
}

export async function dumpCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(
    args,
    { elf: { type: "string" }, json: { type: "string" }, ...HELP_OPTION },
    1,
  );
  if (values.help === true) {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  const [file] = positionals;
  if (file === undefined) throw new UsageError("dump needs the file of a crash dump");
  requireSeparate([values.json], [file, values.elf]);
  const dump = readDump(file);
  process.stdout.write(formatDump(dump, readElf(values.elf)));
  if (values.json !== undefined) {
    writeReport(values.json, "dump", { ...dump, stack: { ...dump.stack, bytes: [...dump.stack.bytes] } });
  }
  return EXIT_HELD;
}

/** @param elf the firmware that failed */
export function formatDump(dump: CrashDump, elf: ElfFile | undefined): string {
  const { failure, stack } = dump;
  const symbolizer = elf && new Symbolizer(elf);
  const word = (index: number): number => (dump.hart[index] ?? 0) >>> 0;
  const named = (address: number): string => {
    const symbol = visibleText(symbolizer?.nameOf(address) ?? "");
    return symbol === "" ? hex32(address) : `${hex32(address)} ${symbol}`;
  };
  const to = dump.toRegion < 0 ? "safe mode" : `region ${dump.toRegion}`;
  const registers = REGISTERS.map((name, index) => `${name.padStart(4)} ${hex32(word(Hart.X + index))}`);
  const rows = Array.from({ length: 8 }, (_, row) => registers.slice(row * 4, row * 4 + 4).join("  "));
  return [
    paint("bold", `${failure.evidence} in region ${dump.fromRegion}, version ${dump.version}, then ${to}`),
    `${dump.time}   boot epoch ${dump.bootEpoch}   code ${hex32(failure.code)}${failure.message === "" ? "" : `   ${visibleText(failure.message)}`}`,
    "",
    `    mode ${word(Hart.MODE) === Mode.USER ? "user" : "machine"}`,
    ...CSRS.map(([name, index]) => `${name.padStart(8)} ${named(word(index))}`),
    `   cause ${describeCause(word(Hart.MCAUSE), word(Hart.MTVAL))}`,
    "",
    ...rows,
    "",
    paint("bold", "calls"),
    ...formatCalls(dump, elf, symbolizer),
    "",
    paint("bold", describeStack(stack)),
    ...formatWords(stack.address, stack.bytes),
    "",
    paint("bold", "last UART output"),
    printable(dump.uart),
    "",
    paint("bold", "table before → after"),
    formatTables(dump.tableBefore, dump.tableAfter),
    "",
    paint("bold", "timeline"),
    ...formatTimeline(dump),
    "",
  ].join("\n");
}

function describeStack({ address, bytes }: CrashDump["stack"]): string {
  return bytes.length === 0
    ? `stack at ${hex32(address)}: none of it was kept`
    : `stack, ${bytes.length} bytes from ${hex32(address)}`;
}

const WORDS_SHOWN = 64;

function formatWords(address: number, bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const words = Array.from({ length: Math.min(WORDS_SHOWN, bytes.length >> 2) }, (_, i) =>
    view.getUint32(i * 4, true),
  );
  return Array.from({ length: Math.ceil(words.length / 4) }, (_, row) => {
    const four = words.slice(row * 4, row * 4 + 4).map((word) => word.toString(16).padStart(8, "0"));
    return `  ${hex32(address + row * 16)}  ${four.join(" ")}`;
  });
}

/** Control characters of the firmware do not reach the terminal. */
function printable(text: string): string {
  return text.replace(/[^\n\t\x20-\x7e]/g, "·").replace(/^/gm, "  ");
}

function formatTables(before: Table, after: Table): string {
  const pair = (a: unknown, b: unknown): string => (a === b ? String(a) : `${a} → ${b}`);
  const rows = before.regions.map((region, index) => {
    const then = after.regions[index] ?? region;
    return [
      String(index),
      formatVersion(region.version),
      pair(region.state, then.state),
      pair(region.triesLeft, then.triesLeft),
      pair(region.failures, then.failures),
    ];
  });
  const titles = ["region", "version", "state", "tries left", "failures"].map((title) => ({ title }));
  const head = `  generation ${pair(before.generation, after.generation)}   primary ${pair(before.active, after.active)}`;
  return `${head}\n${formatTable(titles, rows).replace(/^/gm, "  ")}`;
}

function formatTimeline({ timeline, failure }: CrashDump): string[] {
  return timeline.map(({ name, region, timeNs }) => {
    const us = (timeNs - failure.faultNs) / 1000;
    return `  ${us.toFixed(1).padStart(12)} µs  ${name}  region ${region}`;
  });
}
