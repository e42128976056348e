/**
 * The default engine beside the interpreter, in turns: it must never be slower, however short the run, and a version
 * must be ready sooner after a failover.
 */
import type { EngineKind } from "../../controller/cpu/engine-kind.ts";
import type { DrillReport } from "../../supervisor/index.ts";
import { startReference } from "./failover.ts";
import { PROGRAMS, Program } from "./programs.ts";
import type { Figure, Section } from "./sections.ts";
import { geometricMean, median } from "./statistics.ts";

/** Lengths of runs in instructions: from before anything is translated to well behind it. */
const LENGTHS = [1e6, 1e7, 1e8] as const;
const ROUNDS = 3;
const CHUNKS = 6;
const CHUNK_FAILOVERS = 1_000;
const WARM_UP_FAILOVERS = 3_000;
/** What two equal runs differ by here: of one program, and on an average of ten. */
const NOISE = 1.1;
const AVERAGE_NOISE = 1.05;

interface Ratios {
  /** Seconds of auto over those of the interpreter. */
  readonly auto: number;
  /** The interpreter's over its own. */
  readonly itself: number;
}

/** By length. */
function ratiosOf(name: string): Ratios[] {
  const program = new Program(name);
  const counted = (iterations: number): number => program.runEngine("interpreter", iterations).instructions;
  const once = counted(1);
  const perIteration = counted(2) - once;
  const ratios = LENGTHS.map((length) => {
    const iterations = Math.max(1, Math.round((length - once) / perIteration));
    const seconds = (engine: EngineKind): number => program.runEngine(engine, iterations).seconds;
    const rounds = Array.from({ length: ROUNDS }, () => {
      const [first, auto, second] = [seconds("interpreter"), seconds("auto"), seconds("interpreter")];
      return { auto: (2 * auto) / (first + second), itself: second / first };
    });
    return { auto: median(rounds.map((r) => r.auto)), itself: median(rounds.map((r) => r.itself)) };
  });
  program.close();
  return ratios;
}

async function readyFigures(): Promise<Figure[]> {
  const interpreter = await startReference("interpreter");
  const auto = await startReference("auto");
  const drills: { interpreter: DrillReport; auto: DrillReport }[] = [];
  for (const device of [interpreter, auto]) await device.drill("illegal-instruction", WARM_UP_FAILOVERS);
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    drills.push({
      interpreter: await interpreter.drill("illegal-instruction", CHUNK_FAILOVERS),
      auto: await auto.drill("illegal-instruction", CHUNK_FAILOVERS),
    });
  }
  await Promise.all([interpreter.stop(), auto.stop()]);
  const of = (figure: (drill: (typeof drills)[number]) => number): number => median(drills.map(figure));
  return [
    { name: "ready p50, interpreter", value: of((d) => d.interpreter.readyUs.p50), unit: "µs" },
    { name: "ready p50, auto", value: of((d) => d.auto.readyUs.p50), unit: "µs" },
    {
      name: "  auto / interpreter",
      value: of((d) => d.auto.readyUs.p50 / d.interpreter.readyUs.p50),
      unit: "×",
      atMost: 1,
    },
    {
      name: "restart p50, auto / interpreter",
      value: of((d) => d.auto.restartUs.p50 / d.interpreter.restartUs.p50),
      unit: "×",
      atMost: NOISE,
    },
  ];
}

export async function benchAuto(): Promise<Section> {
  const names = PROGRAMS.filter((name) => name !== "shared-page");
  const ratios = names.map(ratiosOf);
  const runs = LENGTHS.flatMap((length, at): Figure[] => {
    const here = ratios.flatMap((of) => of[at] ?? []);
    const auto = here.map((r) => r.auto);
    const title = `${names.length} programs, ${length / 1e6} million instructions`;
    return [
      { name: `${title}: auto / interpreter`, value: geometricMean(auto), unit: "×", atMost: AVERAGE_NOISE },
      { name: "  slowest of them", value: Math.max(...auto), unit: "×" },
      {
        name: "  slowest of the interpreter by itself",
        value: Math.max(...here.map((r) => r.itself)),
        unit: "×",
      },
    ];
  });
  return { title: "auto beside the interpreter", figures: [...runs, ...(await readyFigures())] };
}
