/**
 * What a boot loader and its application know of a start, and what they say of themselves: reset reason, warm reset, words
 * that a warm reset keeps, the recovery pin, marks, and the role that the test gives. docs/hardware.md.
 *
 * Invariants: the reset reason is what the board says, and stays until it says another; the retained words are behind a
 * port, and a reset of the hart does not touch them.
 */
import { BUS_FAULT } from "../cpu/engine.ts";
import type { Device } from "./device.ts";
import type { PersistentWords } from "./persistent-words.ts";
import type { StateWords } from "./state.ts";

export const RETAINED_WORDS = 8;
export const WARM_RESET_VALUE = 0x5a;

/** Offsets. */
export const enum ResetRegister {
  RESET_REASON = 0x00,
  RESET = 0x04,
  RETAINED = 0x08,
  PIN = 0x28,
  MARK = 0x40,
  ROLE = 0x44,
  UPLOAD_MEMORY = 0x48,
  UPLOAD_LENGTH = 0x4c,
}

export const enum ResetReason {
  POWER = 1,
  WATCHDOG = 2,
  SOFTWARE = 3,
  DOUBLE_TRAP = 4,
  EXTERNAL = 5,
}

/** What firmware says that it has reached. */
export const enum Mark {
  LOADER = 1,
  LOADER_GIVES_UP = 2,
  APPLICATION_UP = 3,
  UPDATE_REQUESTED = 4,
  CONFIRMED = 5,
  APPLICATION_GIVES_UP = 6,
  UPLOAD_DONE = 7,
}

/** What the test wants of the application. */
export const enum Role {
  NOTHING = 0,
  REQUEST_TEST = 1,
  REQUEST_PERMANENT = 2,
  CONFIRM = 3,
  CRASH = 4,
  HANG = 5,
  UPLOAD = 6,
}

/** What is around it. */
export interface ResetBlockParts {
  readonly retained: PersistentWords;
  /** The firmware asks for a warm reset: the board stops the hart, and resets it. */
  readonly warmReset: () => void;
  /** Whether the recovery button is pressed. */
  readonly pin?: () => boolean;
  /** @param mark {@link Mark}, or what else the firmware stored @param about the high half */
  readonly mark?: (mark: number, about: number) => void;
  readonly role?: () => Role;
  /** Where in RAM the image is that the application is to upload. */
  readonly upload?: () => { readonly address: number; readonly bytes: number };
}

export class ResetBlock implements Device {
  readonly name = "reset block";
  readonly accessBytes = 4;
  readonly #reason: Int32Array;
  readonly #parts: ResetBlockParts;

  constructor(state: StateWords, parts: ResetBlockParts) {
    this.#reason = state.words(1);
    this.#parts = parts;
  }

  /** Why the hart is, or was, reset; power-on until somebody says otherwise. */
  get reason(): ResetReason {
    return (this.#reason[0] as number) === 0 ? ResetReason.POWER : (this.#reason[0] as ResetReason);
  }

  set reason(reason: ResetReason) {
    this.#reason[0] = reason;
  }

  /** Power went: nothing is retained, and that is why the hart starts. */
  powerOff(): void {
    for (let index = 0; index < RETAINED_WORDS; index += 1) {
      if (this.#parts.retained.load32(index) !== 0) this.#parts.retained.store32(index, 0);
    }
    this.reason = ResetReason.POWER;
  }

  load(offset: number): number {
    const { pin, role, upload, retained } = this.#parts;
    switch (offset) {
      case ResetRegister.RESET_REASON:
        return this.reason;
      case ResetRegister.PIN:
        return pin?.() === true ? 1 : 0;
      case ResetRegister.ROLE:
        return role?.() ?? Role.NOTHING;
      case ResetRegister.UPLOAD_MEMORY:
        return (upload?.().address ?? 0) >>> 0;
      case ResetRegister.UPLOAD_LENGTH:
        return upload?.().bytes ?? 0;
      default: {
        const index = retainedIndex(offset);
        return index === undefined ? BUS_FAULT : retained.load32(index) >>> 0;
      }
    }
  }

  store(offset: number, value: number): number {
    switch (offset) {
      case ResetRegister.RESET:
        if (value === WARM_RESET_VALUE) this.#parts.warmReset();
        return 0;
      case ResetRegister.MARK:
        this.#parts.mark?.(value & 0xffff, value >>> 16);
        return 0;
      default: {
        const index = retainedIndex(offset);
        if (index === undefined) return BUS_FAULT;
        this.#parts.retained.store32(index, value);
        return 0;
      }
    }
  }
}

function retainedIndex(offset: number): number | undefined {
  const index = (offset - ResetRegister.RETAINED) / 4;
  return index >= 0 && index < RETAINED_WORDS ? index : undefined;
}
