/**
 * What is told of a run's end besides its exit code: what was wrong, where, and what to do about it, a sentence each. A pass
 * speaks for itself.
 */
import type { RunReport, Trap } from "../../controller/bare/run-report.ts";
import type { Symbolizer } from "../../controller/bare/symbolizer.ts";
import { Cause, InterruptBit } from "../../controller/cpu/engine.ts";
import { neededFor } from "../../controller/cpu/foreign-instruction.ts";
import { describeCause } from "../../controller/cpu/trap-cause.ts";
import { hex, hex32, plural } from "../../emulator/base/text.ts";
import { FINISHER_BASE, RAM_BASE } from "../../emulator/memory/map.ts";
import { describePlace } from "../source-place.ts";

/** As far as RAM may be made to reach. */
const MAX_RAM_END = RAM_BASE + 512 * 1024 * 1024;
/** Registers by their use in the calling convention. */
const RA = 1;
const SP = 2;
/** Of what is in RAM: nothing else stands in the way there. */
const FORBIDDEN = "PMP forbids it";
/** What lies so near to where sp points is taken for the stack's. */
const STACK_REACH_BYTES = 4096;

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

/** What a board's user may do about it. */
export interface BoardAdvice {
  /** Says what gives more RAM. */
  readonly moreRam: string;
  /** Where it is said what the hart has. */
  readonly isa: string;
  /** The page that has the board. */
  readonly page: string;
  /** Why there is no code at an address where memory is; undefined where there is none. */
  readonly noCode?: (address: number) => string | undefined;
}

const VIRT: BoardAdvice = { moreRam: "--ram gives more", isa: "docs/run.md, --isa", page: "docs/run.md" };

/** @param ramBytes that the machine has */
export function endSentences(
  report: RunReport,
  symbolizer: Pick<Symbolizer, "placeOf">,
  ramBytes: number,
  advice: BoardAdvice = VIRT,
): string[] {
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
  sentences.push(endOf(report, placeOf, RAM_BASE + ramBytes, advice));
  return sentences;
}

function endOf(
  report: RunReport,
  placeOf: (pc: number) => string,
  ramEnd: number,
  advice: BoardAdvice,
): string {
  const after = `after ${plural(report.retiredInstructions, "instruction")}`;
  const where = `at pc ${placeOf(report.pc)} ${after}`;
  switch (report.exitReason) {
    case "max-instructions":
      return `the program was stopped ${where}: that is the limit of --max-instructions`;
    case "idle":
      return `the program waits for an interrupt that cannot come, ${where}: ${waitingFor(report.mie)}`;
    case "trap-loop":
      return `${new TrapText(report, placeOf, ramEnd, advice).sentence}, ${after}`;
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

/** The end of a run in traps. */
class TrapText {
  readonly #report: RunReport;
  readonly #placeOf: (pc: number) => string;
  readonly #ramEnd: number;
  readonly #advice: BoardAdvice;

  constructor(report: RunReport, placeOf: (pc: number) => string, ramEnd: number, advice: BoardAdvice) {
    this.#advice = advice;
    this.#report = report;
    this.#placeOf = placeOf;
    this.#ramEnd = ramEnd;
  }

  get sentence(): string {
    const { trap, handledTrap, handlerTrap, hasTrapHandler } = this.#report;
    if (trap === null || handlerTrap === null) return "the program traps for ever";
    if (!hasTrapHandler) {
      return `the program trapped and has no trap handler (mtvec is 0): ${this.#describe(trap)}`;
    }
    const again = `the program traps in its own trap handler for ever: ${this.#describe(handlerTrap)}`;
    if (handledTrap === null || isAt(handledTrap, handlerTrap)) return again;
    // Its mtval is there still where the handler did not get to run.
    const first = isAt(trap, handledTrap)
      ? this.#describe(trap)
      : `${describeCause(handledTrap.cause, 0)} at ${this.#placeOf(handledTrap.pc)}`;
    return `${again}; it was entered for ${first}`;
  }

  #describe(trap: Trap): string {
    const { cause, pc, value } = trap;
    const advice = this.#adviceOn(trap);
    const registers = `mcause ${cause < 2 ** 31 ? cause : hex(cause)}, mtval ${hex(value)}`;
    const more = advice === undefined ? "" : `; ${advice}`;
    return `${describeCause(cause, value)} at ${this.#placeOf(pc)} (${registers}${more})`;
  }

  /** What may be behind it, or what may be done. */
  #adviceOn({ cause, value }: Trap): string | undefined {
    const { registers } = this.#report;
    switch (cause) {
      case Cause.ILLEGAL_INSTRUCTION:
        if (neededFor(value) === undefined)
          return value === 0 ? "0 is no instruction: it left its code" : undefined;
        return `compile for what the hart has (${this.#advice.isa})`;
      case Cause.INSTRUCTION_MISALIGNED:
        return "the hart has no C: instructions lie at multiples of 4; compile for that";
      case Cause.INSTRUCTION_ACCESS_FAULT:
        if (this.#isRam(value)) return FORBIDDEN;
        return (
          this.#advice.noCode?.(value) ?? `no code can be there; ra is ${this.#placeOf(registers[RA] ?? 0)}`
        );
      case Cause.LOAD_ACCESS_FAULT:
      case Cause.STORE_ACCESS_FAULT:
        return this.#adviceOnAccess(value, registers[SP] ?? 0);
      default:
        return undefined;
    }
  }

  #isRam(address: number): boolean {
    return address >= RAM_BASE && address < this.#ramEnd;
  }

  #adviceOnAccess(address: number, sp: number): string | undefined {
    if (this.#isRam(address)) return FORBIDDEN;
    // Below 0 it goes on at the other end.
    const isStack = (address - sp + STACK_REACH_BYTES) >>> 0 < 2 * STACK_REACH_BYTES;
    const ram = `RAM is from ${hex32(RAM_BASE)} to ${hex32(this.#ramEnd)}`;
    if (isStack) return `sp is ${hex32(sp)}: the stack has left RAM, or was never set up; ${ram}`;
    if (address >= this.#ramEnd && address < MAX_RAM_END) return `${ram}, ${this.#advice.moreRam}`;
    return `nothing there takes such an access; ${this.#advice.page} tells the board`;
  }
}

function isAt(one: Omit<Trap, "value">, other: Omit<Trap, "value">): boolean {
  return one.cause === other.cause && one.pc === other.pc;
}
