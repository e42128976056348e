/**
 * What a translating engine counts, and where: each counter is a double (counts exceed 2^32) in the slot block of
 * its slot, so that another thread can read it while the engine works, and after its worker died.
 *
 * Invariants: only the worker of the slot writes, with plain stores; the next worker of a slot goes on counting where
 * the one before it ended, so a counter counts since power-on. Each number read is right by itself; together they
 * are of no one moment.
 */
import { SLOT_COUNTERS } from "../../emulator/memory/control.ts";

/** Every counter and its place. */
export const Counter = {
  /** Live now, for the region that the slot has behind its window: modules, their bytes, their entries. */
  units: 0,
  unitBytes: 1,
  entries: 2,
  /** Modules made before the version started, by a standby; and while it ran, because code proved hot. */
  translationsAhead: 3,
  translationsRunning: 4,
  /** Guest instructions in all of them. */
  translatedInstructions: 5,
  /** Times that translations were dropped because their code changed. */
  drops: 6,
  /** Edges that were cut because no structure could hold them. */
  cutEdges: 7,
  /** Instructions retired by each engine, in runs that are long enough for translated code. */
  retiredTranslated: 8,
  retiredInterpreted: 9,
  /** Times that translated code was left: for an instruction that is never translated, */
  exitsInterpret: 10,
  /** for a load or store that is a device's, faults or needs a second look, */
  exitsAccess: 11,
  /** because the run's end is near or another thread wants the hart, */
  exitsLimit: 12,
  /** and for a pc that is no entry. */
  exitsMiss: 13,
  /** Modules that were dropped to make room for others. */
  evictions: 14,
} as const;

type CounterName = keyof typeof Counter;
export type TranslatorStats = Readonly<Record<CounterName, number>>;

const COUNTERS = Object.entries(Counter) as [CounterName, number][];
if (COUNTERS.length > SLOT_COUNTERS || COUNTERS.some(([, place], index) => place !== index)) {
  throw new Error("the translator's counters do not fit their places in the slot block");
}

/** The sum of the counters of several slots. */
export function readStats(...slots: readonly Float64Array[]): TranslatorStats {
  return collect((_, place) => sum(slots.map((counters) => counters[place] ?? 0)));
}

/** The sum over several devices. */
export function sumStats(devices: readonly TranslatorStats[]): TranslatorStats {
  return collect((name) => sum(devices.map((stats) => stats[name])));
}

function collect(value: (name: CounterName, place: number) => number): TranslatorStats {
  return Object.fromEntries(COUNTERS.map(([name, place]) => [name, value(name, place)])) as TranslatorStats;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** False where there is nothing but interpreters, and before anything was translated. */
export function isUsed(stats: TranslatorStats): boolean {
  return stats.translationsAhead + stats.translationsRunning > 0;
}

/** What `--stats` prints, a line each. */
export function formatStats(stats: TranslatorStats): string[] {
  const retired = stats.retiredTranslated + stats.retiredInterpreted;
  if (retired === 0 && !isUsed(stats)) return ["nothing was given to a translator"];
  const percent = retired === 0 ? 0 : (100 * stats.retiredTranslated) / retired;
  const translations = stats.translationsAhead + stats.translationsRunning;
  return [
    `retired ${retired} instructions, ${percent.toFixed(2)} % of them in translated code`,
    `translations ${translations} of ${stats.translatedInstructions} instructions: ` +
      `${stats.translationsAhead} ahead of need, ${stats.translationsRunning} while running; ` +
      `live ${stats.units} modules, ${stats.unitBytes} bytes, ${stats.entries} entries; ` +
      `dropped ${stats.drops} times because code changed, ${stats.evictions} modules to make room`,
    `left for an instruction that is not translated ${stats.exitsInterpret}, for a device or a fault ${stats.exitsAccess}, ` +
      `near the limit ${stats.exitsLimit}, for code not translated ${stats.exitsMiss}`,
  ];
}
