/** What the command line of `flipside run` may say, read. */
import type { RunReport } from "../../controller/bare/run-report.ts";
import { type Extensions, parseIsa } from "../../controller/cpu/isa.ts";
import { PAGE_BYTES } from "../../emulator/memory/layout.ts";
import { EXIT_FINDING, EXIT_HELD, EXIT_UNJUDGED } from "../exit-codes.ts";
import { HELP_OPTION, parseInteger, type parseOptions, parseSize, UsageError } from "../options.ts";

/** Of `flipside run`. */
export const RUN_OPTIONS = {
  "max-instructions": { type: "string" },
  ram: { type: "string" },
  clock: { type: "string", default: "live" },
  engine: { type: "string" },
  "exit-code": { type: "string", default: "flipside" },
  isa: { type: "string" },
  stats: { type: "boolean" },
  semihosting: { type: "boolean" },
  "semihosting-dir": { type: "string" },
  signature: { type: "string" },
  dump: { type: "string", multiple: true },
  json: { type: "string" },
  device: { type: "string" },
  flash: { type: "string", multiple: true },
  ...HELP_OPTION,
} as const;

export type RunValues = ReturnType<typeof parseOptions<typeof RUN_OPTIONS>>["values"];

const EXIT_CODES: Readonly<Record<RunReport["exitReason"], number>> = {
  pass: EXIT_HELD,
  fail: EXIT_FINDING,
  idle: EXIT_FINDING,
  "trap-loop": EXIT_FINDING,
  "max-instructions": EXIT_UNJUDGED,
};

const DEFAULT_RAM = "128M";
const MIN_RAM = 65_536;
export const MAX_RAM = 512 * 1024 * 1024;

/** Memory that is written at the end. */
export interface Dump {
  readonly address: number;
  readonly byteCount: number;
  readonly file: string;
}

export function parseMaxInstructions(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  return parseInteger("--max-instructions", text, 1, Number.MAX_SAFE_INTEGER);
}

export function parseRam(text = DEFAULT_RAM): number {
  const ramBytes = parseSize("--ram", text, MIN_RAM, MAX_RAM);
  if (ramBytes % PAGE_BYTES === 0) return ramBytes;
  throw new UsageError(`--ram is "${text}": it must be a multiple of ${PAGE_BYTES} bytes`);
}

export function parseExtensions(text: string): Extensions {
  const extensions = parseIsa(text.toLowerCase());
  if (typeof extensions === "number") return extensions;
  throw new UsageError(`--isa is "${text}": ${extensions.message}`);
}

export function parseClock(text: string): "live" | "virtual" {
  if (text === "live" || text === "virtual") return text;
  throw new UsageError(`--clock is "${text}": it must be live or virtual`);
}

/** Whose exit code a program's failure gives. */
export type ExitCodeMeaning = "flipside" | "program";

export function parseExitCode(text: string): ExitCodeMeaning {
  if (text === "flipside" || text === "program") return text;
  throw new UsageError(`--exit-code is "${text}": it must be flipside or program`);
}

export function exitCodeOf({ exitReason, failCode }: RunReport, meaning: ExitCodeMeaning): number {
  return meaning === "program" && exitReason === "fail" ? failCode % 256 : EXIT_CODES[exitReason];
}

export function parseDump(text: string): Dump {
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

/** The name of a flash device, and the file that its content is in. */
export interface FlashFile {
  readonly name: string;
  readonly file: string;
}

export function parseFlashFile(text: string): FlashFile {
  const [, name, file] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || file === undefined)
    throw new UsageError(`--flash is "${text}": it must be NAME=FILE`);
  return { name, file };
}
