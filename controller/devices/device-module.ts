/**
 * A peripheral of somebody's own, as its author writes it: `import type { DeviceModule } from "flipside/device"`.
 * docs/loader.md, "Your own flash controller". module-device.ts holds it to this.
 */

/** What a module exports as `device`. */
export interface DeviceModule {
  /** How many words of state it has, 0 to 256: all that it is lies there. */
  readonly stateWords: number;
  /** Sizes in bytes of the accesses that it takes; others fault without being asked. By default all three. */
  readonly accessBytes?: readonly (1 | 2 | 4)[];
  /**
   * Makes the device over the words that it has: at the start, and again whenever flipside likes, with the words as they
   * are by then. May throw an error that says what is wrong with `options`.
   */
  create(parts: DeviceParts): ModuleDevice;
}

/** What a device is made with. */
export interface DeviceParts {
  /** As the device file calls it. */
  readonly name: string;
  /** As the device file has them; an empty object where it says nothing. */
  readonly options: unknown;
  /**
   * Signed words, 0 when power comes on. A reset of the hart leaves them alone. They begin at a multiple of 8 bytes of their
   * buffer, so that a view of two of them may be a Float64Array.
   */
  readonly state: Int32Array;
  /** What time it is: ticks of 100 ns since power-on, a whole number. The same all through one call of the device. */
  now(): number;
  /** A flash device of the board. Throws where there is none of that name. */
  flash(name: string): DeviceFlash;
  /** A copy of these bytes of RAM; undefined where not all of them are. */
  readRam(address: number, byteCount: number): Uint8Array | undefined;
  /** Stores bytes to RAM; false, and nothing stored, where not all of them are RAM. */
  writeRam(address: number, bytes: Uint8Array): boolean;
}

/** The device itself. What it throws ends the run, or the sweep, with a sentence that names it. */
export interface ModuleDevice {
  /**
   * Value of the register at `offset` from the device's base: a whole number from -2^31 to 2^32 - 1, of which the low
   * bytes count, or "fault" where there is no such register.
   */
  load(offset: number, byteCount: number): number | "fault";
  /** Stores a register. @param value 0 or more, as large as the access */
  // biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing is one, too
  store(offset: number, value: number, byteCount: number): "fault" | undefined | void;
  /** The hart is reset, or power has come on, before the first of all calls. */
  reset?(): void;
  /** The tick at which it wants to be woken, Infinity for none. Asked after each call. */
  nextEvent?(): number;
  /** It is `now`, and the tick of {@link nextEvent} has come: what is due happens, and then that is a later one. */
  tick?(now: number): void;
  /** Whether its interrupt line is raised. Asked after each call. */
  interrupt?(): boolean;
}

/**
 * A flash device of the board, by the rules of its chip. Each unit that is made, a sector or a write block, is one of those
 * at which a sweep cuts power: a call may not come back, and what stands behind it is then not done. An operation has no
 * length of its own: it is made when it is asked for, so ask when its time is over.
 */
export interface DeviceFlash {
  readonly bytes: number;
  readonly writeBlockBytes: number;
  /** What an erased byte reads. */
  readonly erasedValue: number;
  /** The sector that a byte is in; undefined outside of the device. */
  sectorAt(offset: number): { readonly offset: number; readonly bytes: number } | undefined;
  /** A copy of what it holds. Throws where that is not within the device. */
  read(offset: number, byteCount: number): Uint8Array;
  /** The first of these bytes that cannot be read, as in a torn block with ECC; undefined where all can. */
  readFault(offset: number, byteCount: number): number | undefined;
  /** Erases whole sectors, one after the other; undefined where all were. */
  erase(offset: number, byteCount: number): FlashRefusal | undefined;
  /** Programs whole write blocks, one after the other; undefined where all were. */
  program(offset: number, bytes: Uint8Array): FlashRefusal | undefined;
  /** Leaves the first sector of an erase torn: for a reset that comes while it takes its time. */
  tearErase(offset: number, byteCount: number): void;
  /** Leaves the first write block of a program torn. */
  tearProgram(offset: number, bytes: Uint8Array): void;
}

/** What was asked for and not done, or not to its end. */
export interface FlashRefusal {
  /** The first four are no operation of such a flash, and a finding of the sweep; the others the chip could not do. */
  readonly reason: "empty" | "misaligned" | "out-of-range" | "not-erased" | "worn-out" | "bad" | "once";
  readonly offset: number;
  /** One sentence for humans. */
  readonly message: string;
}
