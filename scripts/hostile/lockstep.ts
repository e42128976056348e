/**
 * Two machines with the same program, one of which translates whatever it meets, run side by side and compared: the
 * whole hart, the whole RAM and all that the UART sent, whenever a budget is used up.
 */
import { BARE_BOARD, type BoardPlan } from "../../controller/boards.ts";
import { Hart } from "../../controller/cpu/hart.ts";
import { Machine, MachineStop } from "../../controller/machine.ts";
import { TranslatingEngine } from "../../controller/translator/engine.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../emulator/memory/layout.ts";

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

export interface Outcome {
  /** Why both came back. */
  readonly stop: MachineStop;
  /** The first difference of what firmware could see, as a sentence; undefined where there is none. */
  readonly difference: string | undefined;
}

/** Runs both for a budget and compares. */
export function runPair(pair: Pair, budget: number): Outcome {
  const stop = pair.reference.machine.run(budget);
  const translated = pair.translated.machine.run(budget);
  const difference =
    stop === translated
      ? differenceOf(pair)
      : `the interpreter came back by ${stop}, translated code by ${translated}`;
  return { stop, difference };
}

/** Runs both to `total` instructions, a stop or a difference, in budgets drawn from the seed. */
export function runInLockstep(pair: Pair, budgetSeed: number, total: number): Outcome {
  let pick = budgetSeed;
  let outcome: Outcome = { stop: MachineStop.BUDGET, difference: undefined };
  const goesOn = (): boolean => outcome.stop === MachineStop.BUDGET && outcome.difference === undefined;
  while (goesOn() && pair.reference.machine.retired < total) {
    pick = (Math.imul(pick, 1_664_525) + 1_013_904_223) >>> 0;
    outcome = runPair(pair, BUDGETS[(pick >>> 8) % BUDGETS.length] as number);
  }
  return outcome;
}

/** Hart words that must agree; LIMIT and ATTENTION are no part of the hart's state. */
function hartState({ machine }: Side): number[] {
  return [...machine.hart].map((word, index) =>
    index === Hart.LIMIT || index === Hart.ATTENTION || index === Hart.SINK ? 0 : word,
  );
}

function ramOf({ machine }: Side): Uint8Array {
  const { bytes, ramOffset, ramBytes } = machine.space;
  return bytes.subarray(ramOffset, ramOffset + ramBytes);
}

function differenceOf({ reference, translated }: Pair): string | undefined {
  return (
    differenceIn("hart word", hartState(reference), hartState(translated)) ??
    differenceIn("RAM byte", ramOf(reference), ramOf(translated)) ??
    differenceIn("sent byte", reference.sent, translated.sent)
  );
}

function differenceIn(
  what: string,
  expected: ArrayLike<number>,
  actual: ArrayLike<number>,
): string | undefined {
  const length = Math.max(expected.length, actual.length);
  for (let index = 0; index < length; index += 1) {
    if (expected[index] !== actual[index])
      return `${what} ${index} is ${actual[index]} in translated code, ${expected[index]} interpreted`;
  }
  return undefined;
}
