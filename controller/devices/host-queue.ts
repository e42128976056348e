/**
 * Doorbells and state of the host queue pair. docs/hardware.md. All of it lies in the control block: the host
 * reads and writes its side there, and the state outlives a failover.
 */
import { Control } from "../../emulator/memory/control.ts";
import { BUS_FAULT, InterruptBit } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";

/** By offset / 4: the control word behind each register. */
const REGISTERS: readonly Control[] = [
  Control.SQ_ADDRESS,
  Control.CQ_ADDRESS,
  Control.QUEUE_ENTRIES,
  Control.SQ_TAIL,
  Control.SQ_HEAD,
  Control.CQ_TAIL,
  Control.CQ_HEAD,
];
const HOST_BYTES = 0x1c;

export class HostQueue implements Device {
  readonly name = "host queue";
  readonly accessBytes = 4;
  readonly #control: Int32Array;
  readonly #hostBytes: number;
  readonly #board: Board;

  constructor(control: Int32Array, hostBytes: number, board: Board) {
    this.#control = control;
    this.#hostBytes = hostBytes;
    this.#board = board;
  }

  /** Its interrupt line: there are entries to fetch, and not only such as the host has taken back. */
  get interrupt(): boolean {
    const tail = Atomics.load(this.#control, Control.SQ_TAIL);
    if (tail === Atomics.load(this.#control, Control.SQ_HEAD)) return false;
    return Atomics.load(this.#control, Control.SQ_WITHDRAWN) !== tail + 1;
  }

  pending(): number {
    return this.interrupt ? InterruptBit.EXTERNAL : 0;
  }

  load(offset: number): number {
    if (offset === HOST_BYTES) return this.#hostBytes;
    const word = REGISTERS[offset / 4];
    return word === undefined ? BUS_FAULT : Atomics.load(this.#control, word) >>> 0;
  }

  store(offset: number, value: number): number {
    const word = REGISTERS[offset / 4];
    if (word !== Control.SQ_HEAD && word !== Control.CQ_TAIL) return BUS_FAULT;
    const mask = Atomics.load(this.#control, Control.QUEUE_ENTRIES) - 1;
    const from = Atomics.load(this.#control, word);
    if (value < 0 || value > mask || ((value - from) & mask) > this.#reach(word, from, mask))
      return BUS_FAULT;
    Atomics.store(this.#control, word, value);
    if (word === Control.CQ_TAIL) this.#board.ring();
    else this.#board.changed();
    return 0;
  }

  /**
   * How many entries the firmware's index may move on: the submitted ones, or the free ones but for the one that
   * tells a full queue from an empty one. An index further on, or back, would outlive the version that stored it and be
   * charged to the next. The host's index only ever widens the reach: what firmware has seen there holds here.
   */
  #reach(word: Control.SQ_HEAD | Control.CQ_TAIL, from: number, mask: number): number {
    if (word === Control.SQ_HEAD) return (Atomics.load(this.#control, Control.SQ_TAIL) - from) & mask;
    return mask - ((from - Atomics.load(this.#control, Control.CQ_HEAD)) & mask);
  }
}
