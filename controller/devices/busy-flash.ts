/**
 * A mapped flash device that cannot be read while the flash controller changes it: it answers in the place of its memory
 * then, and every load of it faults, which is a misuse. Stores to it fault at any time.
 */
import { hex } from "../../emulator/base/text.ts";
import { BUS_FAULT } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";

export interface BusyFlashParts {
  readonly name: string;
  readonly bytes: number;
  /** Bytes of the device, as it reads when it is not busy. */
  readonly contents: (offset: number, byteCount: number) => Uint8Array;
  readonly isBusy: () => boolean;
  readonly misused: (message: string) => void;
}

export class BusyFlash implements Device {
  readonly name: string;
  readonly accessBytes = 1 + 2 + 4;
  readonly blockBytes: number;
  readonly #parts: BusyFlashParts;
  readonly #board: Board;

  constructor(parts: BusyFlashParts, board: Board) {
    this.name = parts.name;
    this.blockBytes = parts.bytes;
    this.#parts = parts;
    this.#board = board;
  }

  load(offset: number, byteCount: number): number {
    // Which may end what it is busy with.
    this.#board.catchUp();
    const { isBusy, contents, misused } = this.#parts;
    if (!isBusy()) return contents(offset, byteCount).reduceRight((value, byte) => value * 256 + byte, 0);
    misused(busyReadMisuse(this.name, offset));
    return BUS_FAULT;
  }

  store(): number {
    return BUS_FAULT;
  }
}

export function busyReadMisuse(name: string, offset: number): string {
  return `${name}: a read of ${hex(offset)} while an erase or a program is under way`;
}
