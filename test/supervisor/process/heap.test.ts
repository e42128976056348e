/** Garbage that a nursery promoted is collected, though nothing asks for room in the old generation. */
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { outputOf } from "../../run-to-end.ts";

/** As supervisor processes have them (launch.ts). */
const V8_FLAGS = ["--no-incremental-marking", "--min-semi-space-size=4", "--max-semi-space-size=4"];
/** Lets go of what it has kept for a while, over and over, and tells the largest heap that it saw, in MB. */
const PROGRAM = `
  const { getHeapStatistics } = await import("node:v8");
  if (process.argv[1] !== "") (await import(process.argv[1])).keepHeapSmall();
  let [most, kept] = [0, []];
  for (let turn = 0; turn < 80; turn++) {
    for (let n = 0; n < 20_000; n++) {
      kept.push({ n, of: [n, turn] });
      if (kept.length > 40_000) kept = kept.slice(20_000);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    most = Math.max(most, getHeapStatistics().used_heap_size / 1e6);
  }
  console.log(most);
`;

function largestHeapMb(module: string): number {
  const args = [...V8_FLAGS, "--input-type=module", "--eval", PROGRAM, module];
  return Number(outputOf(process.execPath, args));
}

it("a supervisor's heap stays small, whatever its nursery promotes", () => {
  const kept = largestHeapMb(pathToFileURL("dist/supervisor/process/heap.js").href);
  expect(kept).toBeLessThan(35);
  expect(largestHeapMb("")).toBeGreaterThan(kept * 1.4);
});
