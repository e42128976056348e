/**
 * HTIF, the host interface of riscv-tests and riscv-pk, as Spike has it on RV32: the 64-bit words at the symbols
 * `tohost` and `fromhost` (riscv-isa-sim `fesvr/syscall.cc`, `fesvr/htif.cc`; riscv-pk `machine/htif.c`).
 *
 * What is stored to the lower word of `tohost` is an end where it is odd: 1 passes, another fails with code n >> 1. An
 * even one is the address of eight 64-bit words in RAM: the number of a system call and its arguments, of which the
 * lower halves count. The host puts the result into the first, takes `tohost` back to 0 and answers 1 in `fromhost`.
 * Carried out are `write` to standard output and error, and `exit`; any other call is answered -ENOSYS, and told.
 */
import { hex } from "../../emulator/base/text.ts";
import { Evidence } from "../../emulator/memory/evidence.ts";
import type { StoreObserver } from "../cpu/engine.ts";
import type { SerialLine } from "../devices/uart.ts";
import type { Machine } from "../machine.ts";
import type { GuestRam } from "./guest-ram.ts";

/** Numbers of Linux on RISC-V (asm-generic/unistd.h). */
const SYS_WRITE = 64;
const SYS_EXIT = 93;
const STANDARD_OUTPUT = 1;
const STANDARD_ERROR = 2;
/** Errors of the same (asm-generic/errno-base.h, errno.h). */
const EBADF = 9;
const EFAULT = 14;
const ENOSYS = 38;

const CALL_BYTES = 64;
/** A program may ask for anything: after so many nobody reads on. */
const MAX_REFUSALS = 8;

export class Htif implements StoreObserver {
  readonly #machine: Machine;
  readonly #line: SerialLine;
  readonly #ram: GuestRam;
  readonly #tohost: number;
  readonly #tohostOffset: number;
  readonly #fromhost: number | undefined;
  readonly #refused = new Set<string>();

  /**
   * @param tohost address of the word, in RAM
   * @param fromhost undefined where the program has none, and so waits for no answer
   */
  constructor(
    machine: Machine,
    line: SerialLine,
    ram: GuestRam,
    tohost: number,
    fromhost: number | undefined,
  ) {
    this.#machine = machine;
    this.#line = line;
    this.#ram = ram;
    this.#tohost = tohost;
    this.#tohostOffset = ram.offsetOf(tohost, 4) ?? Number.POSITIVE_INFINITY;
    this.#fromhost = fromhost;
    machine.watchPage(this.#tohostOffset, true);
    machine.observeStores(this);
  }

  /** What the program asked for and did not get, in words. */
  get refused(): readonly string[] {
    return [...this.#refused];
  }

  beforeStore(): void {}

  afterStore(offset: number, byteCount: number): void {
    if (offset >= this.#tohostOffset + 4 || offset + byteCount <= this.#tohostOffset) return;
    const value = this.#word(this.#tohostOffset) >>> 0;
    if (value === 0) return;
    if ((value & 1) === 1) this.#exit(value >>> 1);
    else this.#call(value);
  }

  #exit(code: number): void {
    this.#machine.stop(Evidence.FINISHER, code, code === 0);
  }

  /** @param address of the call's words */
  #call(address: number): void {
    const offset = this.#ram.offsetOf(address, CALL_BYTES);
    if (offset === undefined || address % 8 !== 0) {
      this.#refuse(`${hex(address)} by tohost, which is no address of a system call in RAM`);
      return;
    }
    const [number, first, second, third] = [0, 8, 16, 24].map((at) => this.#word(offset + at) >>> 0) as [
      number,
      number,
      number,
      number,
    ];
    if (number === SYS_EXIT) {
      this.#exit(first);
      return;
    }
    const result = number === SYS_WRITE ? this.#write(first, second, third) : -ENOSYS;
    if (number !== SYS_WRITE) this.#refuse(`system call ${number} by tohost`);
    this.#store(address, result);
    this.#store(this.#tohost, 0);
    if (this.#fromhost !== undefined) this.#store(this.#fromhost, 1);
  }

  /** The number of bytes that were written, or an error's, negated. */
  #write(descriptor: number, address: number, byteCount: number): number {
    if (descriptor !== STANDARD_OUTPUT && descriptor !== STANDARD_ERROR) return -EBADF;
    const bytes = this.#ram.read(address, byteCount);
    if (bytes === undefined) return -EFAULT;
    for (const byte of bytes) this.#line.send(byte);
    return byteCount;
  }

  #refuse(what: string): void {
    if (this.#refused.size < MAX_REFUSALS) this.#refused.add(what);
  }

  #word(offset: number): number {
    return this.#machine.space.words[offset >>> 2] as number;
  }

  /** A signed number as a 64-bit word, whose upper half may lie behind RAM. */
  #store(address: number, value: number): void {
    this.#machine.storeWord(address, value);
    if (this.#ram.has(address, 8)) this.#machine.storeWord(address + 4, value >> 31);
  }
}
