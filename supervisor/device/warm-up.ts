/**
 * Lets V8 compile the failover path before it matters: the first failover of a process should not be the slowest.
 * Rehearses many failovers, a few at a time. Invariant: it has memory of its own, and whatever goes wrong ends the
 * warm-up and nothing else.
 */
import { type RegionFacts, recoverManagement } from "../../controller/boot/boot-rom.ts";
import { TABLE_BYTES } from "../../emulator/memory/layout.ts";
import { SharedNvram } from "../../emulator/table/nvram.ts";
import { DEFAULT_RECOVERY } from "../core/config.ts";
import { Rehearsal } from "../core/rehearsal.ts";

/** Enough for V8's optimising compiler to have taken notice of everything on the path. */
const ROUNDS = 3_000;
/** At a time: well under a millisecond once compiled, so nothing waits long. */
const ROUNDS_AT_ONCE = 50;

/**
 * Returns at once and works in later turns of the event loop.
 * @param images what the boot ROM read; nothing is warmed up when they give no version to run
 * @param onFailure told what went wrong; failovers work without a warm-up, only the first ones are slower
 */
export function warmUpFailover(images: readonly RegionFacts[], onFailure: (error: unknown) => void): void {
  let rehearsal: Rehearsal | undefined;
  let played = 0;
  const playSome = (): void => {
    rehearsal ??= firstStart(images);
    if (rehearsal?.policy.phase !== "executing" || played >= ROUNDS) return;
    for (const end = played + ROUNDS_AT_ONCE; played < end; played++) rehearsal.failOver(played);
    setImmediate(turn);
  };
  const turn = (): void => {
    try {
      playSome();
    } catch (error) {
      onFailure(error);
    }
  };
  setImmediate(turn);
}

/** A device that these images were put into by the factory. */
function firstStart(images: readonly RegionFacts[]): Rehearsal | undefined {
  const port = new SharedNvram(new Int32Array(new SharedArrayBuffer(TABLE_BYTES)));
  const { table, floor } = recoverManagement(port, images, DEFAULT_RECOVERY);
  return table.table && new Rehearsal(port, table.table, floor.floor, images);
}
