/**
 * Has V8 take its time with our own JavaScript where a hart and its translator need the processors: TurboFan compiles
 * on threads of its own what of the two has run for some milliseconds. On two cores a run of half a second was 6 % longer
 * for it, and a long one is as fast without.
 *
 * V8 keeps what it compiled (scripts/code-cache.ts) under the flags that it has: what there is by now is kept first.
 */
import { keepCompiledOnce } from "../../emulator/base/keep-compiled.ts";
import { late } from "../../emulator/base/late.ts";

/** Bytes of bytecode that a function executes before it is optimised; V8's own choice is an eighth of it. */
const INTERRUPT_BUDGET = 1_000_000;
/** Later ones count calls instead, and have a quick compiler between: tried on none. */
const LAST_MAJOR_WITH_BUDGET = 11;

/** For the whole process, from here on. */
export function optimizeLater(): void {
  keepCompiledOnce();
  if (Number.parseInt(process.versions.v8, 10) > LAST_MAJOR_WITH_BUDGET) return;
  late("node:v8").setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET}`);
}
