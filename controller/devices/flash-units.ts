/**
 * How devices have units of flash made: how long each takes, who is asked before it, and what a reset of the hart does to
 * the one under way.
 *
 * Invariant: a device makes every unit as an operation of its own, begun and ended at one tick. So what is under way is in
 * the device's words alone, and whoever puts these back puts it back.
 */
import { Random } from "../../emulator/base/random.ts";
import type { ChipFailure, ChipMisuse, ChipOperation, ChipStart } from "../../emulator/flash/flash-chip.ts";
import { MTIME_HZ } from "../../emulator/memory/map.ts";

/** How long units take; 0: they are made at once. */
export interface FlashTimes {
  /** Of a sector. */
  readonly eraseUs: number;
  /** Of a write block. */
  readonly programUs: number;
}

/**
 * What a reset of the hart does to an operation under way: its unit is torn, or it ends between two units with the one
 * under way not begun, or it goes on.
 */
export const RESET_EFFECTS = ["torn", "ends", "goes-on"] as const;
export type ResetEffect = (typeof RESET_EFFECTS)[number];

export interface UnitHooks {
  /** Called before a unit is made. Who cuts power here tears the operation, or not, and throws. */
  readonly beforeUnit?: (operation: ChipOperation) => void;
  /** Tears a unit at a reset; absent: bits drawn by where it is. */
  readonly tearUnit?: (operation: ChipOperation) => void;
}

/** Ticks of mtime that a unit takes. */
export function unitTicks({ eraseUs, programUs }: FlashTimes, kind: "erase" | "program"): number {
  return ((kind === "erase" ? eraseUs : programUs) * MTIME_HZ) / 1_000_000;
}

/** Makes the one unit of an operation that was begun; what kept it from being made, if anything did. */
export function makeUnit(start: ChipStart, { beforeUnit }: UnitHooks): ChipMisuse | ChipFailure | undefined {
  if (!start.ok) return start.misuse;
  const { operation } = start;
  try {
    beforeUnit?.(operation);
    operation.step();
  } finally {
    // Whoever cut it: the chip is free for who comes after.
    operation.abort();
  }
  return operation.failure;
}

/** Leaves the one unit of an operation torn. */
export function tearUnit(start: ChipStart, { tearUnit: tear = tearByPlace }: UnitHooks): void {
  if (!start.ok) return;
  tear(start.operation);
  start.operation.abort();
}

function tearByPlace(operation: ChipOperation): void {
  operation.tear("seeded", new Random(operation.unitOffset));
}
