/**
 * What a run consists of: persistent operations and events, one after the other. Power can be cut before each, and
 * inside a unit of flash.
 */

/** Kinds of what can be cut: what stands in persistent memory, and events. */
export const enum ItemKind {
  /** One aligned 32-bit store to NVRAM: done or not. */
  STORE = 0,
  /** One unit of 256 B (configurable): may tear. */
  PROGRAM = 1,
  /** One sector: may tear. */
  ERASE = 2,
  EVENT = 3,
}

/** One unit of an operation on flash: a sector or a program unit. */
export interface FlashUnit {
  readonly kind: ItemKind.PROGRAM | ItemKind.ERASE;
  readonly region: number;
  /** From the region's start. */
  readonly offset: number;
}

/** Told of everything that a device does. */
export interface ItemSink<Event> {
  /** Before a 32-bit store to NVRAM, and before a unit of flash is made. May throw an {@link Interruption}. */
  beforeStore(): void;
  beforeUnit(unit: FlashUnit): void;
  event(event: Event): void;
  /** Nothing will be done to the device at one of the next `items` items. */
  undisturbed(items: number): boolean;
}

/** Ends a run from outside: thrown out of whatever the device is doing, and caught by nobody in it. */
export class Interruption extends Error {
  override readonly name: string = "Interruption";
}

/** Power is lost. */
export class PowerCut extends Interruption {
  override readonly name = "PowerCut";
}
