/**
 * Semihosting: what a program asks of its host by `ebreak` between two shifts of x0 ("RISC-V Semihosting", section 2). The
 * operations and their blocks are Arm's ("Semihosting for AArch32 and AArch64", section 6): the number in a0, one
 * argument in a1, mostly the address of a block of words; the result in a0.
 *
 * Invariants: what the program gives as an address, length, handle or number may be anything, and the worst that comes of it
 * is an error to the program; only RAM is read and stored to; outside of the console nothing of the host is touched
 * but through {@link HostFiles}.
 */
import { hex, visibleText } from "../../emulator/base/text.ts";
import { Evidence } from "../../emulator/memory/evidence.ts";
import { PAGE_BYTES } from "../../emulator/memory/layout.ts";
import { NS_PER_TICK } from "../../emulator/memory/map.ts";
import { Hart } from "../cpu/hart.ts";
import type { Machine } from "../machine.ts";
import type { GuestRam } from "./guest-ram.ts";
import {
  type Console,
  ConsoleStream,
  Errno,
  FeaturesStream,
  type OpenMode,
  openModeOf,
  type Stream,
} from "./semihosting-streams.ts";

/** A directory that a program may use; errors as those of {@link Stream}. */
export interface HostFiles {
  open(name: string, mode: OpenMode): Stream | number;
  remove(name: string): number;
  rename(from: string, to: string): number;
}

export interface SemihostingHost {
  readonly console: Console;
  /** Absent: there are none, and who asks for one is refused. */
  readonly files?: HostFiles;
  /** The program's words, its name first. */
  readonly commandLine: string;
}

/** The machine that the program finds. */
export interface SemihostingMachine {
  /** The RAM that is free: behind what was loaded, and before the device tree. */
  readonly freeFrom: number;
  readonly freeTo: number;
  /** Nanoseconds since 1970 at power-on. */
  readonly epochNs: bigint;
}

const enum Operation {
  OPEN = 0x01,
  CLOSE = 0x02,
  WRITEC = 0x03,
  WRITE0 = 0x04,
  WRITE = 0x05,
  READ = 0x06,
  READC = 0x07,
  ISERROR = 0x08,
  ISTTY = 0x09,
  SEEK = 0x0a,
  FLEN = 0x0c,
  TMPNAM = 0x0d,
  REMOVE = 0x0e,
  RENAME = 0x0f,
  CLOCK = 0x10,
  TIME = 0x11,
  SYSTEM = 0x12,
  ERRNO = 0x13,
  GET_CMDLINE = 0x15,
  HEAPINFO = 0x16,
  EXIT = 0x18,
  EXIT_EXTENDED = 0x20,
  ELAPSED = 0x30,
  TICKFREQ = 0x31,
}

/** slli x0, x0, 0x1f; ebreak; srai x0, x0, 7. */
const CALL = [0x01f0_1013, 0x0010_0073, 0x4070_5013] as const;
const [A0, A1] = [Hart.X + 10, Hart.X + 11] as const;
const FAILED = -1;
/** The reason that is no failure, ADP_Stopped_ApplicationExit. */
const APPLICATION_EXIT = 0x2_0026;
const NS_PER_SECOND = 1_000_000_000n;
const NS_PER_CENTISECOND = 10_000_000n;
/** Results are 32 bits wide, and below 0 an error. */
const MAX_LENGTH = 2 ** 31 - 1;
const MAX_STREAMS = 64;
const MAX_NAME_BYTES = 4096;
const MAX_TEMPORARY_ID = 255;
/** What is moved at once between RAM and a stream. */
const CHUNK_BYTES = 65_536;
/** A program may ask for anything: after so many nobody reads on. */
const MAX_REFUSALS = 8;
const MAX_SHOWN_CHARS = 80;
const HEAP_ALIGNMENT = 16;
const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Whether the `ebreak` at `pc` is a call: all three are uncompressed, and in one page. */
export function isSemihostingCall(ram: GuestRam, pc: number): boolean {
  const [first, last] = [(pc >>> 0) - 4, (pc >>> 0) + 7];
  if (Math.floor(first / PAGE_BYTES) !== Math.floor(last / PAGE_BYTES)) return false;
  const words = ram.words(first, CALL.length);
  return words !== undefined && CALL.every((word, index) => words[index] === word);
}

export class Semihosting {
  readonly #machine: Machine;
  readonly #ram: GuestRam;
  readonly #host: SemihostingHost;
  readonly #heap: readonly [base: number, end: number];
  readonly #epochNs: bigint;
  readonly #console: ConsoleStream;
  /** By handle, less 1: 0 is none. */
  readonly #streams = new Array<Stream | undefined>(MAX_STREAMS).fill(undefined);
  readonly #refused = new Set<string>();
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  /** Those whose argument is the address of a block: of so many words, which are given, and then the address. */
  readonly #blockOperations = new Map<Operation, readonly [number, (...words: number[]) => number]>([
    [Operation.OPEN, [3, (address, mode, byteCount) => this.#open(address, mode, byteCount)]],
    [Operation.CLOSE, [1, (handle) => this.#close(handle)]],
    [Operation.WRITE, [3, (handle, address, byteCount) => this.#write(handle, address, byteCount)]],
    [Operation.READ, [3, (handle, address, byteCount) => this.#read(handle, address, byteCount)]],
    [Operation.ISERROR, [1, (result) => result >>> 31]],
    [Operation.ISTTY, [1, (handle) => this.#ofStream(handle, ({ isTerminal }) => (isTerminal ? 1 : 0))]],
    [Operation.SEEK, [2, (handle, offset) => this.#ofStream(handle, (stream) => stream.seek(offset))]],
    [Operation.FLEN, [1, (handle) => this.#ofStream(handle, lengthOf)]],
    [Operation.TMPNAM, [3, (address, id, byteCount) => this.#temporaryName(address, id, byteCount)]],
    [Operation.REMOVE, [2, (address, byteCount) => this.#remove(address, byteCount)]],
    [Operation.RENAME, [4, (from, fromBytes, to, toBytes) => this.#rename(from, fromBytes, to, toBytes)]],
    [Operation.GET_CMDLINE, [2, (address, byteCount, block) => this.#commandLine(address, byteCount, block)]],
    [Operation.HEAPINFO, [1, (address) => this.#heapInfo(address)]],
    [Operation.EXIT_EXTENDED, [2, (reason, code) => this.#exit(reason, code)]],
  ]);
  #errno = 0;
  #exitReason: number | undefined;

  constructor(machine: Machine, ram: GuestRam, host: SemihostingHost, found: SemihostingMachine) {
    this.#machine = machine;
    this.#ram = ram;
    this.#host = host;
    const { freeFrom, freeTo } = found;
    this.#heap = [Math.min(Math.ceil(freeFrom / HEAP_ALIGNMENT) * HEAP_ALIGNMENT, freeTo), freeTo];
    this.#epochNs = found.epochNs;
    this.#console = new ConsoleStream(host.console);
  }

  /** What the program asked for and did not get, in words. */
  get refused(): readonly string[] {
    return [...this.#refused];
  }

  /** The reason that the program gave for its end; undefined if it did not end so, or by its own exit. */
  get exitReason(): number | undefined {
    return this.#exitReason;
  }

  /** Carries out the call whose number and argument are in a0 and a1. */
  call(): void {
    const { hart } = this.#machine;
    const operation = (hart[A0] as number) >>> 0;
    hart[A0] = this.#result(operation, (hart[A1] as number) >>> 0);
  }

  #result(operation: Operation, argument: number): number {
    switch (operation) {
      case Operation.WRITEC:
        return this.#writeText(this.#ram.read(argument, 1));
      case Operation.WRITE0:
        return this.#writeText(this.#ram.text(argument));
      case Operation.READC:
        return this.#readCharacter();
      case Operation.ERRNO:
        return this.#errno;
      case Operation.EXIT:
        return this.#exit(argument, 0);
      case Operation.CLOCK:
        return Number((this.#elapsedNs() / NS_PER_CENTISECOND) & 0x7fff_ffffn);
      case Operation.TIME:
        return Number((this.#epochNs + this.#elapsedNs()) / NS_PER_SECOND) | 0;
      case Operation.TICKFREQ:
        return Number(NS_PER_SECOND);
      case Operation.ELAPSED:
        return this.#elapsed(argument);
      default:
        return this.#resultOfBlock(operation, argument);
    }
  }

  #resultOfBlock(operation: Operation, block: number): number {
    const known = this.#blockOperations.get(operation);
    if (known === undefined) {
      this.#refuse(operation === Operation.SYSTEM ? "SYS_SYSTEM" : `operation ${hex(operation)}`);
      return this.#fail(Errno.ENOSYS);
    }
    const [wordCount, perform] = known;
    const words = this.#ram.words(block, wordCount);
    const result = words === undefined ? -Errno.EFAULT : perform(...words, block);
    return result < 0 ? this.#fail(-result) : result;
  }

  // Console -------------------------------------------------------------------------------------------------

  /** @param bytes undefined where the program's address is none */
  #writeText(bytes: Uint8Array | undefined): number {
    if (bytes === undefined) return this.#fail(Errno.EFAULT);
    this.#console.write(bytes);
    return 0;
  }

  /** -1 when none will ever come. */
  #readCharacter(): number {
    const one = this.#chunk.subarray(0, 1);
    return this.#readStream(this.#console, one) === 1 ? (one[0] as number) : FAILED;
  }

  // Streams: results below 0 are errors -----------------------------------------------------------------------

  #open(address: number, mode: number, byteCount: number): number {
    const name = this.#name(address, byteCount);
    if (typeof name === "number") return name;
    const openMode = openModeOf(mode);
    if (openMode === undefined) return -Errno.EINVAL;
    const index = this.#streams.indexOf(undefined);
    if (index < 0) return -Errno.EMFILE;
    const stream = this.#streamOf(name, openMode);
    if (typeof stream === "number") return stream;
    this.#streams[index] = stream;
    return index + 1;
  }

  #streamOf(name: string, mode: OpenMode): Stream | number {
    if (name === ":tt") return new ConsoleStream(this.#host.console, mode[0] === "a");
    if (name === ":semihosting-features") return mode === "r" ? new FeaturesStream() : -Errno.EACCES;
    return this.#ofFiles(name, (files) => files.open(name, mode));
  }

  #close(handle: number): number {
    return this.#ofStream(handle, (stream) => {
      this.#streams[handle - 1] = undefined;
      return stream.close();
    });
  }

  #ofStream(handle: number, action: (stream: Stream) => number): number {
    const stream = this.#streams[handle - 1];
    return stream === undefined ? -Errno.EBADF : action(stream);
  }

  /** How many bytes were not written. */
  #write(handle: number, address: number, byteCount: number): number {
    return this.#inChunks(handle, address, byteCount, (stream, at, count) => {
      const bytes = this.#ram.read(at, count);
      return bytes === undefined ? -Errno.EFAULT : stream.write(bytes);
    });
  }

  /** How many bytes were not read. */
  #read(handle: number, address: number, byteCount: number): number {
    return this.#inChunks(handle, address, byteCount, (stream, at, count) => {
      const got = this.#readStream(stream, this.#chunk.subarray(0, count));
      if (got > 0) this.#ram.store(at, this.#chunk.subarray(0, got));
      return got;
    });
  }

  /** Whoever waits for a person may wait for long: then the clock is looked at. */
  #readStream(stream: Stream, into: Uint8Array): number {
    const got = stream.read(into);
    if (stream.isTerminal) this.#machine.tookLong();
    return got;
  }

  /**
   * Moves bytes between RAM and a stream, until one of them moves fewer than it might. Returns how many are left over.
   * @param move how many were moved, or an error
   */
  #inChunks(
    handle: number,
    address: number,
    byteCount: number,
    move: (stream: Stream, address: number, byteCount: number) => number,
  ): number {
    const stream = this.#streams[handle - 1];
    if (stream === undefined) return this.#fail(Errno.EBADF, byteCount);
    if (byteCount > 0 && !this.#ram.has(address, byteCount)) return this.#fail(Errno.EFAULT, byteCount);
    let done = 0;
    while (done < byteCount) {
      const count = Math.min(byteCount - done, CHUNK_BYTES);
      const moved = move(stream, address + done, count);
      if (moved < 0) return this.#fail(-moved, byteCount - done);
      done += moved;
      if (moved < count) break;
    }
    return byteCount - done;
  }

  // Files: likewise -------------------------------------------------------------------------------------------

  #remove(address: number, byteCount: number): number {
    const name = this.#name(address, byteCount);
    return typeof name === "number" ? name : this.#ofFiles(name, (files) => files.remove(name));
  }

  #rename(address: number, byteCount: number, newAddress: number, newByteCount: number): number {
    const from = this.#name(address, byteCount);
    const to = this.#name(newAddress, newByteCount);
    if (typeof from === "number") return from;
    return typeof to === "number" ? to : this.#ofFiles(from, (files) => files.rename(from, to));
  }

  #ofFiles<T>(name: string, action: (files: HostFiles) => T): T | number {
    const { files } = this.#host;
    if (files !== undefined) return action(files);
    this.#refuse(`the file ${visibleText(name, MAX_SHOWN_CHARS)} (without --semihosting-dir)`);
    return -Errno.EACCES;
  }

  /** What stands in so many bytes. */
  #name(address: number, byteCount: number): string | number {
    if (byteCount > MAX_NAME_BYTES) return -Errno.EINVAL;
    const bytes = this.#ram.read(address, byteCount);
    if (bytes === undefined) return -Errno.EFAULT;
    try {
      return UTF_8.decode(bytes);
    } catch {
      return -Errno.EINVAL;
    }
  }

  /** The same name for the same number, as the program would have it that opens what it left. */
  #temporaryName(address: number, id: number, byteCount: number): number {
    if (id > MAX_TEMPORARY_ID) return -Errno.EINVAL;
    return this.#storeText(address, byteCount, new TextEncoder().encode(`tmp-${id}`));
  }

  // The rest --------------------------------------------------------------------------------------------------

  #commandLine(address: number, byteCount: number, block: number): number {
    const text = new TextEncoder().encode(this.#host.commandLine);
    const result = this.#storeText(address, byteCount, text);
    if (result === 0) this.#ram.storeWords(block + 4, text.length);
    return result;
  }

  /** A text and a 0 behind it, into so many bytes. */
  #storeText(address: number, byteCount: number, text: Uint8Array): number {
    if (text.length >= byteCount) return -Errno.E2BIG;
    const bytes = new Uint8Array(text.length + 1);
    bytes.set(text);
    return this.#ram.store(address, bytes) ? 0 : -Errno.EFAULT;
  }

  /** Heap and stack have what is free together: one grows from its begin, the other from its end. */
  #heapInfo(address: number): number {
    const [base, end] = this.#heap;
    return this.#ram.storeWords(address, base, end, end, base) ? 0 : -Errno.EFAULT;
  }

  #elapsed(address: number): number {
    const ns = this.#elapsedNs();
    const isStored = this.#ram.storeWords(address, Number(ns & 0xffff_ffffn), Number(ns >> 32n));
    return isStored ? 0 : this.#fail(Errno.EFAULT);
  }

  /** Since power-on. */
  #elapsedNs(): bigint {
    return BigInt(this.#machine.clock.now()) * BigInt(NS_PER_TICK);
  }

  /** @param code counts where the program exits by itself; for any other reason it has failed with 1 */
  #exit(reason: number, code: number): number {
    const isOwn = reason === APPLICATION_EXIT;
    if (!isOwn) this.#exitReason = reason;
    const failCode = isOwn ? code : 1;
    this.#machine.stop(Evidence.FINISHER, failCode, failCode === 0);
    return 0;
  }

  #fail(errno: number, result = FAILED): number {
    this.#errno = errno;
    return result;
  }

  #refuse(what: string): void {
    if (this.#refused.size < MAX_REFUSALS) this.#refused.add(`${what} by semihosting`);
  }
}

function lengthOf(stream: Stream): number {
  const length = stream.length();
  return length > MAX_LENGTH ? -Errno.EFBIG : length;
}
