/**
 * Updates that the version which executes asks for: what it requests of the flash controller is carried out here, step by step
 * as supervisor/core/own-updates.ts has it, and answered.
 *
 * Invariants: each request is answered once, unless its version was stopped; what refuses a step is told in the log.
 */
import type { UpdateCommand, UpdateEvent } from "../../controller/boot/update.ts";
import type { Logger } from "../../emulator/base/log.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import { Control } from "../../emulator/memory/control.ts";
import {
  answerRequest,
  FlashAction,
  type FlashPost,
  FlashStatus,
  isRequest,
  isServed,
  readPost,
} from "../../emulator/memory/flash-posts.ts";
import { type OwnAnswer, OwnUpdates } from "../core/own-updates.ts";
import { OperatorError } from "./errors.ts";

/** Carries a step out for the version that executes, which has erased and programmed by itself. Rejects with why not. */
export type CarryOut = (command: UpdateCommand, region: number) => Promise<UpdateEvent>;

export class FirmwareUpdates {
  readonly #control: Int32Array;
  readonly #updates: OwnUpdates;
  readonly #carryOut: CarryOut;
  readonly #wakeGuest: () => void;
  readonly #log: Logger;
  /** Number of the post that was looked at last. */
  #seen = 0;
  /** What was told last of what is not done. */
  #told = "";

  /** @param wakeGuest ends the `wfi` of the version that executes */
  constructor(control: Int32Array, carryOut: CarryOut, wakeGuest: () => void, log: Logger) {
    this.#control = control;
    this.#updates = new OwnUpdates(control);
    this.#carryOut = carryOut;
    this.#wakeGuest = wakeGuest;
    this.#log = log;
  }

  /** Looks whether something was requested. At every doorbell, so this is one load where nothing was. */
  look(): void {
    if (Atomics.load(this.#control, Control.FLASH_POSTED) === this.#seen) return;
    const post = readPost(this.#control);
    if (post === undefined) return;
    this.#seen = post.number;
    if (isRequest(post.action)) void this.#serve(post);
  }

  /** An operator loads the region: no version may write it until the returned function is called. */
  claim(region: number): () => void {
    return this.#updates.claim(region);
  }

  async #serve(post: FlashPost): Promise<void> {
    const { status, reason } = await this.#answerOf(post);
    const { action, region, number, epoch } = post;
    if (reason !== "") this.#tell(post, reason);
    this.#log.debug(
      { asked: NAMES[action], ofRegion: region, status },
      "firmware asked the flash controller",
    );
    if (!isServed(this.#control, epoch)) return;
    answerRequest(this.#control, number, status);
    this.#wakeGuest();
  }

  async #answerOf(post: FlashPost): Promise<OwnAnswer> {
    const steps = this.#updates.answer(post);
    try {
      let step = steps.next();
      while (step.done !== true) step = steps.next(await this.#step(step.value, post.region));
      return step.value;
    } catch (error) {
      return { status: FlashStatus.FAILED, reason: errorMessage(error) };
    }
  }

  /** What the table's rules refuse is a refusal; anything else is a failure, and thrown. */
  async #step(command: UpdateCommand, region: number): Promise<UpdateEvent> {
    try {
      return await this.#carryOut(command, region);
    } catch (error) {
      if (error instanceof OperatorError) return { type: "refused", message: error.message };
      throw error;
    }
  }

  /** Tells why not, once in a row: firmware may ask without pause. */
  #tell({ action, region }: FlashPost, reason: string): void {
    const told = `${action} ${region} ${reason}`;
    if (told !== this.#told) {
      this.#log.info(
        { asked: NAMES[action], ofRegion: region, reason },
        "what firmware asked of the flash controller is not done",
      );
    }
    this.#told = told;
  }
}

const NAMES: Readonly<Partial<Record<FlashAction, string>>> = {
  [FlashAction.BEGIN]: "begin",
  [FlashAction.END]: "end",
  [FlashAction.ACTIVATE]: "activate",
};
