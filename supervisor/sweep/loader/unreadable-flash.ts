/** Reads and fetches of flash whose ECC is not valid: memory refuses them, and where a start came upon one is remembered. */
import { Cause } from "../../../controller/cpu/engine.ts";
import { addressesOf, readFaults } from "../../../controller/cpu/read-faults.ts";
import type { Machine } from "../../../controller/machine.ts";
import { flashAt } from "../../../controller/profile.ts";
import { type ByteRanges, NO_BYTES } from "../../../emulator/flash/byte-ranges.ts";
import type { LoaderProfile } from "../../core/loader-profile.ts";
import type { ChipBank } from "./chip-bank.ts";

const READ_FAULTS: readonly number[] = [Cause.INSTRUCTION_ACCESS_FAULT, Cause.LOAD_ACCESS_FAULT];

export class UnreadableFlash {
  readonly #board: LoaderProfile["board"];
  readonly #bank: ChipBank;
  /** Where this start read last what cannot be read; undefined: nowhere. */
  #met: number | undefined;
  /** By device, what cannot be read as memory refuses it. */
  #refused: readonly ByteRanges[] = [];

  constructor(board: LoaderProfile["board"], bank: ChipBank) {
    this.#board = board;
    this.#bank = bank;
  }

  /** The address that was read last of what cannot be read; undefined: none was. */
  get met(): number | undefined {
    return this.#met;
  }

  /** A start begins. */
  begin(machine: Machine): void {
    this.#met = undefined;
    this.refuse(machine);
  }

  /** The hart takes an exception. */
  trapped(cause: Cause, value: number): void {
    const address = value >>> 0;
    if (READ_FAULTS.includes(cause) && flashAt(this.#board, address) !== undefined) this.#met = address;
  }

  /** From here on memory refuses what cannot be read by now. */
  refuse(machine: Machine): void {
    const faulty = this.#bank.chips.map(({ condition }) => condition.faulty);
    if (faulty.every((ranges, device) => ranges === (this.#refused[device] ?? NO_BYTES))) return;
    this.#refused = faulty;
    const ranges = faulty.flatMap((bytes, device) => {
      const base = this.#board.flash[device]?.base;
      // A device that is not mapped has no addresses.
      return base === undefined ? [] : addressesOf(base, bytes);
    });
    machine.refuse(readFaults(ranges));
  }
}
