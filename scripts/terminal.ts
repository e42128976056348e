/** What people look at: colour and a live status line only on a terminal, plain lines elsewhere; tables; bars. */
import { styleText } from "node:util";
import { formatStats, type TranslatorStats } from "../controller/translator/stats.ts";
import type { HistogramRow } from "../supervisor/soak/timing.ts";

export type Paint = "green" | "red" | "yellow" | "dim" | "bold" | "cyan";

/** https://no-color.org, https://force-color.org: what is asked for counts before what the output is. */
export function wantsColour(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  const [never, always] = [env["NO_COLOR"] ?? "", env["FORCE_COLOR"] ?? ""];
  if (always !== "") return always !== "0" && always !== "false";
  return never === "" && isTerminal;
}

/** Standard output is looked at when something is painted: a run that prints nothing of its own never opens it. */
let coloured: boolean | undefined;

/** Characters of a line where nobody says how many there are. */
const PLAIN_COLUMNS = 120;

/** Of a line of what is printed now. */
function lineColumns(): number {
  return process.stdout.columns ?? PLAIN_COLUMNS;
}

export function paint(colour: Paint, text: string): string {
  coloured ??= wantsColour(process.env, process.stdout.isTTY === true);
  return coloured ? styleText(colour, text, { validateStream: false }) : text;
}

/** A line that is overwritten on a terminal; elsewhere one plain line every few seconds. */
export class StatusLine {
  readonly #plainIntervalMs: number;
  #lastPlainMs = 0;
  #shown = false;

  constructor(plainIntervalMs = 5_000) {
    this.#plainIntervalMs = plainIntervalMs;
  }

  show(text: string): void {
    if (process.stdout.isTTY === true) {
      process.stdout.write(`\r\x1b[2K${text.slice(0, lineColumns() - 1)}`);
      this.#shown = true;
    } else if (Date.now() - this.#lastPlainMs >= this.#plainIntervalMs) {
      this.#lastPlainMs = Date.now();
      process.stdout.write(`${text}\n`);
    }
  }

  /** A line that stays, above. */
  note(text: string): void {
    this.clear();
    process.stdout.write(`${text}\n`);
  }

  /** Removes the line, so that what follows starts clean. */
  clear(): void {
    if (this.#shown) process.stdout.write("\r\x1b[2K");
    this.#shown = false;
  }
}

/** What a device's translators counted, under a title. */
export function formatTranslator(stats: TranslatorStats): string[] {
  return [paint("bold", "translator"), ...formatStats(stats).map((line) => `  ${line}`)];
}

export interface Column {
  readonly title: string;
  readonly align?: "right";
  /** Left out where lines are too short for all: the highest first. Absent: never. */
  readonly spare?: number;
}

type Cells = readonly string[];

const GAP = 2;
/** A last column of text is not broken into shorter lines than this. */
const TEXT_COLUMNS = 24;

function widthsOf(columns: readonly Column[], rows: readonly Cells[]): number[] {
  return columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? "").length)));
}

function totalOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + GAP, -GAP);
}

/** Places of the columns that are shown: as many as fit, in their order. */
function shownColumns(columns: readonly Column[], rows: readonly Cells[], maxWidth: number): number[] {
  const widths = widthsOf(columns, rows);
  const shown = columns.map((_, i) => i);
  const spare = shown
    .filter((i) => columns[i]?.spare !== undefined)
    .sort((a, b) => (columns[b]?.spare ?? 0) - (columns[a]?.spare ?? 0));
  for (const next of spare) {
    if (totalOf(shown.map((i) => widths[i] ?? 0)) <= maxWidth) break;
    shown.splice(shown.indexOf(next), 1);
  }
  return shown;
}

/** A text in lines of at most `width` characters, broken between words. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

const HELP_COLUMNS = 80;
/** An option and its gap: a description that begins further right is none. */
const MAX_OPTION_COLUMNS = 34;

/** Where the text of a line begins: behind an option or a name, or behind the line's indent. */
function textColumn(line: string): number {
  const [option = ""] = /^ *\S+(?: \S+)* {2,}(?=\S)/.exec(line) ?? [];
  const [indent = ""] = /^ */.exec(line) ?? [];
  return option !== "" && option.length <= MAX_OPTION_COLUMNS ? option.length : indent.length;
}

/** A help text in lines of at most 80 characters: longer ones, with the lines that go on with them, are broken anew. */
export function fitHelp(text: string): string {
  const fitted: string[] = [];
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; at++) {
    let line = lines[at] as string;
    const column = textColumn(line);
    while ((lines[at] as string).length > HELP_COLUMNS && goesOn(lines[at + 1], column)) {
      line += ` ${(lines[++at] as string).trim()}`;
    }
    if (line.length <= HELP_COLUMNS) {
      fitted.push(line);
      continue;
    }
    const [first = "", ...rest] = wrapped(line.slice(column), HELP_COLUMNS - column);
    fitted.push(line.slice(0, column) + first, ...rest.map((more) => " ".repeat(column) + more));
  }
  return fitted.join("\n");
}

/** Whether a line is of the text that begins in this column. */
function goesOn(line: string | undefined, column: number): boolean {
  return line !== undefined && line.trim() !== "" && line.length - line.trimStart().length === column;
}

/** Rows under titles, columns as wide as their widest cell; a last one of text is broken where lines are too short. */
export function formatTable(
  all: readonly Column[],
  allRows: readonly Cells[],
  maxWidth = lineColumns(),
): string {
  const shown = shownColumns(all, allRows, maxWidth);
  const columns = shown.map((i) => all[i] as Column);
  const rows = allRows.map((row) => shown.map((i) => row[i] ?? ""));
  const widths = widthsOf(columns, rows);
  const last = columns.length - 1;
  const before = totalOf(widths.slice(0, last)) + GAP;
  const lastWidth = Math.max(TEXT_COLUMNS, maxWidth - before);
  const line = (cells: Cells): string =>
    cells
      .map((cell, i) =>
        columns[i]?.align === "right" ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
      )
      .join(" ".repeat(GAP))
      .trimEnd();
  const lines = (cells: Cells): string[] => {
    const text = cells[last] ?? "";
    if (columns[last]?.align === "right" || text.length <= lastWidth) return [line(cells)];
    const [first = "", ...rest] = wrapped(text, lastWidth);
    return [line([...cells.slice(0, last), first]), ...rest.map((more) => " ".repeat(before) + more)];
  };
  const head = paint("bold", line(columns.map(({ title }) => title)));
  return [head, ...rows.flatMap(lines)].join("\n");
}

/** Microseconds with a unit that keeps the number short. */
export function formatUs(us: number): string {
  if (us === 0) return "–";
  if (us < 1000) return `${us < 10 ? us.toFixed(1) : us.toFixed(0)} µs`;
  if (us < 1_000_000) return `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`;
  return `${(us / 1_000_000).toFixed(2)} s`;
}

const BAR_COLUMNS = 48;

/** One bar per bucket of a distribution. */
export function formatHistogram(rows: readonly HistogramRow[]): string {
  const most = Math.max(1, ...rows.map((row) => row.count));
  return rows
    .map(({ fromUs, count }) => {
      const bar = "█".repeat(Math.ceil((count / most) * BAR_COLUMNS));
      return `  ${`≥ ${formatUs(fromUs)}`.padStart(10)}  ${paint("cyan", bar.padEnd(BAR_COLUMNS))} ${count}`;
    })
    .join("\n");
}
