/**
 * Whole programs beside QEMU: the time of a process from its start to its exit, in pairs, so that loading, interpreting
 * and translating are in it as they are for whoever runs a program.
 *
 * The iterations of each are fixed: they are the lengths that QEMU took about so long for when the set was made.
 */
import { haveQemu, Program, type Room, runBareNode, UNSEEN_PROGRAMS, WHOLE_PROGRAMS } from "./programs.ts";
import type { Figure, Section } from "./sections.ts";
import { geometricMean, median } from "./statistics.ts";

const HELLO_PAIRS = 11;
/** What a run of next to nothing may take longer than Node by itself. */
const HELLO_MS = 30;
/** No program of the middle length may be slower than that. */
const WORST = 0.5;

/** Iterations: 10 to 25 million instructions; 0.15 s, 0.6 s and 12 s on QEMU; 0 where there is no such run. */
interface Lengths {
  readonly tiny: number;
  readonly short: number;
  readonly middle: number;
  readonly long: number;
}

const LENGTHS: Readonly<Record<string, Lengths>> = {
  aes: { tiny: 3, short: 130, middle: 500, long: 0 },
  bignum: { tiny: 73, short: 720, middle: 2900, long: 0 },
  bytecode: { tiny: 4, short: 29, middle: 120, long: 2400 },
  ecdsa: { tiny: 1, short: 8, middle: 31, long: 620 },
  ed25519: { tiny: 1, short: 6, middle: 26, long: 0 },
  "eight-bit": { tiny: 86, short: 590, middle: 2400, long: 0 },
  format: { tiny: 76, short: 430, middle: 1700, long: 0 },
  forth: { tiny: 31, short: 160, middle: 630, long: 13000 },
  game: { tiny: 9, short: 70, middle: 280, long: 0 },
  huffman: { tiny: 11, short: 160, middle: 630, long: 0 },
  json: { tiny: 20, short: 95, middle: 380, long: 7600 },
  lisp: { tiny: 26, short: 65, middle: 260, long: 0 },
  lz: { tiny: 4, short: 75, middle: 300, long: 6000 },
  once: { tiny: 680, short: 1260, middle: 5000, long: 0 },
  picture: { tiny: 4, short: 80, middle: 310, long: 0 },
  "power-up": { tiny: 21, short: 76, middle: 300, long: 0 },
  "ram-fs": { tiny: 4, short: 80, middle: 320, long: 0 },
  "red-black": { tiny: 39, short: 250, middle: 980, long: 20000 },
  regex: { tiny: 1, short: 7, middle: 26, long: 530 },
  routes: { tiny: 14, short: 100, middle: 400, long: 0 },
  sha256: { tiny: 25, short: 210, middle: 830, long: 0 },
  sorts: { tiny: 3, short: 22, middle: 87, long: 1700 },
  states: { tiny: 140, short: 210, middle: 830, long: 0 },
  tasks: { tiny: 160, short: 2600, middle: 10000, long: 0 },
  viterbi: { tiny: 13, short: 280, middle: 1100, long: 0 },
};

/**
 * Programs written after the engines were tuned, by somebody who had not read them. They tell how far the rest holds
 * for programs that nobody tuned by: no figure has a bound, and nothing is to be tuned by them.
 */
const UNSEEN_LENGTHS: Readonly<Record<string, Lengths>> = {
  horn: { tiny: 1, short: 10, middle: 40, long: 0 },
  "key-store": { tiny: 4, short: 46, middle: 185, long: 0 },
  "ray-cast": { tiny: 7, short: 190, middle: 750, long: 0 },
  sheet: { tiny: 2, short: 15, middle: 60, long: 0 },
  typeset: { tiny: 7, short: 100, middle: 400, long: 0 },
};

interface Span {
  readonly length: keyof Lengths;
  readonly title: string;
  /** Least geometric mean of QEMU's time over ours; without it, the figure is only told. */
  readonly atLeast?: number;
  readonly worst?: number;
  readonly pairs: number;
}

const SPANS: readonly Span[] = [
  { length: "tiny", title: "10 to 25 million instructions", atLeast: 0.4, pairs: 3 },
  { length: "short", title: "0.15 s on QEMU", atLeast: 0.8, pairs: 3 },
  { length: "middle", title: "0.6 s on QEMU", atLeast: 1, worst: WORST, pairs: 3 },
  { length: "long", title: "12 s on QEMU", atLeast: 1.8, pairs: 1 },
];

const UNSEEN_SPANS: readonly Span[] = [
  { length: "tiny", title: "10 to 25 million instructions", pairs: 3 },
  { length: "short", title: "0.15 s on QEMU", pairs: 3 },
  { length: "middle", title: "0.6 s on QEMU", pairs: 3 },
];

/** Programs of one folder, and how long each is to run. */
interface ProgramSet {
  readonly room: Room;
  readonly names: readonly string[];
  readonly lengths: Readonly<Record<string, Lengths>>;
}

const WHOLE: ProgramSet = { room: "programs", names: WHOLE_PROGRAMS, lengths: LENGTHS };
const UNSEEN: ProgramSet = { room: "programs-unseen", names: UNSEEN_PROGRAMS, lengths: UNSEEN_LENGTHS };

/** Ratios of one program, the median of its pairs. */
interface Ratio {
  readonly name: string;
  /** QEMU's seconds. */
  readonly qemu: number;
  /** QEMU's over ours. */
  readonly auto: number;
  readonly translator: number;
}

function measure(program: Program, iterations: number, count: number): Ratio {
  const pairs = Array.from({ length: count }, () => {
    const qemu = program.runQemu(iterations).seconds;
    const auto = program.runWhole("auto", iterations);
    return { qemu, auto: qemu / auto, translator: qemu / program.runWhole("translator", iterations) };
  });
  return {
    name: program.name,
    qemu: median(pairs.map((pair) => pair.qemu)),
    auto: median(pairs.map((pair) => pair.auto)),
    translator: median(pairs.map((pair) => pair.translator)),
  };
}

function spanFigures(
  { room, names, lengths }: ProgramSet,
  { length, title, atLeast, worst, pairs }: Span,
): Figure[] {
  const ratios = names.flatMap((name): Ratio[] => {
    const iterations = lengths[name]?.[length] ?? 0;
    if (iterations === 0) return [];
    const program = new Program(name, undefined, room);
    const ratio = measure(program, iterations, pairs);
    program.close();
    return [ratio];
  });
  const each = ratios.flatMap(({ name, qemu, auto, translator }): Figure[] => [
    { name: `${name}, ${title}: QEMU`, value: qemu, unit: "s" },
    { name: "  auto", value: auto, unit: "×", ...(worst !== undefined && { atLeast: worst }) },
    { name: "  translator", value: translator, unit: "×" },
  ]);
  return [
    ...each,
    {
      name: `${title}: geometric mean, auto`,
      value: geometricMean(ratios.map((r) => r.auto)),
      unit: "×",
      ...(atLeast !== undefined && { atLeast }),
    },
    { name: "  translator", value: geometricMean(ratios.map((r) => r.translator)), unit: "×" },
  ];
}

/** A program of some thousand instructions beside Node by itself. */
function helloFigures(): Figure[] {
  const program = new Program("tasks", undefined, "programs");
  const pairs = Array.from({ length: HELLO_PAIRS }, () => {
    const node = runBareNode();
    return { node, ours: program.runWhole("auto", 1) };
  });
  program.close();
  const milliseconds = (of: (pair: (typeof pairs)[number]) => number): number => median(pairs.map(of)) * 1e3;
  return [
    { name: "node -e 0", value: milliseconds((p) => p.node), unit: "ms" },
    {
      name: "run of a program that ends at once: more than that",
      value: milliseconds((p) => p.ours - p.node),
      unit: "ms",
      atMost: HELLO_MS,
    },
  ];
}

export function benchWholeRuns(): Section {
  const title = `whole runs of ${WHOLE_PROGRAMS.length} programs: QEMU's time over ours`;
  if (!haveQemu) return { title: `${title} (QEMU is not installed here)`, figures: helloFigures() };
  return { title, figures: [...helloFigures(), ...SPANS.flatMap((span) => spanFigures(WHOLE, span))] };
}

export function benchUnseenRuns(): Section {
  const title = `whole runs of ${UNSEEN_PROGRAMS.length} programs written after the tuning: QEMU's time over ours`;
  if (!haveQemu) return { title: `${title} (QEMU is not installed here)`, figures: [] };
  return { title, figures: UNSEEN_SPANS.flatMap((span) => spanFigures(UNSEEN, span)) };
}
