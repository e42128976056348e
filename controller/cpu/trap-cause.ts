/** Exceptions as people read them; volume II, "Machine Cause Register". */
import { neededFor } from "./foreign-instruction.ts";

/** By exception code of mcause. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  0: "instruction address misaligned",
  1: "instruction access fault",
  2: "illegal instruction",
  3: "breakpoint",
  4: "load address misaligned",
  5: "load access fault",
  6: "store address misaligned",
  7: "store access fault",
  8: "environment call from user mode",
  11: "environment call",
  16: "double trap",
};

const ILLEGAL_INSTRUCTION = 2;

/**
 * @param mcause the register, signed or not: its highest bit is set of an interrupt
 * @param mtval of an illegal instruction its bits, which tell what it needs
 */
export function describeCause(mcause: number, mtval: number): string {
  const code = mcause & 0x7fff_ffff;
  if (mcause >>> 31 === 1) return `interrupt ${code}`;
  const needed = mcause === ILLEGAL_INSTRUCTION ? neededFor(mtval) : undefined;
  const lack = needed === undefined ? "" : ` (an instruction of ${needed}, which this hart does not have)`;
  return `${EXCEPTIONS[code] ?? `exception ${code}`}${lack}`;
}
