/** What was held and what was not, by row and column of the table that ends the run. */
import { type Column, formatTable } from "../terminal.ts";

export class Tally {
  readonly #columns: readonly string[];
  /** By row: of each column what held and what was tried. */
  readonly #rows = new Map<string, Map<string, readonly [held: number, tried: number]>>();
  readonly #findings: string[] = [];

  constructor(columns: readonly string[]) {
    this.#columns = columns;
  }

  /** @param finding what is wrong, as a sentence; undefined where nothing is */
  add(row: string, column: string, finding: string | undefined): void {
    const cells = this.#rows.get(row) ?? new Map<string, readonly [number, number]>();
    const [held, tried] = cells.get(column) ?? [0, 0];
    this.#rows.set(row, cells.set(column, [held + (finding === undefined ? 1 : 0), tried + 1]));
    if (finding !== undefined) this.#findings.push(finding);
  }

  get findings(): readonly string[] {
    return this.#findings;
  }

  /** So many things were tried. */
  get tried(): number {
    const all = [...this.#rows.values()].flatMap((cells) => [...cells.values()]);
    return all.reduce((sum, [, tried]) => sum + tried, 0);
  }

  table(title: string): string {
    const columns: Column[] = [
      { title },
      ...this.#columns.map((each): Column => ({ title: each, align: "right" })),
    ];
    const rows = [...this.#rows].map(([row, cells]) => [
      row,
      ...this.#columns.map((column) => {
        const [held, tried] = cells.get(column) ?? [0, 0];
        return tried === 0 ? "–" : `${held}/${tried}`;
      }),
    ]);
    return formatTable(columns, rows);
  }
}
