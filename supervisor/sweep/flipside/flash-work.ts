/**
 * Who writes the flash of a virtual device: operators, and the version that executes, which asks by the flash controller.
 *
 * The queue, the right to write and the steps of an update are those of the live device. Invariants: units are made one at
 * a time in the order of their requests, each an item; what a version asked for ends between two units at its stop; a version
 * is told of nothing before the oracle is.
 */
import type { UpdateCommand, UpdateEvent } from "../../../controller/boot/update.ts";
import { FlashOperations } from "../../../emulator/flash/operations.ts";
import { statusOf } from "../../../emulator/flash/posted.ts";
import { FlashRefusedError, type FlashUnits } from "../../../emulator/flash/region-writer.ts";
import { Control } from "../../../emulator/memory/control.ts";
import {
  answerRequest,
  FlashAction,
  type FlashPost,
  FlashStatus,
  isRequest,
  isServed,
  mayWriteRegion,
  readPost,
  tellFlashEnd,
} from "../../../emulator/memory/flash-posts.ts";
import { OwnUpdates } from "../../core/own-updates.ts";
import { type FlashUnit, Interruption, ItemKind, type ItemSink } from "../explore/items.ts";
import type { RegionFlash } from "./region-flash.ts";
import type { RequestKind, VirtualEvent } from "./virtual-event.ts";

/** Carries a step out for the version that executes, which has erased and programmed by itself. */
export type CarryOutOwn = (command: UpdateCommand, region: number) => UpdateEvent;

type UnitKind = FlashUnit["kind"];

const KINDS: Readonly<Partial<Record<FlashAction, RequestKind>>> = {
  [FlashAction.BEGIN]: "begin-load",
  [FlashAction.END]: "end-load",
  [FlashAction.ACTIVATE]: "activate",
};

export class FlashWork {
  readonly #control: Int32Array;
  readonly #flash: RegionFlash;
  readonly #sink: ItemSink<VirtualEvent>;
  readonly #carryOut: CarryOutOwn;
  readonly #operations = new FlashOperations();
  #updates: OwnUpdates;
  /** Number of the post that was looked at last. */
  #seen = 0;
  #isOff = true;
  #ownUnits = 0;
  /** What an operation was ended by that is none of its own doing. */
  #interruption: Interruption | undefined;

  constructor(control: Int32Array, flash: RegionFlash, sink: ItemSink<VirtualEvent>, carryOut: CarryOutOwn) {
    this.#control = control;
    this.#flash = flash;
    this.#sink = sink;
    this.#carryOut = carryOut;
    this.#updates = new OwnUpdates(control);
  }

  powerOff(): void {
    this.#isOff = true;
    this.#operations.powerOff();
    this.#updates = new OwnUpdates(this.#control);
    this.#seen = 0;
    this.#interruption = undefined;
  }

  powerOn(): void {
    this.#isOff = false;
  }

  /** Units that the version which is served has had made. */
  get ownUnits(): number {
    return this.#ownUnits;
  }

  /** No unit is to be made. */
  get idle(): boolean {
    return this.#operations.idle;
  }

  /** Has the next unit made; its kind, or undefined where a request ended instead. */
  turn(): UnitKind | undefined {
    let made: UnitKind | undefined;
    this.#operations.turn((region, { operation, offset }) => {
      const kind = operation.kind === "erase" ? ItemKind.ERASE : ItemKind.PROGRAM;
      try {
        this.#sink.beforeUnit({ kind, region, offset });
      } catch (error) {
        if (error instanceof Interruption) this.#interruption = error;
        throw error;
      }
      operation.step();
      made = kind;
    });
    if (this.#interruption !== undefined) throw this.#interruption;
    return made;
  }

  // ── An operator's ───────────────────────────────────────────────────────────────────────────────────────

  /** No version may write the region until the returned function is called. */
  claim(region: number): () => void {
    return this.#updates.claim(region);
  }

  /**
   * Makes an operation behind all that waits, unit by unit. False when the flash refused.
   * @param afterUnit is told of each, whoever asked for it
   */
  write(region: number, units: FlashUnits, afterUnit: (kind: UnitKind) => void): boolean {
    let hasEnded = false;
    let failure: unknown;
    const ended = (error: unknown): void => {
      hasEnded = true;
      failure = error;
    };
    this.#operations.submit({ region, units, ended });
    while (!hasEnded) {
      const kind = this.turn();
      if (kind !== undefined) afterUnit(kind);
    }
    if (failure === undefined) return true;
    if (failure instanceof FlashRefusedError) return false;
    throw failure;
  }

  // ── The executing version's ─────────────────────────────────────────────────────────────────────────────

  /** This version is the one that is served from now on. */
  serve(epoch: number): void {
    this.#control[Control.FLASH_EPOCH] = epoch;
    this.#ownUnits = 0;
  }

  /** It is to stop: what it asked for ends where it is. */
  stop(): void {
    const epoch = this.#control[Control.FLASH_EPOCH] as number;
    this.#control[Control.FLASH_EPOCH] = 0;
    if (epoch !== 0) this.#operations.stop(epoch);
  }

  /** Takes what the version has posted: answers a request, queues an operation. */
  look(): void {
    if (this.#control[Control.FLASH_POSTED] === this.#seen) return;
    const post = readPost(this.#control);
    if (post === undefined) return;
    this.#seen = post.number;
    if (!isServed(this.#control, post.epoch)) return;
    if (isRequest(post.action)) this.#answer(post);
    else this.#queue(post);
  }

  #queue(post: FlashPost): void {
    const { region, epoch, number } = post;
    const mayWrite = (): boolean => {
      // Asked before each unit.
      const may = mayWriteRegion(this.#control, region, epoch);
      if (may) this.#ownUnits += 1;
      return may;
    };
    const ended = (error: unknown): void => {
      if (this.#isOff) return;
      const { status, offset } = statusOf(error);
      tellFlashEnd(this.#control, number, status, offset);
    };
    this.#operations.submit({ region, units: this.#flash.posted(post, mayWrite), epoch, ended });
  }

  #answer(post: FlashPost): void {
    const { action, region, number, epoch } = post;
    const kind = KINDS[action];
    if (kind === undefined) throw new Error(`there is no request ${action}`);
    this.#sink.event({ type: "requested", by: "firmware", kind, region, image: "" });
    const steps = this.#updates.answer(post);
    let step = steps.next();
    while (step.done !== true) step = steps.next(this.#carryOut(step.value, region));
    const { status, reason } = step.value;
    // Whoever was stopped over it is told nothing.
    if (!isServed(this.#control, epoch)) return;
    if (status === FlashStatus.DONE) this.#sink.event({ type: "acknowledged", kind, region });
    else this.#sink.event({ type: "refused", kind, region, message: reason });
    answerRequest(this.#control, number, status);
  }
}
