/** Triggers against a model of them: random programs with random triggers, one instruction after the other. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decode,
  emptyInstruction,
  type Instruction,
  instructionLength,
  Op,
} from "../../../controller/cpu/decode.ts";
import { Cause } from "../../../controller/cpu/engine.ts";
import { Hart, Mode, MSTATUS_MPP } from "../../../controller/cpu/hart.ts";
import { ALL_EXTENSIONS } from "../../../controller/cpu/isa.ts";
import { type Machine, MachineStop } from "../../../controller/machine.ts";
import { type Ingredients, randomProgram } from "../../../scripts/hostile/random-program.ts";
import { newPair, newSide, runBoth } from "../translator/harness.ts";
import { TriggerModel } from "./trigger-model.ts";

const SEED = fc.integer({ min: 1, max: 2 ** 30 });
const STEPS = 2_000;
const PROGRAM = { rare: false, selfModifying: false, wild: false, triggers: true };
const PROGRAMS: readonly { name: string; program: Ingredients; examples: [number][] }[] = [
  // Of this one a loop was translated at a run's end, right after a trigger had been disarmed.
  { name: "in machine mode", program: PROGRAM, examples: [[879343980]] },
  // These fire in user mode, by what they execute, load and store, a hundred times and more.
  { name: "in both modes", program: { ...PROGRAM, user: true }, examples: [[117], [515]] },
];

/** What is about to execute; undefined where it cannot be fetched. */
function nextInstruction({ space, hart }: Machine): Instruction | undefined {
  const pc = hart[Hart.PC] as number;
  const parcel = (at: number): number => {
    const offset = space.executable(at, 2);
    return offset < 0 ? -1 : (space.halves[offset / 2] as number);
  };
  const [low, high] = [parcel(pc), parcel(pc + 2)];
  if (low < 0 || (instructionLength(low) === 4 && high < 0)) return undefined;
  const insn = emptyInstruction();
  decode(low | (high << 16), insn, ALL_EXTENSIONS);
  return insn;
}

/** What a CSR instruction does to a trigger CSR. */
function accessTriggers(model: TriggerModel, { op, rs1, imm }: Instruction, source: number): void {
  const old = model.read(imm);
  const operand = op >= Op.CSRRWI ? rs1 : source;
  if (op === Op.CSRRW || op === Op.CSRRWI) model.write(imm, operand);
  else if (rs1 !== 0) model.write(imm, op === Op.CSRRS || op === Op.CSRRSI ? old | operand : old & ~operand);
}

const isTriggerAccess = ({ op, imm }: Instruction): boolean =>
  op >= Op.CSRRW && op <= Op.CSRRCI && imm >= 0x7a0 && imm <= 0x7a5;

type Fired = "execute" | "load" | "store" | "nothing";

function firedBy(insn: Instruction | undefined, pc: number, address: number | undefined): Fired {
  if (address === undefined) return "nothing";
  if (insn === undefined || address === pc >>> 0) return "execute";
  return insn.op <= Op.LHU || insn.op === Op.LR_W ? "load" : "store";
}

/** Whether the last trap was taken after so many instructions. */
function trappedAt({ hart }: Machine, retired: number): boolean {
  return hart[Hart.LAST_TRAP_LO] === retired && hart[Hart.LAST_TRAP_HI] === 0;
}

/** A trap was taken at `pc`, by a trigger if there is an address. */
function expectTrap({ hart }: Machine, model: TriggerModel, pc: number, address: number | undefined): void {
  const told = [Hart.MCAUSE, Hart.MEPC, Hart.MTVAL].map((word) => hart[word]);
  if (address !== undefined) expect(told).toEqual([Cause.BREAKPOINT, pc, address | 0]);
  model.trap();
}

/** Executes one instruction on the hart and in the model, and compares. */
function step(machine: Machine, model: TriggerModel): Fired {
  const { hart, retired } = machine;
  const word = (index: number): number => hart[index] as number;
  const pc = word(Hart.PC);
  const insn = nextInstruction(machine);
  const source = insn === undefined ? 0 : word(Hart.X + insn.rs1);
  const isUser = word(Hart.MODE) === Mode.USER;
  const returnsToUser = (word(Hart.MSTATUS) & MSTATUS_MPP) === 0;
  const address = model.fire(isUser, pc, insn, (register) => word(Hart.X + register));
  const read = insn !== undefined && isTriggerAccess(insn) ? model.read(insn.imm) : undefined;
  // The handler's first instruction, which does not trap.
  const isAfterTrap = trappedAt(machine, retired);
  machine.run(1);
  const what = `at ${(pc >>> 0).toString(16)}, instruction ${retired}`;
  // Each run retires one instruction: after a trap it is the handler's first.
  if (!isAfterTrap && trappedAt(machine, retired)) {
    if (address === undefined) {
      expect(word(Hart.MCAUSE) === Cause.BREAKPOINT, what).toBe(insn?.op === Op.EBREAK);
    }
    expectTrap(machine, model, pc, address);
    return firedBy(insn, pc, address);
  }
  expect(address, what).toBeUndefined();
  if (insn !== undefined && read !== undefined) {
    if (insn.rd !== 0) expect(word(Hart.X + insn.rd), what).toBe(read);
    accessTriggers(model, insn, source);
  }
  if (insn?.op === Op.MRET) model.mret();
  if (!trappedAt(machine, retired + 1)) return "nothing";
  // It leads to where nothing can be fetched, which is told at once.
  const target = word(Hart.MEPC);
  const fetched = model.fire(insn?.op === Op.MRET ? returnsToUser : isUser, target, undefined, () => 0);
  expect(word(Hart.MCAUSE), what).toBe(
    fetched === undefined ? Cause.INSTRUCTION_ACCESS_FAULT : Cause.BREAKPOINT,
  );
  expectTrap(machine, model, target, fetched);
  return firedBy(undefined, target, fetched);
}

describe("triggers fire as the model says, and nowhere else", () => {
  it.each(PROGRAMS)(
    "$name, instruction by instruction, with the same in one go and translated",
    ({ program, examples }) => {
      let firedInUser = 0;
      const counts: Record<Fired, number> = { execute: 0, load: 0, store: 0, nothing: 0 };
      fc.assert(
        fc.property(SEED, (seed) => {
          const words = randomProgram(seed, program);
          const { machine } = newSide(words, false);
          const model = new TriggerModel();
          for (let at = 0; at < STEPS && !machine.stopped; at++) {
            const isUser = machine.hart[Hart.MODE] === Mode.USER;
            const fired = step(machine, model);
            counts[fired]++;
            if (isUser && fired !== "nothing") firedInUser++;
            const hits = [0, 1, 2, 3].map((index) => machine.hart[Hart.TDATA1 + index] || 15 << 28);
            if (hits.some((tdata1, index) => tdata1 !== model.tdata1(index))) {
              expect(hits, `instruction ${at}`).toEqual([0, 1, 2, 3].map((index) => model.tdata1(index)));
            }
          }
          const pair = newPair(words);
          const total = machine.retired;
          if (!machine.stopped) expect(runBoth(pair, total, `seed ${seed}`)).toBe(MachineStop.BUDGET);
          else expect(runBoth(pair, 2 * STEPS, `seed ${seed}`)).not.toBe(MachineStop.BUDGET);
          const state = (hart: Int32Array): number[] => [...hart.subarray(0, 32), hart[Hart.PC] as number];
          expect(state(pair.reference.machine.hart)).toEqual(state(machine.hart));
          expect(pair.reference.machine.hart.slice(Hart.TSELECT, Hart.TDATA2 + 4)).toEqual(
            machine.hart.slice(Hart.TSELECT, Hart.TDATA2 + 4),
          );
        }),
        { numRuns: 80, examples },
      );
      expect(firedInUser > 20, `${firedInUser} fired in user mode`).toBe(program.user === true);
      for (const [name, count] of Object.entries(counts)) expect(count, name).toBeGreaterThan(5);
    },
  );
});
