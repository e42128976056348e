/** SiFive test finisher: how a bare-metal program ends its machine. docs/hardware.md, docs/run.md. */
import { Evidence } from "../../emulator/memory/evidence.ts";
import { BUS_FAULT } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";

const PASS = 0x5555;
export const FAIL = 0x3333;
const RESET = 0x7777;

export class Finisher implements Device {
  readonly name = "finisher";
  readonly accessBytes: number;
  readonly #board: Board;
  readonly #onReset: (() => void) | undefined;

  /**
   * @param onReset takes a reset, for which the hart has been stopped. With it the finisher is as QEMU's `virt` has it,
   * with accesses of 16 bits, and registers beside the first that read 0
   */
  constructor(board: Board, onReset?: () => void) {
    this.accessBytes = onReset === undefined ? 4 : 2 + 4;
    this.#board = board;
    this.#onReset = onReset;
  }

  load(): number {
    return this.#onReset === undefined ? BUS_FAULT : 0;
  }

  store(offset: number, value: number): number {
    if (offset !== 0) return this.#onReset === undefined ? BUS_FAULT : 0;
    const kind = value & 0xffff;
    if (kind === PASS) this.#board.stop(Evidence.FINISHER, 0, true);
    if (kind === FAIL) this.#board.stop(Evidence.FINISHER, value >>> 16);
    if (kind === RESET && this.#onReset !== undefined) {
      this.#board.stop(Evidence.FINISHER, 0);
      this.#onReset();
    }
    return 0;
  }
}
