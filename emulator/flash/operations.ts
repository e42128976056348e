/**
 * Flash operations of all regions, one after the other in the order of their requests, one unit a turn.
 *
 * Whoever owns the flash calls {@link FlashOperations.turn} when a unit may be made, and does what else there is to do
 * between two turns. Invariants: at most one unit is under way; a request is told once how it ended, whichever way; what
 * is stopped leaves a prefix of its units, and the flash free for the next. No thread and no clock inside.
 */
import { FlashRefusedError, type FlashUnit, type FlashUnits } from "./region-writer.ts";

/** Makes a unit of a region, or leaves it torn and throws. */
export type MakeUnit = (region: number, unit: FlashUnit) => void;

export interface FlashRequest {
  readonly region: number;
  /** What is to be made; nothing happens before its first unit is asked for. */
  readonly units: FlashUnits;
  /** Boot epoch of the version that asks, with which its request ends; absent for an operator's. */
  readonly epoch?: number;
  /** Told at its end: nothing, or what kept it from being carried out. */
  readonly ended: (error: unknown) => void;
}

/** Requests that wait at most, the one under way included. */
const QUEUE_LENGTH = 16;

export class FlashOperations {
  readonly #queue: FlashRequest[] = [];

  get idle(): boolean {
    return this.#queue.length === 0;
  }

  /** Queues a request. Throws {@link FlashRefusedError} "queue-full". */
  submit(request: FlashRequest): void {
    if (this.#queue.length >= QUEUE_LENGTH) {
      throw new FlashRefusedError("queue-full", `${QUEUE_LENGTH} flash operations are waiting already`);
    }
    this.#queue.push(request);
  }

  /** Has the next unit made, or tells a request whose units are all made that it ended. */
  turn(make: MakeUnit): void {
    const request = this.#queue[0];
    if (request === undefined) return;
    try {
      const next = request.units.next();
      if (next.done === true) this.#end(request, undefined);
      else make(request.region, next.value);
    } catch (error) {
      this.#end(request, error);
    }
  }

  /** A version was stopped: what it asked for ends where it is, between two units. */
  stop(epoch: number): void {
    const stopped = this.#queue.filter((request) => request.epoch === epoch);
    for (const request of stopped) {
      this.#end(request, new FlashRefusedError("stopped", `the version of boot epoch ${epoch} was stopped`));
    }
  }

  /** All ends where it is: power goes. */
  powerOff(): void {
    for (const request of [...this.#queue]) {
      this.#end(request, new FlashRefusedError("power-lost", "power went before the flash operation ended"));
    }
  }

  #end(request: FlashRequest, error: unknown): void {
    this.#queue.splice(this.#queue.indexOf(request), 1);
    request.units.return();
    request.ended(error);
  }
}
