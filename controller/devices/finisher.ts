/** SiFive test finisher: how a bare-metal program ends its machine. docs/hardware.md. */
import { Evidence } from "../../emulator/memory/evidence.ts";
import { BUS_FAULT } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";

const PASS = 0x5555;
export const FAIL = 0x3333;

export class Finisher implements Device {
  readonly name = "finisher";
  readonly registerBytes = 4;
  readonly #board: Board;

  constructor(board: Board) {
    this.#board = board;
  }

  load(): number {
    return BUS_FAULT;
  }

  store(offset: number, value: number): number {
    if (offset !== 0) return BUS_FAULT;
    const kind = value & 0xffff;
    if (kind === PASS) this.#board.stop(Evidence.FINISHER, 0, true);
    if (kind === FAIL) this.#board.stop(Evidence.FINISHER, value >>> 16);
    return 0;
  }
}
