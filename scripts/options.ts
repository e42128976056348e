/**
 * Reading command lines. Bad input ends in a {@link UsageError}: one clear sentence, exit code 2.
 */

import { type ParseArgsConfig, parseArgs } from "node:util";
import { ENGINE_KINDS, type EngineKind, isEngineKind } from "../controller/cpu/engine-kind.ts";
import type { ErrorKind } from "../emulator/base/errors.ts";
import { LOG_LEVELS, type LogLevel } from "../emulator/base/log.ts";
import { errorMessage } from "../emulator/base/text.ts";

/** What the user wrote cannot be carried out; `message` is one sentence that says what and where. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly kind: ErrorKind = "usage";
}

/** What every command takes: its help, and nothing done. */
export const HELP_OPTION = { help: { type: "boolean", short: "h" } } as const;

type OptionsConfig = NonNullable<ParseArgsConfig["options"]>;

/** "-1" and the like: nobody's option, so what is wrong with it is for who reads the value to say. */
const NEGATIVE = /^-[.\d]/;
/** Marks a word as none that begins with a dash; no argument of a process holds this character. */
const QUOTE = "\0";

/** Makes node:util take negative numbers as what they are: an option's value, or a word between the options. */
function quoteNegatives(args: readonly string[], options: OptionsConfig): string[] {
  const quoted: string[] = [];
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  for (const [index, arg] of args.entries()) {
    const before = quoted.at(-1) ?? "";
    if (index > end || !NEGATIVE.test(arg)) quoted.push(arg);
    else if (before.startsWith("--") && options[before.slice(2)]?.type === "string") {
      quoted[quoted.length - 1] = `${before}=${arg}`;
    } else quoted.push(`${QUOTE}${arg}`);
  }
  return quoted;
}

/** What node:util says, in one sentence, without its advice. */
function sentenceOf(error: unknown): string {
  const text = errorMessage(error);
  const [, option] = /^Option '([^ ']+).*' argument is ambiguous/.exec(text) ?? [];
  if (option !== undefined) return `${option} needs a value, and another option follows it`;
  return text.split("\n", 1)[0]?.replace(/\.? To specify a positional.*$/, "") ?? text;
}

/** Parses with node:util and turns its errors into {@link UsageError}. */
export function parseOptions<O extends OptionsConfig>(
  args: readonly string[],
  options: O,
  positionals = 0,
): ReturnType<typeof parseArgs<{ args: string[]; options: O; allowPositionals: true; strict: true }>> {
  try {
    const parsed = parseArgs({
      args: quoteNegatives(args, options),
      options,
      allowPositionals: true,
      strict: true,
    });
    const words = parsed.positionals.map((word) => word.replace(QUOTE, ""));
    if (words.length > positionals && !("help" in parsed.values)) {
      throw new UsageError(`there is one argument too many: ${words[positionals]}`);
    }
    return { ...parsed, positionals: words };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(sentenceOf(error));
  }
}

export function parseInteger(what: string, text: string, min: number, max: number): number {
  const value = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new UsageError(`${what} is "${text}": it must be a whole number from ${min} to ${max}`);
  }
  return value;
}

const SIZE_UNITS: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** "65536", "64K", "16M" in bytes. */
export function parseSize(what: string, text: string, minBytes: number, maxBytes: number): number {
  const match = /^(\d+)([kmg]?)(?:i?b)?$/i.exec(text);
  const bytes = Number(match?.[1] ?? Number.NaN) * (SIZE_UNITS[match?.[2]?.toLowerCase() ?? ""] ?? 1);
  if (!(bytes >= minBytes && bytes <= maxBytes)) {
    throw new UsageError(
      `${what} is "${text}": it must be a size from ${minBytes} to ${maxBytes} bytes, such as 16M`,
    );
  }
  return bytes;
}

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  "": 1000,
  m: 60_000,
  h: 3_600_000,
};

/** "500ms", "30s", "30" (seconds), "10m", "1h" in milliseconds. */
export function parseDuration(what: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|)$/.exec(text);
  const durationMs = Number(match?.[1] ?? Number.NaN) * (DURATION_UNITS[match?.[2] ?? ""] ?? Number.NaN);
  if (!(durationMs > 0)) {
    throw new UsageError(`${what} is "${text}": it must be a duration such as 500ms, 30s, 10m or 1h`);
  }
  return durationMs;
}

export function parseEngine(text: string): EngineKind {
  if (isEngineKind(text)) return text;
  throw new UsageError(`--engine is "${text}": it must be one of ${ENGINE_KINDS.join(", ")}`);
}

export function parseLogLevel(what: string, text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level !== undefined) return level;
  throw new UsageError(`${what} is "${text}": it must be one of ${LOG_LEVELS.join(", ")}`);
}

/** A word of a command as a POSIX shell takes it. */
export function shellQuoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
