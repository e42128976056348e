/**
 * What a handle of semihosting stands for, and the two that are no files: the console `:tt` and `:semihosting-features`.
 *
 * A result below 0 is an error's number, negated.
 */

/** Errors as Linux numbers them, which newlib and picolibc share up to 34 (asm-generic/errno-base.h). */
export const enum Errno {
  ENOENT = 2,
  E2BIG = 7,
  EBADF = 9,
  EACCES = 13,
  EFAULT = 14,
  EINVAL = 22,
  EMFILE = 24,
  EFBIG = 27,
  ENOSPC = 28,
  ESPIPE = 29,
  ENOSYS = 38,
}

export interface Stream {
  readonly isTerminal: boolean;
  /** How many bytes it put into `into`, fewer only where no more are to come now; 0 at the end. */
  read(into: Uint8Array): number;
  /** How many bytes it took. */
  write(bytes: Uint8Array): number;
  /** 0 once the next byte is the one at this offset. */
  seek(offset: number): number;
  /** How many bytes it has. */
  length(): number;
  /** 0. */
  close(): number;
}

/** Bits 1 to 3 of SYS_OPEN's mode, as `fopen` of C names them; bit 0, "binary", changes nothing here. */
export type OpenMode = "r" | "r+" | "w" | "w+" | "a" | "a+";
const OPEN_MODES: readonly OpenMode[] = ["r", "r+", "w", "w+", "a", "a+"];

/** Undefined for a number that is no mode. */
export function openModeOf(number: number): OpenMode | undefined {
  return OPEN_MODES[number >>> 1];
}

/** A person, or what stands for one. */
export interface Console {
  write(bytes: Uint8Array): void;
  /** Likewise, what is no result (SH_EXT_STDOUT_STDERR). */
  writeError(bytes: Uint8Array): void;
  /** Waits for a byte at least, and gives as many as there are and fit; 0 when none will ever come. */
  read(into: Uint8Array): number;
}

export class ConsoleStream implements Stream {
  readonly isTerminal = true;
  readonly #console: Console;
  readonly #isError: boolean;

  constructor(console: Console, isError = false) {
    this.#console = console;
    this.#isError = isError;
  }

  read(into: Uint8Array): number {
    return this.#console.read(into);
  }

  write(bytes: Uint8Array): number {
    if (this.#isError) this.#console.writeError(bytes);
    else this.#console.write(bytes);
    return bytes.length;
  }

  seek(): number {
    return -Errno.ESPIPE;
  }

  length(): number {
    return 0;
  }

  close(): number {
    return 0;
  }
}

/** "SHFB", then SH_EXT_EXIT_EXTENDED and SH_EXT_STDOUT_STDERR ("Feature reporting"). */
const FEATURES = Uint8Array.of(0x53, 0x48, 0x46, 0x42, 0b11);

export class FeaturesStream implements Stream {
  readonly isTerminal = false;
  #position = 0;

  read(into: Uint8Array): number {
    const bytes = FEATURES.subarray(this.#position, this.#position + into.length);
    into.set(bytes);
    this.#position += bytes.length;
    return bytes.length;
  }

  write(): number {
    return -Errno.EBADF;
  }

  seek(offset: number): number {
    if (offset > FEATURES.length) return -Errno.EINVAL;
    this.#position = offset;
    return 0;
  }

  length(): number {
    return FEATURES.length;
  }

  close(): number {
    return 0;
  }
}
