/**
 * Keeps the heap of a supervisor's main thread small.
 *
 * V8 looks whether the old generation is due for collection when something is allocated there, or when it marks
 * incrementally, which is switched off here (launch.ts). What is only promoted from the nursery does not count: failovers
 * allocate nothing old once they are compiled, and a soak of forty minutes took 1.3 GB. So it is looked after here.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Well below what a core's cache holds beside it; a collection takes 6 ms, once in some 10,000 failovers. */
const GROWTH_BYTES = 12 * 1024 * 1024;
const LOOK_MS = 250;

export function keepHeapSmall(): void {
  let collect: (() => void) | undefined;
  let boundBytes = getHeapStatistics().used_heap_size + GROWTH_BYTES;
  setInterval(() => {
    if (getHeapStatistics().used_heap_size < boundBytes) return;
    collect ??= collector();
    collect();
    boundBytes = getHeapStatistics().used_heap_size + GROWTH_BYTES;
  }, LOOK_MS).unref();
}

/** Node has no other way to a full collection; made when it is first needed, for it takes as long as one. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // As it was, or V8 would take what it compiled of this program for another's (scripts/code-cache.ts).
  setFlagsFromString("--no-expose-gc");
  return collect;
}
