/**
 * What is kept of a stopped version before the next one may overwrite it: its registers and the 4 KiB at its
 * stack pointer. On the failover path: two copies into buffers made beforehand, nothing else.
 */
import { Hart, retiredInstructions } from "../../controller/cpu/hart.ts";
import type { Layout } from "../../emulator/memory/layout.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";

export const KEPT_STACK_BYTES = 4096;
const SP = 2;

export class KeptState {
  /** Hart words as they stood at the stop. */
  readonly hart = new Int32Array(Hart.DUMPED_WORDS);
  readonly stack = new Uint8Array(KEPT_STACK_BYTES);
  /** Physical address of the first kept byte of stack. */
  stackAddress = 0;
  /** How many bytes of `stack` count; 0 when the stack pointer was not in RAM. */
  stackBytes = 0;
  readonly #ram: Uint8Array;

  constructor(memory: WebAssembly.Memory, layout: Layout) {
    this.#ram = new Uint8Array(memory.buffer, layout.ram, layout.config.ramBytes);
  }

  /** @param words slot block of the stopped hart */
  keep(words: Int32Array): void {
    this.hart.set(words.subarray(0, Hart.DUMPED_WORDS));
    const below = ((this.hart[Hart.X + SP] as number) >>> 0) - RAM_BASE;
    // A stack that overflowed its RAM is kept from the RAM's first byte on.
    const start = below < 0 && below > -KEPT_STACK_BYTES ? 0 : below;
    this.stackAddress = RAM_BASE + start;
    const within = start >= 0 && start < this.#ram.length;
    this.stackBytes = within ? Math.min(KEPT_STACK_BYTES, this.#ram.length - start) : 0;
    this.stack.set(this.#ram.subarray(start, start + this.stackBytes));
  }

  /** Instructions retired when it was kept, as one number. */
  get retired(): number {
    return retiredInstructions(this.hart);
  }
}
