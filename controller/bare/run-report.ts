/** How the run of a program ended, as one value, of whichever shell ran it; and how a shell waits while the hart does. */
import { Evidence } from "../../emulator/memory/evidence.ts";
import { Hart, NO_CAUSE } from "../cpu/hart.ts";
import type { SerialLine } from "../devices/uart.ts";
import { type Machine, MachineStop } from "../machine.ts";

export type ExitReason = "pass" | "fail" | "max-instructions" | "idle" | "trap-loop";

/** As mcause, mepc and mtval have it, unsigned. */
export interface Trap {
  readonly cause: number;
  readonly pc: number;
  readonly value: number;
}

export interface RunReport {
  readonly exitReason: ExitReason;
  /** What the program gave as its code of failure, 0 without one. */
  readonly failCode: number;
  readonly retiredInstructions: number;
  readonly seconds: number;
  readonly mips: number;
  readonly pc: number;
  /** The trap that ended a `trap-loop`: mcause, mepc and mtval; else null. */
  readonly trap: Trap | null;
  /** Of a `trap-loop`: what its handler traps by, which reached no register where no instruction of it retires. */
  readonly handlerTrap: Trap | null;
  /** And the trap that this handler was entered for, before it trapped; null where none is known. */
  readonly handledTrap: Omit<Trap, "value"> | null;
  /** It has installed one: mtvec is not 0. */
  readonly hasTrapHandler: boolean;
  /** The interrupts that it has enabled. */
  readonly mie: number;
  /** x0 to x31, unsigned. */
  readonly registers: readonly number[];
  /** What the program asked of its host, by HTIF or semihosting, and did not get, in words; none said twice. */
  readonly refusedHostCalls: readonly string[];
  /** Why it ended, as it said by SYS_EXIT; null where it did not, or exited by itself (ADP_Stopped_ApplicationExit). */
  readonly semihostingReason: number | null;
  /** Where it first made a semihosting call that was a breakpoint to this machine; null where it did not. */
  readonly unservedCall: number | null;
}

/** What a machine cannot run; `message` is one sentence for its user. */
export class LoadError extends Error {
  override readonly name = "LoadError";
}

/** What only the shell knows of a run. */
export type KnownOfRun = Pick<
  RunReport,
  "retiredInstructions" | "seconds" | "refusedHostCalls" | "semihostingReason" | "unservedCall"
>;

/** @param stop how the machine's last run came back */
export function reportOf(machine: Machine, stop: MachineStop, known: KnownOfRun): RunReport {
  const exitReason = exitReasonOf(machine, stop);
  const { retiredInstructions, seconds } = known;
  return {
    ...known,
    exitReason,
    failCode: exitReason === "fail" ? machine.stopCode : 0,
    mips: seconds > 0 ? retiredInstructions / seconds / 1e6 : 0,
    pc: word(machine, Hart.PC),
    ...(exitReason === "trap-loop" ? trapsOf(machine) : { trap: null, handlerTrap: null, handledTrap: null }),
    hasTrapHandler: word(machine, Hart.MTVEC) !== 0,
    mie: word(machine, Hart.MIE),
    registers: Array.from(machine.hart.subarray(Hart.X, Hart.X + 32), (value) => value >>> 0),
  };
}

/** Of a loop of traps. */
function trapsOf(machine: Machine): Pick<RunReport, "trap" | "handlerTrap" | "handledTrap"> {
  const [cause, pc] = [word(machine, Hart.HANDLED_CAUSE), word(machine, Hart.HANDLED_PC)];
  return {
    trap: {
      cause: word(machine, Hart.MCAUSE),
      pc: word(machine, Hart.MEPC),
      value: word(machine, Hart.MTVAL),
    },
    handlerTrap: {
      cause: word(machine, Hart.TRAP_CAUSE),
      pc: word(machine, Hart.PC),
      value: word(machine, Hart.TRAP_TVAL),
    },
    handledTrap: cause === NO_CAUSE >>> 0 ? null : { cause, pc },
  };
}

function word({ hart }: Machine, index: Hart): number {
  return (hart[index] as number) >>> 0;
}

function exitReasonOf(machine: Machine, stop: MachineStop): ExitReason {
  if (stop === MachineStop.BUDGET) return "max-instructions";
  if (stop !== MachineStop.STOPPED) return "idle";
  if (machine.evidence !== Evidence.FINISHER) return "trap-loop";
  return machine.passed ? "pass" : "fail";
}

const MAX_PARK_MS = 1000;

/** Sleeps while the hart waits; false if nothing can wake it. */
export function park(machine: Machine, line: SerialLine): boolean {
  const parkNs = machine.parkNs();
  const parkMs = Math.min(parkNs / 1e6, MAX_PARK_MS);
  if (machine.awaitsInput && line.awaitInput?.(parkMs) === true) return true;
  if (parkNs === Number.POSITIVE_INFINITY) return false;
  Atomics.wait(machine.hart, Hart.ATTENTION, 0, parkMs);
  return true;
}
