/** What people look at: colour and a live status line only on a terminal, plain lines elsewhere; tables; bars. */
import { styleText } from "node:util";
import { formatStats, type TranslatorStats } from "../controller/translator/stats.ts";
import type { HistogramRow } from "../supervisor/soak/timing.ts";

export type Paint = "green" | "red" | "yellow" | "dim" | "bold" | "cyan";

const coloured = process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined;

export function paint(colour: Paint, text: string): string {
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
      process.stdout.write(`\r\x1b[2K${text.slice(0, (process.stdout.columns ?? 100) - 1)}`);
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
}

/** Rows under titles, columns as wide as their widest cell. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...rows.map((row) => (row[i] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) =>
        columns[i]?.align === "right" ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
      )
      .join("  ")
      .trimEnd();
  const head = paint("bold", line(columns.map(({ title }) => title)));
  return [head, ...rows.map(line)].join("\n");
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
