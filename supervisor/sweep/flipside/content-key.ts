/**
 * Keys of content: two independent 32-bit sums over (place, word), so that changing a word changes a key by a
 * difference, whatever else it stands for. Equal content has equal keys; other content but for a chance of 2^-52 not.
 */

/** What `value` at `place` adds to the first sum. */
export function mixFirst(place: number, value: number): number {
  let x = Math.imul(place + 0x7f4a_7c15, 0x9e37_79b1) ^ value;
  x = Math.imul(x ^ (x >>> 16), 0x85eb_ca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35);
  return x ^ (x >>> 16);
}

/** And to the second. */
export function mixSecond(place: number, value: number): number {
  let x = Math.imul(value + 0x165_667b, 0x27d4_eb2f) ^ Math.imul(place, 0x9e37_79b1);
  x = Math.imul(x ^ (x >>> 15), 0x2c1b_3c6d);
  x = Math.imul(x ^ (x >>> 12), 0x297a_2d39);
  return x ^ (x >>> 15);
}

/** 53 bits of two sums, so that a key is a number. */
export function combine(first: number, second: number): number {
  return (first >>> 0) * 0x20_0000 + ((second ^ (second >>> 11)) & 0x1f_ffff);
}

/** Adds up a key that is made at once. */
export class KeySum {
  #first = 0;
  #second = 0;

  clear(): void {
    this.#first = this.#second = 0;
  }

  add(place: number, value: number): void {
    this.#first = (this.#first + mixFirst(place, value)) | 0;
    this.#second = (this.#second + mixSecond(place, value)) | 0;
  }

  /** A whole number of at most 53 bits, which takes two places. */
  addLong(place: number, value: number): void {
    this.add(place, value | 0);
    this.add(place + 1, Math.floor(value / 2 ** 32) | 0);
  }

  get key(): number {
    return combine(this.#first, this.#second);
  }
}
