/**
 * Engines beside QEMU on the same programs, in pairs. A rate is that of the iterations by which a long run is longer
 * than a short one, so neither the start of a process nor the warming of a translator is in it; the whole run of the
 * program as it is shown beside it.
 */
import { haveGcc, haveQemu, PROGRAMS, Program } from "./programs.ts";
import type { Figure, Section } from "./sections.ts";
import { geometricMean, median } from "./statistics.ts";

const ROUNDS = 3;
/** Iterations of the long run over those of the short one. */
const LONGER = 3;
/** The interpreter's share of the iterations: it is several times slower. */
const INTERPRETER_SHARE = 0.1;
/** Code and data on one page: QEMU collapses, so it is no rival there. */
const SHARED_PAGE = "shared-page";
/** And where QEMU takes as long as elsewhere for a few iterations, the translator needs more for a time that tells. */
const SHARED_PAGE_SHARE = 40;
/** What CoreMark is made of: list, matrix, state machine, CRC. */
const COREMARK_LIKE: ReadonlySet<string> = new Set(["linked-list", "matrix", "command-queue", "crc32c"]);

/** Iterations of two runs: what the long one takes more than the short one is an engine's steady pace. */
export interface Span {
  readonly short: number;
  readonly long: number;
}

/** What is run of a program to measure an engine: enough for a time that tells. */
export function spanOf({ name, iterations }: Program, engine: "interpreter" | "translator"): Span {
  const whole = iterations * (name === SHARED_PAGE ? SHARED_PAGE_SHARE : 1);
  if (engine === "translator") return { short: whole, long: whole * LONGER };
  const few = Math.max(1, Math.round(whole * INTERPRETER_SHARE));
  return { short: few, long: few * 2 };
}

interface Rates {
  readonly name: string;
  /** Million instructions per second. */
  readonly translator: number;
  readonly interpreter: number;
  /** 0 without QEMU, or without gcc. */
  readonly qemu: number;
  readonly native: number;
  /** Of the program as it is, start of the translator included; 0 without QEMU. */
  readonly wholeRunRatio: number;
}

function measureProgram(name: string): Rates {
  const program = new Program(name);
  const short = program.iterations;
  const long = short * LONGER;
  const perIteration = (run: (iterations: number) => { seconds: number }, from: number, to: number): number =>
    (run(to).seconds - run(from).seconds) / (to - from);
  const ofEngine = (kind: "interpreter" | "translator"): number => {
    const span = spanOf(program, kind);
    return perIteration((iterations) => program.runEngine(kind, iterations), span.short, span.long);
  };
  const rounds = Array.from({ length: ROUNDS }, () => ({
    qemu: haveQemu ? perIteration((n) => program.runQemu(n), short, long) : Number.POSITIVE_INFINITY,
    translator: ofEngine("translator"),
    interpreter: ofEngine("interpreter"),
    native: haveGcc ? perIteration((n) => program.runNative(n), short, long * 4) : Number.POSITIVE_INFINITY,
  }));
  const counted = (iterations: number): number => program.runEngine("translator", iterations).instructions;
  const instructions = counted(2) - counted(1);
  const whole = haveQemu ? program.runQemu(short).seconds - program.runQemu(1).seconds : 0;
  const wholeRunRatio = whole / program.runEngine("translator", short).seconds;
  program.close();
  const rate = (of: (round: (typeof rounds)[number]) => number): number =>
    instructions / median(rounds.map(of)) / 1e6;
  return {
    name,
    translator: rate((round) => round.translator),
    interpreter: rate((round) => round.interpreter),
    qemu: rate((round) => round.qemu),
    native: rate((round) => round.native),
    wholeRunRatio,
  };
}

function figuresOf(rates: Rates): Figure[] {
  const { name, translator, interpreter, qemu, native, wholeRunRatio } = rates;
  const figures: Figure[] = [
    { name: `${name}: translator`, value: translator, unit: "MIPS" },
    { name: "  interpreter", value: interpreter, unit: "MIPS" },
  ];
  if (qemu > 0) {
    const bound = name === SHARED_PAGE ? {} : { atLeast: 0.8 };
    figures.push(
      { name: "  QEMU", value: qemu, unit: "MIPS" },
      { name: "  translator / QEMU", value: translator / qemu, unit: "×", ...bound },
      { name: "  whole run, start included", value: wholeRunRatio, unit: "×" },
    );
  }
  if (native > 0)
    figures.push({ name: "  native gcc -O2 / translator", value: native / translator, unit: "×" });
  return figures;
}

export function benchEngines(): Section {
  const rates = PROGRAMS.map(measureProgram);
  const apart = rates.filter(({ name }) => name !== SHARED_PAGE);
  const overall: Figure[] = [
    {
      name: "geometric mean: translator / interpreter",
      value: geometricMean(apart.map((r) => r.translator / r.interpreter)),
      unit: "×",
      atLeast: 6,
    },
    {
      name: `geometric mean: interpreter, ${[...COREMARK_LIKE].join(", ")}`,
      value: geometricMean(apart.filter(({ name }) => COREMARK_LIKE.has(name)).map((r) => r.interpreter)),
      unit: "MIPS",
      atLeast: 250,
    },
  ];
  if (haveQemu) {
    overall.unshift(
      {
        name: "geometric mean: translator / QEMU",
        value: geometricMean(apart.map((r) => r.translator / r.qemu)),
        unit: "×",
        atLeast: 1.5,
      },
      {
        name: "geometric mean: whole runs / QEMU",
        value: geometricMean(apart.map((r) => r.wholeRunRatio)),
        unit: "×",
      },
    );
  }
  const without = haveQemu ? "" : " (QEMU is not installed here)";
  return {
    title: `engines on ${rates.length} programs${without}`,
    figures: [...rates.flatMap(figuresOf), ...overall],
  };
}
