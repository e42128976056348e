/**
 * What is told of a run's end besides its exit code: what was wrong, where, and what to do about it, a sentence each. A pass
 * speaks for itself.
 */
import type { RunReport, Trap } from "../../controller/bare/run.ts";
import type { Symbolizer } from "../../controller/bare/symbolizer.ts";
import { Cause, InterruptBit } from "../../controller/cpu/engine.ts";
import { describeCause } from "../../controller/cpu/trap-cause.ts";
import { hex, hex32, plural } from "../../emulator/base/text.ts";
import { FINISHER_BASE, RAM_BASE } from "../../emulator/memory/map.ts";
import { describePlace } from "../source-place.ts";

/** As far as RAM may be made to reach. */
const MAX_RAM_END = RAM_BASE + 512 * 1024 * 1024;

/** Reasons of SYS_EXIT ("Semihosting for AArch32 and AArch64", section 6.6). */
const REASONS: Readonly<Record<number, string>> = {
  131072: "branch through zero",
  131073: "undefined instruction",
  131104: "breakpoint",
  131106: "run-time error",
  131107: "run-time error",
  131108: "internal error",
  131109: "user interruption",
  131112: "stack overflow",
  131113: "division by zero",
};

const INTERRUPTS: readonly (readonly [bit: InterruptBit, name: string])[] = [
  [InterruptBit.SOFTWARE, "software"],
  [InterruptBit.TIMER, "timer"],
  [InterruptBit.EXTERNAL, "external"],
];

/** @param ramBytes that the machine has */
export function endSentences(report: RunReport, symbolizer: Symbolizer, ramBytes: number): string[] {
  const placeOf = (pc: number): string => describePlace(symbolizer.placeOf(pc));
  const sentences: string[] = [];
  if (report.refusedHostCalls.length > 0) {
    const refused = report.refusedHostCalls.join(", ");
    sentences.push(`the program asked its host for what is not carried out: ${refused}`);
  }
  if (report.exitReason === "pass") return sentences;
  if (report.unservedCall !== null) {
    const at = placeOf(report.unservedCall);
    sentences.push(`the program made a semihosting call at ${at}, which was a breakpoint: add --semihosting`);
  }
  sentences.push(endOf(report, placeOf, RAM_BASE + ramBytes));
  return sentences;
}

function endOf(report: RunReport, placeOf: (pc: number) => string, ramEnd: number): string {
  const after = `after ${plural(report.retiredInstructions, "instruction")}`;
  const where = `at pc ${placeOf(report.pc)} ${after}`;
  switch (report.exitReason) {
    case "max-instructions":
      return `the program was stopped ${where}: that is the limit of --max-instructions`;
    case "idle":
      return `the program waits for an interrupt that cannot come, ${where}: ${waitingFor(report.mie)}`;
    case "trap-loop":
      return `${trapLoop(report, placeOf, ramEnd)}, ${after}`;
    default:
      return report.semihostingReason === null
        ? `the program failed with code ${report.failCode}, ${where}`
        : `the program ended by SYS_EXIT with reason ${describeReason(report.semihostingReason)}, ${where}`;
  }
}

function describeReason(reason: number): string {
  const name = REASONS[reason];
  return name === undefined ? hex(reason) : `${hex(reason)}, ${name}`;
}

function waitingFor(mie: number): string {
  const enabled = INTERRUPTS.filter(([bit]) => (mie & bit) !== 0).map(([, name]) => name);
  if (enabled.length > 0) return `mie enables ${enabled.join(" and ")}, and no device is to raise that`;
  return `mie enables none; a program ends by storing 0x5555 to the finisher, ${hex32(FINISHER_BASE)}`;
}

function trapLoop(report: RunReport, placeOf: (pc: number) => string, ramEnd: number): string {
  const { trap, handledTrap, handlerTrap, hasTrapHandler } = report;
  const told = (each: Trap): string => describeTrap(each, placeOf, ramEnd);
  if (trap === null || handlerTrap === null) return "the program traps for ever";
  if (!hasTrapHandler) return `the program trapped and has no trap handler (mtvec is 0): ${told(trap)}`;
  const again = `the program traps in its own trap handler for ever: ${told(handlerTrap)}`;
  if (handledTrap === null || isAt(handledTrap, handlerTrap)) return again;
  // Its mtval is there still where the handler did not get to run.
  const first = isAt(trap, handledTrap)
    ? told(trap)
    : `${describeCause(handledTrap.cause, 0)} at ${placeOf(handledTrap.pc)}`;
  return `${again}; it was entered for ${first}`;
}

function isAt(one: Omit<Trap, "value">, other: Omit<Trap, "value">): boolean {
  return one.cause === other.cause && one.pc === other.pc;
}

function describeTrap({ cause, pc, value }: Trap, placeOf: (pc: number) => string, ramEnd: number): string {
  const registers = `mcause ${cause}, mtval ${hex(value)}`;
  const isAccess =
    cause === Cause.LOAD_ACCESS_FAULT ||
    cause === Cause.STORE_ACCESS_FAULT ||
    cause === Cause.INSTRUCTION_ACCESS_FAULT;
  const isBehindRam = isAccess && value >= ramEnd && value < MAX_RAM_END;
  const advice = isBehindRam ? `; RAM ends at ${hex32(ramEnd)}, --ram gives more` : "";
  return `${describeCause(cause, value)} at ${placeOf(pc)} (${registers}${advice})`;
}
