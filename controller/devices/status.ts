/**
 * Controller status: why and as what this version was started, and what it says of itself. docs/hardware.md.
 *
 * What the version says carries its boot epoch into the control block, so that nothing said by a version that
 * was stopped can be taken for the next one's word.
 */
import { Control } from "../../emulator/memory/control.ts";
import { Evidence } from "../../emulator/memory/evidence.ts";
import { BUS_FAULT } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";

/** Values of BOOT_REASON. */
export const enum BootReason {
  POWER_ON = 1,
  FAILOVER = 2,
  RESTART = 3,
  ACTIVATION = 4,
  ROLL_BACK = 5,
}

/** Offsets. */
export const enum StatusRegister {
  BOOT_REASON = 0x00,
  BOOT_EPOCH = 0x04,
  REGION = 0x08,
  TRIAL = 0x0c,
  READY = 0x10,
  CONFIRM = 0x14,
  FAULT = 0x18,
  CAPABILITIES = 0x1c,
}

export class Status implements Device {
  readonly name = "status";
  readonly accessBytes = 4;
  readonly #control: Int32Array;
  readonly #board: Board;

  constructor(control: Int32Array, board: Board) {
    this.#control = control;
    this.#board = board;
  }

  load(offset: number): number {
    switch (offset) {
      case StatusRegister.BOOT_REASON:
        return Atomics.load(this.#control, Control.BOOT_REASON) >>> 0;
      case StatusRegister.BOOT_EPOCH:
        return this.#epoch >>> 0;
      case StatusRegister.REGION:
        return Atomics.load(this.#control, Control.REGION) >>> 0;
      case StatusRegister.TRIAL:
        return Atomics.load(this.#control, Control.TRIAL) >>> 0;
      case StatusRegister.READY:
        return this.#said(Control.READY);
      case StatusRegister.CONFIRM:
        return this.#said(Control.CONFIRM);
      case StatusRegister.CAPABILITIES:
        return Atomics.load(this.#control, Control.CAPABILITIES) >>> 0;
      default:
        return BUS_FAULT;
    }
  }

  store(offset: number, value: number): number {
    switch (offset) {
      case StatusRegister.READY:
        if (value === 0 || value === 1) this.#say(Control.READY, value === 1 ? this.#epoch : 0);
        return 0;
      case StatusRegister.CONFIRM:
        if (value === 1) this.#say(Control.CONFIRM, this.#epoch);
        return 0;
      case StatusRegister.FAULT:
        this.#board.stop(Evidence.PANIC, value);
        return 0;
      case StatusRegister.CAPABILITIES:
        // Looked at when the version says that it is ready, and not before.
        Atomics.store(this.#control, Control.CAPABILITIES, value | 0);
        return 0;
      default:
        return BUS_FAULT;
    }
  }

  get #epoch(): number {
    return this.#board.bootEpoch;
  }

  #said(word: Control.READY | Control.CONFIRM): number {
    return Atomics.load(this.#control, word) === this.#epoch ? 1 : 0;
  }

  #say(word: Control.READY | Control.CONFIRM, value: number): void {
    Atomics.store(this.#control, word, value);
    this.#board.ring();
  }
}
