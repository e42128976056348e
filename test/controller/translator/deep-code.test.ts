/**
 * Code as deep as a guest can make it: however many branches, calls, loops and jump tables hang on one another, the
 * translator's own stack stays as it is, and V8 takes what it writes.
 */
import { describe, expect, it } from "vitest";
import { STORE_FLAGS } from "../../../controller/cpu/access-guard.ts";
import { ALL_EXTENSIONS } from "../../../controller/cpu/isa.ts";
import { MachineStop } from "../../../controller/machine.ts";
import type { CodeReader } from "../../../controller/translator/graph.ts";
import { type Target, translateUnit, UNHURRIED } from "../../../controller/translator/unit.ts";
import * as a from "../../../scripts/hostile/assemble.ts";
import { CODE_BASE, newPair, runBoth } from "./harness.ts";

const [RA, T0, T1, A0, A1] = [1, 5, 6, 10, 11];
/** How far a branch leads, in instructions. */
const REACH = 1023;
/** Frames of the translator's own calls, from the test to any step. */
const MAX_FRAMES = 24;
/** Looking takes longer than a step does. */
const LOOKS_AT_STEPS = 8;
/** Of a unit. */
const MAX_BYTES = 4 * 1024 * 1024;

const TARGET: Target = {
  memory: {
    ram: { base: CODE_BASE, bytes: 0x10000, offset: 0x40000 },
    ramFlags: 0x3000,
    loadFlags: 0,
    storeFlags: STORE_FLAGS,
    readable: [],
    writable: [],
  },
  hart: 0x1000,
  memoryPages: 5,
  tableSlots: 4096,
};

/** So many instructions made from their place in the chain, and the exit behind them. */
function chain(length: number, instruction: (index: number) => readonly number[]): number[] {
  return [...Array.from({ length }, (_, index) => instruction(index)).flat(), a.jal(0, 0)];
}

/** `jumps` computed jumps, and `tables` tables of 128 places each for all of them. */
function jumpTables(jumps: number, tables: number): number[] {
  const at = 0x2000;
  const words = Array.from({ length: tables }, (_, i) => [
    a.lui(T0, (CODE_BASE + at) >>> 12),
    a.addi(T0, T0, 512 * i),
  ]).flat();
  for (let i = 0; i < jumps; i++) words.push(a.bne(A0, A1, 8), a.jalr(0, T1, 0));
  while (words.length < at / 4) words.push(a.addi(A0, A0, 1));
  for (let i = 0; i < 128 * tables; i++) words.push((CODE_BASE + ((64 * i) % 4096)) | 0);
  return words;
}

const SHAPES: readonly (readonly [name: string, words: readonly number[]])[] = [
  ["branches to one exit", chain(1550, (i) => [a.bne(A0, A1, 4 * Math.min(1550 - i, REACH))])],
  ["branches to exits of their own", chain(1900, (i) => [a.bne(A0, A1, 4 * (2 + ((i * 37) % 900)))])],
  ["branches back", chain(1900, (i) => [a.bne(A0, A1, -4 * Math.min(i, REACH))])],
  ["either-or", chain(600, () => [a.beq(A0, A1, 8), a.addi(A0, A0, 1), a.addi(A1, A1, 1)])],
  ["jumps", chain(1900, () => [a.jal(0, 4)])],
  ["calls of what calls", chain(600, () => [a.jal(RA, 12), a.addi(A0, A0, 1), a.ret])],
  ["calls of nothing but calls", chain(1900, () => [a.jal(RA, 4)])],
  ["indirect calls", chain(1900, () => [a.jalr(RA, T0, 0)])],
  ["jumps through large tables", jumpTables(900, 4)],
];

function codeOf(words: readonly number[]): CodeReader {
  const parcels = new Uint16Array(Int32Array.from(words).buffer);
  return { parcel: (pc) => parcels[(pc - CODE_BASE) / 2] ?? -1, extensions: ALL_EXTENSIONS };
}

/** Calls on the stack now. */
function frames(): number {
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.stackTraceLimit = Number.POSITIVE_INFINITY;
  Error.prepareStackTrace = (_, sites) => sites.length;
  const count = new Error().stack as unknown as number;
  Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  return count;
}

describe("the guest chooses no depth of the translator's stack, and no size of what it writes", () => {
  for (const [name, words] of SHAPES) {
    it(name, () => {
      const before = frames();
      let [steps, deepest] = [0, 0];
      const goesOn = (): boolean => {
        if (steps++ % LOOKS_AT_STEPS === 0) deepest = Math.max(deepest, frames() - before);
        return true;
      };
      const unit = translateUnit(codeOf(words), CODE_BASE, TARGET, { pace: { ...UNHURRIED, goesOn } });
      expect(unit?.instructions).toBeGreaterThan(500);
      expect(deepest).toBeGreaterThan(0);
      expect(deepest).toBeLessThan(MAX_FRAMES);
      expect(unit?.bytes.length).toBeLessThan(MAX_BYTES);
      expect(WebAssembly.validate(unit?.bytes ?? new Uint8Array())).toBe(true);
    });
  }

  it("and the longest chain of branches runs as it is interpreted", () => {
    const words = (SHAPES[0]?.[1] ?? []).slice(0, -1);
    const round = [
      ...words,
      a.addi(A0, A0, 1),
      a.addi(A1, A1, 1),
      a.addi(T1, T1, -1),
      a.bne(T1, 0, 8),
      a.ebreak,
    ];
    const rounds = 100;
    const start = [a.addi(T1, 0, rounds), a.auipc(RA, 0), a.addi(RA, RA, 8)];
    const pair = newPair(Int32Array.from([...start, ...round, a.ret]));
    const retired = start.length + rounds * (round.length - 1) + rounds - 1;
    expect(runBoth(pair, retired, "chain")).toBe(MachineStop.BUDGET);
    expect(pair.translated.machine.hart[T1]).toBe(0);
    expect(pair.translated.engine?.stats().retiredTranslated).toBeGreaterThan(words.length);
  });
});
