/**
 * Where in the user's program flash is operated: the instruction that does it, as function, file and line.
 *
 * While a hart runs, PC is exact at the run's beginning only. So a case is run twice: first it is counted how many
 * instructions each start had retired at each operation, then the hart stops right before each of these, which changes
 * nothing of what it does. The interpreter alone counts exactly in the midst of a run.
 */
import type { Engine } from "../../../controller/cpu/engine.ts";
import { Hart, retiredInstructions } from "../../../controller/cpu/hart.ts";
import type { MachineOptions } from "../../../controller/machine.ts";

/** By start of the hart, the numbers of instructions before which it stops. */
export class FlashPlaces {
  #starts: number[][] = [];
  #current = -1;
  #counts = false;

  /** To be spread into the options of a machine that stops there. */
  readonly engine: Pick<MachineOptions, "engine"> = {
    engine: ({ hart }, interpreter) => new StoppingEngine(hart, interpreter, this),
  };

  /** A run begins of which the operations are counted. */
  count(): void {
    this.#starts = [];
    this.#current = -1;
    this.#counts = true;
  }

  /** The same run begins again, and stops before each of them. */
  stop(): void {
    this.#current = -1;
    this.#counts = false;
  }

  started(): void {
    this.#current += 1;
    if (this.#counts) this.#starts.push([]);
  }

  operated(hart: Int32Array): void {
    if (!this.#counts) return;
    this.#starts[this.#current]?.push(retiredInstructions(hart) + (hart[Hart.RUN_RETIRED] as number));
  }

  /** How far a hart may go from `retired` on. */
  distance(retired: number): number {
    if (this.#counts) return Number.POSITIVE_INFINITY;
    const next = this.#starts[this.#current]?.find((each) => each > retired);
    return next === undefined ? Number.POSITIVE_INFINITY : next - retired;
  }
}

class StoppingEngine implements Engine {
  readonly #hart: Int32Array;
  readonly #interpreter: Engine;
  readonly #places: FlashPlaces;

  constructor(hart: Int32Array, interpreter: Engine, places: FlashPlaces) {
    this.#hart = hart;
    this.#interpreter = interpreter;
    this.#places = places;
  }

  run(maxInstructions: number): ReturnType<Engine["run"]> {
    const distance = this.#places.distance(retiredInstructions(this.#hart));
    return this.#interpreter.run(Math.min(maxInstructions, distance));
  }
}
