/** What a section of the benchmark gives: figures, each beside what it is measured against. */

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The figure's bound, if issue or design name one: `at most` or `at least` this. */
  readonly atMost?: number;
  readonly atLeast?: number;
}

export interface Section {
  readonly title: string;
  readonly figures: readonly Figure[];
}

export function meets({ value, atMost, atLeast }: Figure): boolean {
  return (atMost === undefined || value <= atMost) && (atLeast === undefined || value >= atLeast);
}
