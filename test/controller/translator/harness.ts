/**
 * Two machines with the same program, one of which translates whatever it meets, run side by side and compared.
 */

import { expect } from "vitest";
import { BARE_BOARD, type BoardPlan } from "../../../controller/boards.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { Machine, MachineStop } from "../../../controller/machine.ts";
import { TranslatingEngine } from "../../../controller/translator/engine.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../../emulator/memory/layout.ts";

/** Where programs begin. */
export const CODE_BASE = 0x8000_0000;
export const LAYOUT = planLayout({
  ...DEFAULT_MEMORY_CONFIG,
  regions: 2,
  regionBytes: 65_536,
  ramBytes: 65_536,
  hostBytes: 65_536,
});
const BUDGETS: readonly number[] = [1, 2, 3, 7, 20, 50, 150, 400, 1000, 5000];

export interface Side {
  readonly machine: Machine;
  readonly sent: number[];
  readonly engine: TranslatingEngine | undefined;
}

export function newSide(words: Int32Array, translate: boolean, plan: BoardPlan = BARE_BOARD): Side {
  const memory = createMemory(LAYOUT);
  const sent: number[] = [];
  let engine: TranslatingEngine | undefined;
  const machine = new Machine({
    memory,
    layout: LAYOUT,
    slot: 0,
    plan,
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

/** The two machines of a comparison. */
export interface Pair {
  readonly reference: Side;
  readonly translated: Side;
}

export function newPair(words: Int32Array, plan: BoardPlan = BARE_BOARD): Pair {
  const pair = { reference: newSide(words, false, plan), translated: newSide(words, true, plan) };
  pair.translated.engine?.prepare(CODE_BASE);
  return pair;
}

/** Runs both for a budget and compares all that firmware could see. Returns why they came back. */
export function runBoth({ reference, translated }: Pair, budget: number, what: string): MachineStop {
  const expected = reference.machine.run(budget);
  const actual = translated.machine.run(budget);
  const where = `${what}, after ${reference.machine.retired} instructions`;
  expect(actual, where).toBe(expected);
  expect(hartState(translated), where).toEqual(hartState(reference));
  expect(ram(translated).equals(ram(reference)), `RAM, ${where}`).toBe(true);
  expect(translated.sent).toEqual(reference.sent);
  return expected;
}

/** Runs both to `total` instructions or a stop, in budgets drawn from the seed. Returns the last reason. */
export function lockstep(pair: Pair, budgetSeed: number, total: number, what: string): MachineStop {
  let pick = budgetSeed;
  let stop = MachineStop.BUDGET;
  while (stop === MachineStop.BUDGET && pair.reference.machine.retired < total) {
    pick = (Math.imul(pick, 1_664_525) + 1_013_904_223) >>> 0;
    stop = runBoth(pair, BUDGETS[(pick >>> 8) % BUDGETS.length] as number, what);
  }
  return stop;
}
