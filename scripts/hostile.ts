/**
 * `npm run hostile`: what an enemy sends, for a given time. Programs made by chance in both engines, mutated files,
 * frames that no client sends, processes that are killed: the four take turns. Not part of the tests; CI runs a short one.
 *
 * Each case is made from one number (hostile/part.ts); a finding tells it, and how to have that case again.
 */

import { platformFault, thisPlatform } from "../emulator/base/platform.ts";
import { Random } from "../emulator/base/random.ts";
import { EXIT_FINDING, EXIT_HELD, EXIT_USAGE, OTHER_EXIT_CODES, UnableError } from "./exit-codes.ts";
import { ENGINE_COUNTS } from "./hostile/engines.ts";
import { FILE_COUNTS } from "./hostile/files.ts";
import { FramesPart } from "./hostile/frames.ts";
import { KillsPart } from "./hostile/kills.ts";
import { PART_NAMES, type Part, type PartName } from "./hostile/part.ts";
import { endServers } from "./hostile/served.ts";
import { ThreadedPart } from "./hostile/threaded-part.ts";
import { HELP_OPTION, parseDuration, parseInteger, parseOptions, UsageError } from "./options.ts";
import { runProgram } from "./program.ts";
import { ENDING_SIGNALS, scratchDirectory } from "./scratch.ts";
import { fitHelp } from "./terminal.ts";

const HELP = `npm run hostile -- [options]: what an enemy would send, made by chance, for a given time.

engines  random programs, interpreted and translated: the whole hart, memory and output must agree
files    images, ELF, Intel HEX and flash files, tables, crash dumps, mutated: read, or refused by name, within bounds
frames   random and mutated frames to a served device, and requests in between that must be answered
kills    SIGKILL and SIGSTOP for the processes of a served device: what was acknowledged must be there afterwards

  --seed N         what all is made from (default 1)
  --duration TIME  such as 40s or 10m (default 1m), shared by the parts
  --part NAME      only this one: ${PART_NAMES.join(", ")}
  --case N         only this case of --part, as a finding tells it
  -h, --help       this text

Exit code: 0 everything held, 1 a finding,
${OTHER_EXIT_CODES}.
`;

/** Longest turn of a part, before the others have theirs. */
const TURN_MS = 10_000;
/** No one needs more of them to know that something is wrong. */
const MAX_FINDINGS = 20;
const MAX_SEED = 0xffff_ffff;

interface Task {
  readonly name: PartName;
  readonly part: Part;
  readonly counts: Map<string, number>;
}

function makePart(name: PartName): Part {
  switch (name) {
    case "engines":
      return new ThreadedPart(name, ENGINE_COUNTS, scratchDirectory());
    case "files":
      return new ThreadedPart(name, FILE_COUNTS, scratchDirectory());
    case "frames":
      return new FramesPart();
    case "kills":
      return new KillsPart();
  }
}

function tell(text: string): void {
  process.stdout.write(`${text}\n`);
}

class HostileRun {
  readonly #tasks: readonly Task[];
  readonly #random: Random;
  #findings = 0;

  constructor(names: readonly PartName[], seed: number) {
    this.#random = new Random(seed);
    this.#tasks = names.map((name) => {
      const part = makePart(name);
      return { name, part, counts: new Map(part.counted.map((what) => [what, 0])) };
    });
  }

  /** In turns, each of which has at least one case, until the time is over. */
  async run(durationMs: number): Promise<number> {
    const rounds = Math.max(1, Math.round(durationMs / this.#tasks.length / TURN_MS));
    const turnMs = durationMs / this.#tasks.length / rounds;
    const overMs = performance.now() + durationMs;
    for (let round = 0; round < rounds; round += 1) {
      for (const task of this.#tasks) {
        // A case may be longer than its turn, so the last ones may have none; the first ones have.
        if (round > 0 && performance.now() >= overMs) break;
        const endMs = performance.now() + turnMs;
        do await this.#case(task, this.#random.uint32());
        while (performance.now() < endMs && this.#findings < MAX_FINDINGS);
        this.#tellCounts(task);
      }
    }
    return this.#judge();
  }

  /** One case, whatever it counts. */
  async again(seed: number): Promise<number> {
    for (const task of this.#tasks) {
      await this.#case(task, seed);
      this.#tellCounts(task);
    }
    return this.#findings > 0 ? EXIT_FINDING : EXIT_HELD;
  }

  async close(): Promise<void> {
    for (const { part } of this.#tasks) await part.close();
  }

  async #case({ name, part, counts }: Task, seed: number): Promise<void> {
    const result = await part.run(seed);
    for (const [what, count] of Object.entries(result.counts))
      counts.set(what, (counts.get(what) ?? 0) + count);
    for (const finding of result.findings) {
      this.#findings += 1;
      tell(`FINDING in ${name}: ${finding}\n  again: npm run hostile -- --part ${name} --case ${seed}`);
    }
  }

  #tellCounts({ name, counts }: Task): void {
    const words = [...counts].map(([what, count]) => `${count} ${what}`);
    tell(`${(performance.now() / 1000).toFixed(0).padStart(5)} s  ${name.padEnd(8)} ${words.join(", ")}`);
  }

  #judge(): number {
    const missing = this.#tasks.flatMap(({ counts }) => [...counts].filter(([, count]) => count === 0));
    if (this.#findings > 0) {
      tell(`${this.#findings} findings`);
      return EXIT_FINDING;
    }
    for (const [what] of missing) tell(`nothing was done of: ${what}`);
    if (missing.length > 0) return EXIT_USAGE;
    tell("everything held");
    return EXIT_HELD;
  }
}

async function hostile(args: readonly string[]): Promise<number> {
  const { values } = parseOptions(args, {
    seed: { type: "string" },
    duration: { type: "string" },
    part: { type: "string" },
    case: { type: "string" },
    ...HELP_OPTION,
  });
  if (values.help === true) {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  const seed = parseInteger("--seed", values.seed ?? "1", 0, MAX_SEED);
  const durationMs = parseDuration("--duration", values.duration ?? "1m");
  const names = PART_NAMES.filter((name) => values.part === undefined || name === values.part);
  if (names.length === 0) {
    throw new UsageError(`--part is "${values.part}": it must be one of ${PART_NAMES.join(", ")}`);
  }
  const again = values.case === undefined ? undefined : parseInteger("--case", values.case, 0, MAX_SEED);
  if (again !== undefined && values.part === undefined)
    throw new UsageError("--case needs the --part that it is of");
  const fault = platformFault(thisPlatform());
  if (fault !== undefined) throw new UnableError(fault);
  const run = new HostileRun(names, seed);
  try {
    return again === undefined ? await run.run(durationMs) : await run.again(again);
  } finally {
    await run.close();
  }
}

for (const signal of ENDING_SIGNALS) process.once(signal, endServers);
await runProgram(hostile);
