/**
 * Operations as firmware posts them: their units, and what becomes of them in the words of the flash controller's STATUS.
 *
 * Invariant: nothing of a post is believed. It may be of a version that is stopped, or that never began.
 */
import { FlashAction, type FlashAsk, FlashStatus } from "../memory/flash-posts.ts";
import { RAM_BASE } from "../memory/map.ts";
import type { FlashRefusalName, NorFlash } from "./flash.ts";
import { eraseSectors, FlashRefusedError, type FlashUnits, programUnits } from "./region-writer.ts";

/**
 * @param flash of the region that is named; undefined where there is none
 * @param ram all of it; a program's data is read when the operation begins
 * @param mayWrite whether the version may write the region at the moment
 */
export function* asPosted(
  ask: FlashAsk,
  flash: NorFlash | undefined,
  ram: Uint8Array,
  mayWrite: () => boolean,
): FlashUnits {
  const { action, region, offset, length, memory } = ask;
  const permit = (): void => {
    if (!mayWrite()) throw new FlashRefusedError("not-begun", `region ${region} was not begun`, offset);
  };
  if (flash === undefined)
    throw new FlashRefusedError("out-of-region", `there is no region ${region}`, offset);
  if (action === FlashAction.ERASE) yield* eraseSectors(flash, offset, length, permit);
  else {
    const from = memory - RAM_BASE;
    // Bounded by the region first: nobody copies more than that.
    const isInRam = from >= 0 && length <= flash.geometry.regionBytes && from + length <= ram.length;
    if (!isInRam) throw new FlashRefusedError("out-of-region", `${length} bytes are not in RAM`, offset);
    yield* programUnits(flash, offset, ram.slice(from, from + length), permit);
  }
}

const STATUS_OF_REFUSAL: ReadonlyMap<string, FlashStatus> = new Map<
  FlashRefusalName | "not-begun" | "queue-full" | "stopped",
  FlashStatus
>([
  ["misaligned", FlashStatus.MISALIGNED],
  ["empty", FlashStatus.MISALIGNED],
  ["out-of-region", FlashStatus.RANGE],
  ["not-erased", FlashStatus.NOT_ERASED],
  ["is-primary", FlashStatus.REFUSED],
  ["busy", FlashStatus.REFUSED],
  ["not-begun", FlashStatus.REFUSED],
  ["queue-full", FlashStatus.REFUSED],
  ["stopped", FlashStatus.REFUSED],
]);

/** @param error what kept an operation from its end; undefined where nothing did */
export function statusOf(error: unknown): { readonly status: FlashStatus; readonly offset: number } {
  if (error === undefined) return { status: FlashStatus.DONE, offset: 0 };
  if (!(error instanceof FlashRefusedError)) return { status: FlashStatus.FAILED, offset: 0 };
  return { status: STATUS_OF_REFUSAL.get(error.name) ?? FlashStatus.FAILED, offset: error.offset };
}
