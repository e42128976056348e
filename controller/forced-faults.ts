/**
 * Faults that are forced on a hart from outside, as a debug port would: between two instructions the hart takes an
 * exception that no instruction caused, goes on where its firmware never sent it, stores what that never stored, or is
 * held. The firmware has no part in it, and whatever it does about it is its own.
 *
 * Invariant: the supervisor asks (Attention.FORCE), and the thread that runs the hart does it.
 */
import { FINISHER_BASE, RAM_BASE, WATCHDOG_BASE, WINDOW_BASE } from "../emulator/memory/map.ts";
import { Cause } from "./cpu/engine.ts";
import { Hart, Mstatus } from "./cpu/hart.ts";
import { KICK_VALUE, WatchdogRegister } from "./devices/watchdog.ts";
import type { Machine } from "./machine.ts";

/** Codes for SlotWord.FORCED; the names, which are those of the catalogue's kinds, follow in the same order from 1. */
export const FORCED_FAULT_NAMES = [
  "illegal-instruction",
  "load-nowhere",
  "store-nowhere",
  "store-own-region",
  "jump-zero",
  "misaligned-jump",
  "stack-overflow",
  "ebreak",
  "ecall",
  "finisher",
  "double-trap",
  "tight-loop",
  "wfi-forever",
  "early-kick",
] as const;
export type ForcedFaultName = (typeof FORCED_FAULT_NAMES)[number];

/** 0 for a fault that cannot be forced. */
export function forcedFaultCode(kind: string): number {
  return (FORCED_FAULT_NAMES as readonly string[]).indexOf(kind) + 1;
}

/** No memory and no device is there. */
const NOWHERE = 0x6000_0000;
const SP = Hart.X + 2;
/** `j .` */
const JUMP_TO_ITSELF = 0x6f;
/** Fails, with code 7. */
const FINISH_FAIL = 0x3333 | (7 << 16);

const FORCE: Readonly<Record<ForcedFaultName, (machine: Machine) => void>> = {
  // A word that is 0 in place of the instruction.
  "illegal-instruction": (machine) => machine.takeException(Cause.ILLEGAL_INSTRUCTION, 0),
  "load-nowhere": (machine) => machine.takeException(Cause.LOAD_ACCESS_FAULT, NOWHERE),
  "store-nowhere": (machine) => machine.takeException(Cause.STORE_ACCESS_FAULT, NOWHERE),
  "store-own-region": (machine) => machine.takeException(Cause.STORE_ACCESS_FAULT, WINDOW_BASE),
  "jump-zero": (machine) => machine.jump(0),
  // Into the middle of an instruction, which is none by itself.
  "misaligned-jump": (machine) => {
    machine.jump((machine.hart[Hart.PC] as number) + 2);
    machine.takeException(Cause.ILLEGAL_INSTRUCTION, 0);
  },
  // The stack has grown out of RAM.
  "stack-overflow": (machine) => {
    const sp = (RAM_BASE - 16) | 0;
    machine.hart[SP] = sp;
    machine.takeException(Cause.STORE_ACCESS_FAULT, sp);
  },
  ebreak: (machine) => machine.takeException(Cause.BREAKPOINT, machine.hart[Hart.PC] as number),
  ecall: (machine) => machine.takeException(Cause.ECALL_M, 0),
  finisher: (machine) => machine.storeWord(FINISHER_BASE, FINISH_FAIL),
  // The first instruction of the handler traps, too.
  "double-trap": (machine) => {
    machine.takeException(Cause.BREAKPOINT, machine.hart[Hart.PC] as number);
    machine.takeException(Cause.ILLEGAL_INSTRUCTION, 0);
  },
  // With the last word of RAM for the loop: no version relies on what is left there.
  "tight-loop": (machine) => {
    const loop = (RAM_BASE + machine.space.layout.config.ramBytes - 4) | 0;
    machine.storeWord(loop, JUMP_TO_ITSELF);
    machine.hart[Hart.MSTATUS] = (machine.hart[Hart.MSTATUS] as number) & ~Mstatus.MIE;
    machine.jump(loop);
  },
  "wfi-forever": (machine) => machine.hold(),
  // Whether its watchdog runs and has a window or not: with a value that is no kick.
  "early-kick": (machine) => machine.storeWord(WATCHDOG_BASE + WatchdogRegister.KICK, ~KICK_VALUE & 0xff),
};

/** Between two runs of the machine. */
export function forceFault(machine: Machine, code: number): void {
  const name = FORCED_FAULT_NAMES[code - 1];
  if (name === undefined) throw new Error(`there is no forced fault ${code}`);
  FORCE[name](machine);
}
