/** Exception codes of mcause as people read them; volume II, "Machine Cause Register". */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  0: "instruction address misaligned",
  1: "instruction access fault",
  2: "illegal instruction",
  3: "breakpoint",
  4: "load address misaligned",
  5: "load access fault",
  6: "store address misaligned",
  7: "store access fault",
  11: "environment call",
  16: "double trap",
};

/** @param mcause the register, signed or not: its highest bit is set of an interrupt */
export function describeCause(mcause: number): string {
  const code = mcause & 0x7fff_ffff;
  return mcause >>> 31 === 1 ? `interrupt ${code}` : (EXCEPTIONS[code] ?? `exception ${code}`);
}
