/** Preloaded into a measured process: at its end it writes its peak of resident memory, in bytes, to the file named. */
import { writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

const file = process.env["FLIPSIDE_PEAK_MEMORY"];
// Threads of the process are preloaded with it, too, and their memory is the process's.
if (isMainThread && file !== undefined) {
  process.once("exit", () => writeFileSync(file, String(process.resourceUsage().maxRSS * 1024)));
}
