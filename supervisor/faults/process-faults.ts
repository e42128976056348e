/**
 * What can be done to a whole supervisor process: it dies or hangs, or power goes, and its guardian has to notice.
 *
 * Kept apart from the controller's own: without a guardian and a flash file none of these is survived.
 */
import { closeSync, openSync } from "node:fs";
import { InjectedError } from "../../emulator/base/errors.ts";
import { PersistState } from "../../emulator/persist/persist-ring.ts";
import { cutPower } from "../../emulator/persist/power.ts";
import { InterruptedNvram } from "../../emulator/table/interrupted-nvram.ts";
import type { Device } from "../device/device.ts";
import { failureAtOnce, type ProcessFaultKind } from "./catalogue.ts";
import { type Cut, drawCut } from "./chance.ts";
import { inject } from "./injector.ts";

/** Long enough for the answer to whoever asked for the fault to leave the process. */
const ANSWER_MS = 5;
/** When the stores that a cut waits for do not come. */
const CUT_ANYWAY_MS = 50;
/** A memory emulator worker that has not settled what memory keeps by then is dead or stuck. */
const SETTLE_MS = 500;

/** SIGKILL takes effect before `kill` returns: all threads end at once, and nothing that is not in a file is left. */
function die(): void {
  process.kill(process.pid, "SIGKILL");
}

/** The stack traces that Node prints at such an end are no news when it was asked for. */
function silenceStderr(): void {
  closeSync(2);
  // The lowest descriptor that is free: 2.
  openSync("/dev/null", "w");
}

const PROCESS_FAULTS: Readonly<Record<ProcessFaultKind, (device: Device, drawn: Cut) => void>> = {
  "supervisor-kill": die,
  "supervisor-stop": () => process.kill(process.pid, "SIGSTOP"),
  "supervisor-abort": () => {
    silenceStderr();
    process.abort();
  },
  "supervisor-loop": () => {
    for (;;);
  },
  "supervisor-throw": () => {
    silenceStderr();
    throw new InjectedError("an uncaught exception in the supervisor's main thread");
  },
  "power-cut": cut,
  "power-cut-in-commit": cutInCommit,
};

export function isProcessFault(kind: string): kind is ProcessFaultKind {
  return Object.hasOwn(PROCESS_FAULTS, kind);
}

/** Does the fault a moment later; a cut of power is drawn from the seed. */
export function commitProcessFault(kind: ProcessFaultKind, device: Device, seed: number): void {
  const fault = PROCESS_FAULTS[kind];
  setTimeout(() => fault(device, drawCut(seed)), ANSWER_MS);
}

/** Power goes: memory keeps what was stored before, with what is left of a flash operation in progress. */
function cut(device: Device, { tearSeed }: Cut): void {
  const { control, durability } = device;
  if (durability.state !== PersistState.OFF) {
    cutPower(control, tearSeed, SETTLE_MS, () => durability.want());
  }
  die();
}

/** Power goes between two stores of the commit of a failover, or soon after it; memory keeps all stores before. */
function cutInCommit(device: Device, drawn: Cut): void {
  device.nvram = new InterruptedNvram(device.nvram, drawn.stores, () => cut(device, drawn));
  if (device.crew.executing !== undefined) inject(device, failureAtOnce(device.capabilities.can));
  setTimeout(() => cut(device, drawn), CUT_ANYWAY_MS);
}
