/**
 * LR, SC and AMOs as WebAssembly: plain loads and stores, which is all that one hart needs. Other threads touch
 * device words only, never RAM that a hart runs on.
 *
 * Invariant: what is not an aligned word of RAM on a line without a flag that counts is refused before anything changed, so
 * that the interpreter raises the exception or tells the observer. No facts are used or learnt: a fact does not
 * say that an address is aligned.
 */
import { type Instruction, Op } from "../cpu/decode.ts";
import { Hart, NO_RESERVATION } from "../cpu/hart.ts";
import { Wasm } from "../wasm/emitter.ts";
import { type CheckContext, emitFlagCheck, type GuestMemory } from "./memory-access.ts";

/** What an AMO does with the old value and rs2, in this order on the stack. */
const COMBINE: ReadonlyMap<Op, Wasm> = new Map([
  [Op.AMOADD_W, Wasm.I32_ADD],
  [Op.AMOXOR_W, Wasm.I32_XOR],
  [Op.AMOAND_W, Wasm.I32_AND],
  [Op.AMOOR_W, Wasm.I32_OR],
]);

/** Comparisons by which the old value stays. */
const KEEP_OLD: ReadonlyMap<Op, Wasm> = new Map([
  [Op.AMOMIN_W, Wasm.I32_LT_S],
  [Op.AMOMAX_W, Wasm.I32_GT_S],
  [Op.AMOMINU_W, Wasm.I32_LT_U],
  [Op.AMOMAXU_W, Wasm.I32_GT_U],
]);

/** Does `insn` and pushes what rd gets. `hart` is the host offset of the hart state. */
export function emitAtomic(
  context: CheckContext,
  memory: GuestMemory,
  insn: Instruction,
  hart: number,
): void {
  emitWordCheck(context, memory, insn.rs1);
  const { loadFlags, storeFlags } = memory;
  if (insn.op === Op.LR_W) {
    if (loadFlags !== 0) emitFlagCheck(context, memory, 0, loadFlags);
    emitLoadReserved(context, memory, insn, hart);
    return;
  }
  // A line without a flag: nobody decoded code from it, nobody watches.
  emitFlagCheck(context, memory, 0, storeFlags | loadFlags);
  if (insn.op === Op.SC_W) emitStoreConditional(context, memory, insn, hart);
  else emitReadModifyWrite(context, memory, insn);
}

/** Puts the address's offset into RAM into scratch; refuses what is no aligned word of it. */
function emitWordCheck(context: CheckContext, { ram }: GuestMemory, rs1: number): void {
  const { out, scratch } = context;
  context.push(rs1);
  out.constant(-ram.base | 0);
  out.op(Wasm.I32_ADD);
  out.tee(scratch);
  // As in emitCheck: rotated, a misaligned offset is as large as one beyond RAM.
  out.constant(2);
  out.op(Wasm.I32_ROTR);
  out.constant((ram.bytes >>> 2) - 1);
  out.op(Wasm.I32_GT_U);
  out.if();
  context.refuse();
  out.end();
}

function emitLoadReserved(
  context: CheckContext,
  { ram }: GuestMemory,
  { rs1 }: Instruction,
  hart: number,
): void {
  const { out, scratch } = context;
  out.constant(hart);
  context.push(rs1);
  out.memory(Wasm.I32_STORE, Hart.RESERVATION * 4);
  out.get(scratch);
  out.memory(Wasm.I32_LOAD, ram.offset);
}

/** The reservation is gone afterwards, whether it held or not. */
function emitStoreConditional(
  context: CheckContext,
  { ram }: GuestMemory,
  { rs1, rs2 }: Instruction,
  hart: number,
): void {
  const { out, scratch, scratch2 } = context;
  out.constant(hart);
  out.memory(Wasm.I32_LOAD, Hart.RESERVATION * 4);
  context.push(rs1);
  out.op(Wasm.I32_EQ);
  out.set(scratch2);
  out.constant(hart);
  out.constant(NO_RESERVATION);
  out.memory(Wasm.I32_STORE, Hart.RESERVATION * 4);
  out.get(scratch2);
  out.if();
  out.get(scratch);
  context.push(rs2);
  out.memory(Wasm.I32_STORE, ram.offset);
  out.end();
  out.get(scratch2);
  out.op(Wasm.I32_EQZ);
}

function emitReadModifyWrite(context: CheckContext, { ram }: GuestMemory, { op, rs2 }: Instruction): void {
  const { out, scratch, scratch2 } = context;
  const pushBoth = (): void => {
    out.get(scratch2);
    context.push(rs2);
  };
  out.get(scratch);
  out.memory(Wasm.I32_LOAD, ram.offset);
  out.set(scratch2);
  out.get(scratch);
  const combine = COMBINE.get(op);
  const keepOld = KEEP_OLD.get(op);
  if (combine !== undefined) {
    pushBoth();
    out.op(combine);
  } else if (keepOld !== undefined) {
    pushBoth();
    pushBoth();
    out.op(keepOld);
    out.op(Wasm.SELECT);
  } else {
    context.push(rs2); // amoswap
  }
  out.memory(Wasm.I32_STORE, ram.offset);
  out.get(scratch2);
}
