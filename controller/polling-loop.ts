/**
 * A hart that waits by asking over and over: a loop of a few instructions that stores nothing, asks only what stays the same,
 * and comes back to where it was with every register as it was. Until something happens by itself each further round is
 * the same, so it can be counted in place of being executed.
 *
 * Invariant: what is taken for such a loop is one. What cannot be judged by its instructions (a CSR, an atomic access,
 * a device whose loads may do something) is none, and neither is one in which a trap was taken.
 */
import type { AddressSpace } from "./cpu/address-space.ts";
import { accessBytes, decode, emptyInstruction, instructionLength, Op } from "./cpu/decode.ts";
import { Hart } from "./cpu/hart.ts";
import type { Extensions } from "./cpu/isa.ts";

/** Instructions of one round at the most: a wait with a device's register, a mask and a way out. */
const MAX_ROUND = 24;
/** What a round may change besides x0 to x31 and the program counter: a trap or an interrupt does. */
const STATUS_WORDS = [Hart.MSTATUS, Hart.MODE, Hart.LAST_TRAP_LO, Hart.LAST_TRAP_HI] as const;

export class PollingLoop {
  readonly #hart: Int32Array;
  readonly #space: AddressSpace;
  readonly #isSteady: (address: number) => boolean;
  readonly #extensions: Extensions;
  readonly #instruction = emptyInstruction();
  readonly #registers = new Int32Array(32);

  /** @param isSteady whether the device at an address gives the same at each load, and is none the worse for it */
  constructor(
    hart: Int32Array,
    space: AddressSpace,
    extensions: Extensions,
    isSteady: (address: number) => boolean,
  ) {
    this.#hart = hart;
    this.#space = space;
    this.#extensions = extensions;
    this.#isSteady = isSteady;
  }

  /**
   * Instructions of one round of the loop that the hart is in, 0 where it is in none. One round has been executed then, else
   * a part of what was none. It says nothing where `step` did not do what it is for.
   * @param step executes the next instruction
   */
  round(step: () => void): number {
    const hart = this.#hart;
    const start = hart[Hart.PC] as number;
    this.#registers.set(hart.subarray(Hart.X, Hart.X + 32));
    const status = STATUS_WORDS.map((word) => hart[word]);
    for (let count = 1; count <= MAX_ROUND; count += 1) {
      if (!this.#changesRegistersAlone()) return 0;
      step();
      if (hart[Hart.PC] !== start) continue;
      const isSame =
        STATUS_WORDS.every((word, index) => hart[word] === status[index]) &&
        this.#registers.every((value, register) => hart[Hart.X + register] === value);
      return isSame ? count : 0;
    }
    return 0;
  }

  /** So does the next instruction, and it would each time. */
  #changesRegistersAlone(): boolean {
    const instruction = this.#instruction;
    const [low, high] = [this.#parcel(0), this.#parcel(2)];
    if (low < 0 || (instructionLength(low) === 4 && high < 0)) return false;
    decode(low | (high << 16), instruction, this.#extensions);
    const { op, rs1, imm } = instruction;
    if (op === Op.ILLEGAL) return false;
    if (op < Op.LB || op === Op.FENCE) return true;
    if (op > Op.LHU) return op >= Op.ADDI && op <= Op.BSETI;
    const address = ((this.#hart[Hart.X + rs1] as number) + imm) >>> 0;
    return this.#space.readable(address, accessBytes(op)) >= 0 || this.#isSteady(address);
  }

  #parcel(at: number): number {
    const offset = this.#space.executable((this.#hart[Hart.PC] as number) + at, 2);
    return offset < 0 ? -1 : (this.#space.halves[offset / 2] as number);
  }
}
