/**
 * `npm run busy-soaks`: soaks of the reference firmware beside processes that do nothing but keep the processors busy.
 * A violation is a finding, as a busy machine is no failure; so is a run of soaks of which too little could be judged. Not
 * part of the tests: a soak takes minutes there.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SoakReport } from "../supervisor/soak/soak.ts";
import { besideBusyLoops } from "./busy-loops.ts";
import { countFaults, type Verdict } from "./emulate/outcome.ts";
import { EXIT_FINDING, EXIT_HELD, OTHER_EXIT_CODES } from "./exit-codes.ts";
import { HELP_OPTION, parseDuration, parseInteger, parseOptions } from "./options.ts";
import { runProgram } from "./program.ts";
import { removeScratch, scratchDirectory } from "./scratch.ts";
import { fitHelp } from "./terminal.ts";

const HELP = `usage: npm run busy-soaks -- [options]

Soaks of the reference firmware beside processes that keep the processors busy. Exit code: 0 no violation and at least
90 % of the faults judged, 1 otherwise,
${OTHER_EXIT_CODES}.

  --runs N         soaks, one after the other (default 20)
  --loops N        busy processes (default 16)
  --duration TIME  of each, as of flipside emulate (default 20s); every kind comes once, which takes longer there
  --seed S         of the first; the next have S + 1, … (default 1)
  -h, --help       this text
`;

const MAX_COUNT = 100_000;
/** Of the faults, that must be judged. */
const LEAST_JUDGED = 0.9;

const CLI = fileURLToPath(new URL("./cli.bundle.cjs", import.meta.url));

interface Outcome {
  /** Undefined of a soak that told nothing. */
  readonly verdict: Verdict | undefined;
  readonly violations: readonly string[];
  readonly injected: number;
  readonly notJudged: number;
  /** What it wrote to standard error. */
  readonly said: string;
}

interface WrittenReport extends SoakReport {
  readonly verdict: Verdict;
}

async function soak(seed: number, duration: string, json: string): Promise<Outcome> {
  const args = [CLI, "emulate", "--seed", String(seed), "--duration", duration, "--json", json];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk));
  await once(child, "close");
  const report = readReport(json);
  if (report === undefined) return { verdict: undefined, violations: [], injected: 0, notJudged: 0, said };
  const { verdict, violations, faults } = report;
  return { verdict, violations, ...countFaults(faults), said };
}

/** Undefined where there is none: the soak ended before its summary. */
function readReport(json: string): WrittenReport | undefined {
  try {
    return JSON.parse(readFileSync(json, "utf8")) as WrittenReport;
  } catch {
    return undefined;
  }
}

function tell(index: number, seed: number, startedMs: number, outcome: Outcome): void {
  const { verdict = "no report", violations, injected, notJudged, said } = outcome;
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  const load = (loadavg()[0] ?? 0).toFixed(1);
  const counts = `${injected} faults, ${notJudged} not judged, ${violations.length} violations`;
  process.stdout.write(`${index + 1}: seed ${seed}  ${verdict}  ${counts}  ${seconds} s  load ${load}\n`);
  for (const text of violations) process.stdout.write(`  ${text}\n`);
  if (said !== "") process.stdout.write(said.replace(/^/gm, "  ").trimEnd().concat("\n"));
}

function sum(outcomes: readonly Outcome[], of: (outcome: Outcome) => number): number {
  return outcomes.reduce((total, outcome) => total + of(outcome), 0);
}

function summarize(outcomes: readonly Outcome[], loops: number): number {
  const count = (wanted: Verdict | undefined): number =>
    outcomes.filter(({ verdict }) => verdict === wanted).length;
  const violations = sum(outcomes, (outcome) => outcome.violations.length);
  const injected = sum(outcomes, (outcome) => outcome.injected);
  const judged = injected - sum(outcomes, ({ notJudged }) => notJudged);
  const share = injected === 0 ? 0 : judged / injected;
  const verdicts = `${count("held")} held, ${count("not-judged")} not judged, ${count("violated")} violated`;
  const others = outcomes.length - count("held") - count("not-judged") - count("violated");
  process.stdout.write(
    `${outcomes.length} soaks beside ${loops} busy loops: ${verdicts}, ${others} without a verdict; ${violations} violations; ${judged} of ${injected} faults judged (${(share * 100).toFixed(1)} %)\n`,
  );
  const good = count("violated") === 0 && violations === 0 && others === 0 && share >= LEAST_JUDGED;
  return good ? EXIT_HELD : EXIT_FINDING;
}

async function busySoaks(args: readonly string[]): Promise<number> {
  const { values } = parseOptions(args, {
    runs: { type: "string" },
    loops: { type: "string" },
    duration: { type: "string" },
    seed: { type: "string" },
    ...HELP_OPTION,
  });
  if (values.help === true) {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  const runs = parseInteger("--runs", values.runs ?? "20", 1, MAX_COUNT);
  const loops = parseInteger("--loops", values.loops ?? "16", 0, MAX_COUNT);
  const first = parseInteger("--seed", values.seed ?? "1", 0, 2 ** 32 - MAX_COUNT);
  const duration = values.duration ?? "20s";
  parseDuration("--duration", duration);
  const directory = scratchDirectory();
  const outcomes: Outcome[] = [];
  await besideBusyLoops(loops, async () => {
    for (let index = 0; index < runs; index += 1) {
      const startedMs = performance.now();
      const seed = first + index;
      const outcome = await soak(seed, duration, join(directory, `${index}.json`));
      outcomes.push(outcome);
      tell(index, seed, startedMs, outcome);
    }
  }).finally(() => removeScratch(directory));
  return summarize(outcomes, loops);
}

await runProgram(busySoaks);
