/**
 * Which guest registers an instruction reads and writes, as 32-bit sets (bit r is x_r; x0 is in no set).
 */
import { type Instruction, Op } from "../cpu/decode.ts";

/** A set of guest registers. */
export type RegisterSet = number;

export const NO_REGISTERS: RegisterSet = 0;
export const ALL_REGISTERS: RegisterSet = ~1;

/** The ABI's link registers: jal and jalr that write one are taken for calls. */
export const RA = 1;
export const T0 = 5;
export const A0 = 10;

export function setOf(register: number): RegisterSet {
  return register === 0 ? 0 : 1 << register;
}

export function hasRegister(set: RegisterSet, register: number): boolean {
  return ((set >>> register) & 1) !== 0;
}

/** Calls `visit` for each register of the set, in ascending order. */
export function forEachRegister(set: RegisterSet, visit: (register: number) => void): void {
  for (let rest = set; rest !== 0; rest &= rest - 1) visit(31 - Math.clz32(rest & -rest));
}

/** Registers that translated code reads to execute `insn`. */
export function readsOf(insn: Instruction): RegisterSet {
  return setOf(insn.rs1) | setOf(insn.rs2);
}

export function writesOf(insn: Instruction): RegisterSet {
  return setOf(insn.rd);
}

export function isLoad(op: Op): boolean {
  return op >= Op.LB && op <= Op.LHU;
}

export function isStore(op: Op): boolean {
  return op >= Op.SB && op <= Op.SW;
}

/** LR, SC and the AMOs. */
export function isAtomic(op: Op): boolean {
  return op >= Op.LR_W && op <= Op.AMOMAXU_W;
}

/** Whether the operation may leave translated code instead of being done. */
export function mayBeRefused(op: Op): boolean {
  return isLoad(op) || isStore(op) || isAtomic(op);
}

export function isConditionalBranch(op: Op): boolean {
  return op >= Op.BEQ && op <= Op.BGEU;
}

/** Whether another instruction than the next may follow. */
export function isControlTransfer(op: Op): boolean {
  return op >= Op.JAL && op <= Op.BGEU;
}

/** Whether generated code does this operation itself; all others are left to the interpreter. */
export function isTranslated(op: Op): boolean {
  return (op >= Op.LUI && op <= Op.AMOMAXU_W) || op === Op.FENCE;
}

/** Whether the interpreter, having done this operation, goes on at the next instruction, if nothing comes between. */
export function passesOn(op: Op): boolean {
  return (op >= Op.CSRRW && op <= Op.CSRRCI) || op === Op.FENCE_I || op === Op.WFI;
}
