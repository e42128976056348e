/**
 * The RAM of a bare machine as its host gets at it for the program: by what a program gives as an address or a length, which
 * may be anything.
 *
 * Invariant: nothing but RAM is read or stored to. Stores are felt as the hart's own: by code that they change, and by who
 * observes them.
 */
import { RAM_BASE } from "../../emulator/memory/map.ts";
import type { Machine } from "../machine.ts";

export class GuestRam {
  readonly #machine: Machine;
  readonly #base: number;
  readonly #bytes: number;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#base = machine.space.ramOffset;
    this.#bytes = machine.space.ramBytes;
  }

  /** Behind its last byte. */
  get end(): number {
    return RAM_BASE + this.#bytes;
  }

  /** @param address unsigned, as all here */
  has(address: number, byteCount: number): boolean {
    return address >= RAM_BASE && address + byteCount <= this.end;
  }

  /** The host offset of so many bytes; undefined outside. */
  offsetOf(address: number, byteCount: number): number | undefined {
    return this.has(address, byteCount) ? address - RAM_BASE + this.#base : undefined;
  }

  /** A copy; undefined outside. */
  read(address: number, byteCount: number): Uint8Array | undefined {
    const offset = this.offsetOf(address, byteCount);
    return offset === undefined ? undefined : this.#machine.space.bytes.slice(offset, offset + byteCount);
  }

  /** The words, unsigned, from an address of any alignment on; undefined outside. */
  words(address: number, count: number): readonly number[] | undefined {
    const bytes = this.read(address, 4 * count);
    if (bytes === undefined) return undefined;
    const view = new DataView(bytes.buffer);
    return Array.from({ length: count }, (_, index) => view.getUint32(4 * index, true));
  }

  /** What stands before the first byte of 0; undefined outside, or where RAM ends before that. */
  text(address: number): Uint8Array | undefined {
    const offset = this.offsetOf(address, 1);
    if (offset === undefined) return undefined;
    const rest = this.#machine.space.bytes.subarray(offset, this.#base + this.#bytes);
    const end = rest.indexOf(0);
    return end < 0 ? undefined : rest.slice(0, end);
  }

  /** False outside: then nothing is stored. */
  store(address: number, bytes: Uint8Array): boolean {
    if (!this.has(address, bytes.length)) return false;
    this.#machine.storeBytes(address, bytes);
    return true;
  }

  /** Words from an address of any alignment on. False outside: then nothing is stored. */
  storeWords(address: number, ...words: readonly number[]): boolean {
    const bytes = new Uint8Array(4 * words.length);
    const view = new DataView(bytes.buffer);
    for (const [index, word] of words.entries()) view.setUint32(4 * index, word, true);
    return this.store(address, bytes);
  }
}
