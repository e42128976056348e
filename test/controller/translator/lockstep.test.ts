/**
 * Translated code and interpreter in lockstep: the same random program on two machines, compared whenever a
 * budget is used up. The whole hart, RAM and what the UART sent must agree, to the instruction.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Visibility } from "../../../controller/address-space.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { Machine, MachineStop } from "../../../controller/machine.ts";
import { TranslatingEngine } from "../../../controller/translator/engine.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../../emulator/layout.ts";
import { CODE_BASE, type Ingredients, randomProgram } from "./random-program.ts";

const LAYOUT = planLayout({
  ...DEFAULT_MEMORY_CONFIG,
  regions: 2,
  regionBytes: 65_536,
  ramBytes: 65_536,
  hostBytes: 65_536,
});
const BUDGETS: readonly number[] = [1, 2, 3, 7, 20, 50, 150, 400, 1000, 5000];

interface Side {
  readonly machine: Machine;
  readonly sent: number[];
  readonly engine: TranslatingEngine | undefined;
}

function newSide(words: Int32Array, translate: boolean): Side {
  const memory = createMemory(LAYOUT);
  const sent: number[] = [];
  let engine: TranslatingEngine | undefined;
  const machine = new Machine({
    memory,
    layout: LAYOUT,
    slot: 0,
    visibility: Visibility.RAM_ONLY,
    line: { send: (byte) => sent.push(byte), receive: () => -1 },
    ...(translate
      ? {
          engine: (parts, interpreter) => {
            engine = new TranslatingEngine(parts, interpreter, memory, 0, { eager: true });
            return engine;
          },
        }
      : {}),
  });
  machine.space.words.set(words, machine.space.ramOffset >>> 2);
  machine.ramChanged();
  machine.reset(CODE_BASE | 0);
  return { machine, sent, engine };
}

/** Hart words that must agree; LIMIT and ATTENTION are no part of the hart's state. */
function hartState({ machine }: Side): number[] {
  return [...machine.hart].map((word, index) =>
    index === Hart.LIMIT || index === Hart.ATTENTION || index === Hart.SINK ? 0 : word,
  );
}

function ram({ machine }: Side): Buffer {
  const { bytes, ramOffset, ramBytes } = machine.space;
  return Buffer.from(bytes.slice(ramOffset, ramOffset + ramBytes));
}

/** Runs both and compares; returns the translating side. */
function lockstep(seed: number, budgetSeed: number, ingredients: Ingredients, total: number): Side {
  const words = randomProgram(seed, ingredients);
  const reference = newSide(words, false);
  const translated = newSide(words, true);
  translated.engine?.prepare(CODE_BASE);
  let pick = budgetSeed;
  while (reference.machine.retired < total) {
    pick = (Math.imul(pick, 1_664_525) + 1_013_904_223) >>> 0;
    const budget = BUDGETS[(pick >>> 8) % BUDGETS.length] as number;
    const expected = reference.machine.run(budget);
    const actual = translated.machine.run(budget);
    const where = `seed ${seed}, after ${reference.machine.retired} instructions`;
    expect(actual, where).toBe(expected);
    expect(hartState(translated), where).toEqual(hartState(reference));
    expect(ram(translated).equals(ram(reference)), `RAM, ${where}`).toBe(true);
    if (expected !== MachineStop.BUDGET) break;
  }
  expect(translated.sent).toEqual(reference.sent);
  return translated;
}

const SEED = fc.integer({ min: 1, max: 2 ** 30 });

describe("translated code and interpreter agree on registers, memory, CSRs and retired instructions", () => {
  const cases: readonly (readonly [string, Ingredients])[] = [
    ["plain code", { rare: false, selfModifying: false, wild: false }],
    ["traps, CSRs, atomics, devices and timer interrupts", { rare: true, selfModifying: false, wild: false }],
    ["jumps into the middle of instructions", { rare: true, selfModifying: false, wild: true }],
    ["code that rewrites itself", { rare: true, selfModifying: true, wild: true }],
  ];
  for (const [name, ingredients] of cases) {
    it(name, () => {
      let retiredTranslated = 0;
      fc.assert(
        fc.property(SEED, SEED, (seed, budgetSeed) => {
          const side = lockstep(seed, budgetSeed, ingredients, 10_000);
          retiredTranslated += side.engine?.stats().retiredTranslated ?? 0;
        }),
        { numRuns: 40 },
      );
      expect(retiredTranslated, "translated code must have run").toBeGreaterThan(10_000);
    });
  }
});
