/** Cuts in the recovery from a cut: that they tear too, that undoing finds what executing does, and what one cut does not show. */
import { describe, expect, it } from "vitest";
import type { LoaderProfile } from "../../../../supervisor/core/loader-profile.ts";
import { formatCaseId, parseCaseId } from "../../../../supervisor/sweep/explore/case-id.ts";
import { Explorer, type Plan } from "../../../../supervisor/sweep/explore/explorer.ts";
import { LOADER_FAULTS, LoaderSubject } from "../../../../supervisor/sweep/loader/loader-subject.ts";
import { CaseBench } from "../../../../supervisor/sweep/run/case-bench.ts";
import * as asm from "../../../controller/support/assembler.ts";
import { Program } from "../../../controller/support/assembler.ts";
import { A0, A1, A2 } from "../../../controller/support/machines.ts";
import {
  goTo,
  MARK,
  NOR,
  POWER_ON,
  PRIMARY,
  SAFE,
  SECTOR,
  store,
  tinyProfile,
  tinyScenario,
} from "./tiny-loader.ts";

const SEED = 1;
const FLASH = 0x1003_0000;
const [OFFSET, LENGTH, MEMORY, COMMAND] = [0x20, 0x24, 0x28, 0x2c] as const;
const [PROGRAM, ERASE] = [1, 2] as const;
const RAM = 0x8000_0000;

/** Without this word the loader of these tests starts nothing; it is kept twice. */
const SETTING = 0x5e77_1e55;
const [FIRST, SECOND] = [NOR + SECTOR, NOR + 6 * SECTOR];

function command(program: Program, what: number, address: number, bytes: number): void {
  store(program, FLASH + OFFSET, address - NOR);
  store(program, FLASH + LENGTH, bytes);
  store(program, FLASH + MEMORY, RAM);
  store(program, FLASH + COMMAND, what);
}

function write(program: Program, address: number): void {
  store(program, RAM, SETTING);
  command(program, PROGRAM, address, 4);
}

function erase(program: Program, address: number): void {
  command(program, ERASE, address, SECTOR);
}

function unless(program: Program, address: number, label: string): void {
  program
    .li(A0, address)
    .words(asm.load("lw", A1, 0, A0))
    .li(A2, SETTING)
    .branch("bne", A1, A2, label);
}

/** The second copy is written anew at every start; the first, should it be damaged, from the second. */
function rightLoader(): Program {
  const program = new Program();
  unless(program, FIRST, "first-is-gone");
  erase(program, SECOND);
  write(program, SECOND);
  goTo(program, PRIMARY).label("first-is-gone");
  return repairing(program, () => erase(program, FIRST));
}

/**
 * Both are written anew, one after the other, so that one cut leaves one of them. Repairing the first it erases both: a cut in
 * there leaves none.
 */
function wrongLoader(): Program {
  const program = new Program();
  unless(program, FIRST, "first-is-gone");
  for (const copy of [FIRST, SECOND]) {
    erase(program, copy);
    write(program, copy);
  }
  goTo(program, PRIMARY).label("first-is-gone");
  return repairing(program, () => {
    erase(program, SECOND);
    erase(program, FIRST);
    write(program, SECOND);
  });
}

function repairing(program: Program, erased: () => void): Program {
  unless(program, SECOND, "both-are-gone");
  erased();
  write(program, FIRST);
  goTo(program, PRIMARY).label("both-are-gone");
  return store(program, MARK, SAFE).label("stay").jal(0, "stay");
}

function profileOf(loader: Program): LoaderProfile {
  const setting = new Uint8Array(Int32Array.of(SETTING).buffer);
  const programs = [
    { address: NOR, bytes: loader.bytes() },
    { address: FIRST, bytes: setting },
    { address: SECOND, bytes: setting },
  ];
  return tinyProfile(loader, { programs });
}

const SCENARIO = tinyScenario([POWER_ON]);

function planOf(depth: number, said: Partial<Plan> = {}): Plan {
  return { depth, seed: SEED, part: { index: 0, of: 1 }, faults: false, runAll: false, ...said };
}

/** By id the verdict of every case that was counted, and what the sweep of them has found. */
function swept(loader: Program, plan: Plan) {
  const subject = new LoaderSubject(profileOf(loader), {});
  const bench = new CaseBench(subject, SEED);
  subject.measure(() => bench.replay(SCENARIO, []));
  const cases: (readonly [id: string, verdict: string])[] = [];
  new Explorer(subject, SCENARIO, plan, (path, ending) => {
    const verdict = typeof ending === "string" ? ending : ending.verdict;
    cases.push([formatCaseId({ scenario: SCENARIO.name, path, seed: SEED }), verdict]);
  }).explore();
  const { findings } = bench.explore(SCENARIO, plan);
  const replayed = (id: string): string | undefined => {
    const ending = bench.replay(SCENARIO, parseCaseId(id, LOADER_FAULTS).path);
    return typeof ending === "object" ? ending.verdict : ending;
  };
  return { cases, findings, replayed };
}

describe("the second cut", () => {
  it("tears in all ways of the chip in which the first does", () => {
    const ids = swept(rightLoader(), planOf(2)).cases.map(([id]) => id);
    const tears = (pattern: RegExp): readonly string[] =>
      [...new Set(ids.flatMap((id) => pattern.exec(id)?.[1] ?? []))].sort();
    const first = tears(/@\d+:([a-z-]+)~/);
    expect(first.length).toBeGreaterThan(1);
    expect(tears(/@\d+\+\d+:([a-z-]+)~/)).toEqual(first);
  });

  it.each([
    ["right", rightLoader],
    ["wrong", wrongLoader],
  ])("ends by its id, executed from the start, as the sweep of the %s loader says", (_, loader) => {
    const { cases, replayed } = swept(loader(), planOf(2));
    const counted = cases.filter(([id]) => id.includes("+"));
    expect(counted.length).toBeGreaterThan(100);
    // What is wrong, and one of so many of the others.
    const wrong = counted.filter(([, verdict]) => verdict !== "runs-old");
    const some = counted.filter((_, at) => at % 5 === 0);
    for (const [id, verdict] of [...wrong, ...some]) expect([id, replayed(id)]).toEqual([id, verdict]);
  });

  it.each([
    ["right", rightLoader],
    ["wrong", wrongLoader],
  ])("ends likewise where every future of the %s loader is run to its end", (_, loader) => {
    const { cases } = swept(loader(), planOf(2));
    const whole = new Map(swept(loader(), planOf(2, { runAll: true })).cases);
    for (const [id, verdict] of cases) expect([id, whole.get(id)]).toEqual([id, verdict]);
    const verdicts = (each: Iterable<readonly [string, string]>) =>
      [...new Set([...each].map(([, verdict]) => verdict))].sort();
    expect(verdicts(whole)).toEqual(verdicts(cases));
  });

  it("finds a repair that a cut makes worse, which no single cut does", () => {
    expect(swept(wrongLoader(), planOf(1)).findings).toEqual([]);
    const { findings, replayed } = swept(wrongLoader(), planOf(2));
    expect(findings.map(({ verdict }) => verdict)).toContain("bricked-but-whole");
    for (const { replay, verdict } of findings) {
      expect(replay).toMatch(/^v1:tiny@\d+(:[a-z-]+)?\+\d+(:[a-z-]+)?~1$/);
      expect(replayed(replay)).toBe(verdict);
    }
  });

  it("finds nothing where each repair can be cut", () => {
    expect(swept(rightLoader(), planOf(2)).findings).toEqual([]);
  });
});

describe("a pair of a fault and a cut", () => {
  it("has an id of its own, told from that of two cuts, that ends in the same verdict", () => {
    const { cases, replayed } = swept(wrongLoader(), planOf(2, { faults: true }));
    const pairs = cases.filter(([id]) => id.includes("+") && id.includes("!"));
    expect(pairs.length).toBeGreaterThan(10);
    expect(pairs.some(([id]) => /@\d+![a-z-]+\+\d+~/.test(id))).toBe(true);
    expect(pairs.some(([id]) => /@\d+\+\d+![a-z-]+~/.test(id))).toBe(true);
    for (const [id, verdict] of pairs) expect([id, replayed(id)]).toEqual([id, verdict]);
  });
});
