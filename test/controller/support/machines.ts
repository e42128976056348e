/** Machines for tests: virtual clock, small memory, a program in RAM or in a region. */
import { BARE_BOARD, type BoardPlan, CONTROLLER_BOARD } from "../../../controller/boards.ts";
import type { AddressSpace } from "../../../controller/cpu/address-space.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import type { SerialLine } from "../../../controller/devices/uart.ts";
import { Machine, type MachineOptions } from "../../../controller/machine.ts";
import { Control, controlWords } from "../../../emulator/memory/control.ts";
import {
  createMemory,
  DEFAULT_MEMORY_CONFIG,
  type Layout,
  planLayout,
} from "../../../emulator/memory/layout.ts";
import { RAM_BASE, WINDOW_BASE } from "../../../emulator/memory/map.ts";
import { csr, MTVEC, Program } from "./assembler.ts";

export const TEST_CONFIG = {
  ...DEFAULT_MEMORY_CONFIG,
  regionBytes: 65_536,
  ramBytes: 65_536,
  hostBytes: 65_536,
};

/** Register names by their use in the calling convention. */
export const RA = 1;
export const T0 = 5;
export const T1 = 6;
export const T2 = 7;
export const S0 = 8;
export const A0 = 10;
export const A1 = 11;
export const A2 = 12;

export interface Fixture {
  readonly machine: Machine;
  readonly layout: Layout;
  readonly control: Int32Array;
  readonly space: AddressSpace;
  /** x`index`, signed. */
  x(index: number): number;
  setX(index: number, value: number): void;
  /** A word of the hart state. */
  hart(word: Hart): number;
  /** Sets bytes of RAM at an offset from its first byte. */
  setRam(offset: number, bytes: ArrayLike<number>): void;
  ramWord(offset: number): number;
}

export interface FixtureOptions {
  readonly plan?: BoardPlan;
  readonly line?: SerialLine;
  readonly ring?: () => void;
  readonly nowNs?: () => number;
  readonly engine?: MachineOptions["engine"];
}

export function fixture(options: FixtureOptions = {}): Fixture {
  const layout = planLayout(TEST_CONFIG);
  const memory = createMemory(layout);
  const machine = new Machine({
    memory,
    layout,
    slot: 0,
    plan: options.plan ?? CONTROLLER_BOARD,
    ...(options.line && { line: options.line }),
    ...(options.ring && { ring: options.ring }),
    ...(options.nowNs && { liveClock: { nowNs: options.nowNs } }),
    ...(options.engine && { engine: options.engine }),
  });
  const { space } = machine;
  const control = controlWords(memory, layout);
  control[Control.QUEUE_ENTRIES] = 16;
  return {
    machine,
    layout,
    control,
    space,
    x: (index) => machine.hart[Hart.X + index] as number,
    setX: (index, value) => {
      machine.hart[Hart.X + index] = value;
    },
    hart: (word) => machine.hart[word] as number,
    setRam: (offset, bytes) => space.bytes.set(Array.from(bytes), space.ramOffset + offset),
    ramWord: (offset) => space.words[(space.ramOffset + offset) / 4] as number,
  };
}

/** The program stands at the start of RAM and is about to run. */
export function inRam(program: Program, options: FixtureOptions = {}): Fixture {
  const result = fixture({ plan: BARE_BOARD, ...options });
  result.setRam(0, program.bytes());
  result.machine.reset(RAM_BASE | 0);
  return result;
}

/** The program stands at the start of region 0, which is designated, and is about to run. */
export function inRegion(program: Program, options: FixtureOptions = {}): Fixture {
  const result = fixture(options);
  result.space.bytes.set(program.bytes(), result.layout.regions[0] ?? 0);
  result.machine.setRegion(0);
  result.machine.reset(WINDOW_BASE);
  return result;
}

/** A program that begins, in three instructions, by installing the handler at its label `handler`. */
export function withHandler(): Program {
  return new Program().la(T0, "handler").words(csr("csrrw", 0, MTVEC, T0));
}
