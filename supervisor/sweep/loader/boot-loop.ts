/**
 * Whether the starts of a power-on go round in a circle: one that begins with all as it was before an earlier one ends as
 * that did, unless somebody asks what time it is.
 */
import type { Role } from "../../../controller/devices/reset-block.ts";
import type { Machine } from "../../../controller/machine.ts";
import { KeySum } from "../flipside/content-key.ts";
import type { BoardState } from "./board-state.ts";

/** How a start began that the hart was reset out of. */
interface Situation {
  /** Starts before it. */
  readonly start: number;
  /** {@link Machine.timeAsked} then. */
  readonly timeAsked: number;
}

export class BootLoop {
  readonly #machine: Machine;
  readonly #state: BoardState;
  readonly #sum = new KeySum();
  /** By what was there. */
  readonly #situations = new Map<number, Situation>();

  constructor(machine: Machine, state: BoardState) {
    this.#machine = machine;
    this.#state = state;
  }

  /** Power has come on. */
  begin(): void {
    this.#situations.clear();
  }

  /**
   * A start has begun. Starts until all is as it was, where this one is as one before; undefined where it may end
   * otherwise.
   * @param start how many there were before
   */
  period(start: number, role: Role): number | undefined {
    const { timeAsked } = this.#machine;
    this.#sum.clear();
    this.#sum.add(this.#state.addTo(this.#sum), role);
    const before = this.#situations.get(this.#sum.key);
    this.#situations.set(this.#sum.key, { start, timeAsked });
    return before?.timeAsked === timeAsked ? start - before.start : undefined;
  }
}
