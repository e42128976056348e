/**
 * Updates that the version which executes asks for: what it requests of the flash controller is answered here, and who may
 * write which region stands in the control block (emulator/memory/flash-posts.ts).
 *
 * Invariants: a version may write a region only between its begin, once the table calls the region invalid, and its end; what
 * it had begun when it was stopped is nobody's, and stays invalid. One writes a region at a time: an operator's load takes
 * the right away, and keeps it until the load is over. Each request is answered once, unless its version was stopped.
 */
import {
  reduceUpdate,
  startUpdate,
  type Update,
  type UpdateCommand,
  type UpdateEvent,
} from "../../controller/boot/update.ts";
import type { Logger } from "../../emulator/base/log.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import { Control } from "../../emulator/memory/control.ts";
import {
  FlashAction,
  type FlashPost,
  FlashStatus,
  isRequest,
  isServed,
  readPost,
} from "../../emulator/memory/flash-posts.ts";
import { OperatorError } from "./errors.ts";

/** Carries a step out for the version that executes, which has erased and programmed by itself. Rejects with why not. */
export type CarryOut = (command: UpdateCommand, region: number) => Promise<UpdateEvent>;

interface Begun {
  readonly epoch: number;
  readonly update: Update;
}

export class FirmwareUpdates {
  readonly #control: Int32Array;
  readonly #carryOut: CarryOut;
  readonly #wakeGuest: () => void;
  readonly #log: Logger;
  /** Number of the post that was looked at last. */
  #seen = 0;
  /** By region. */
  readonly #begun = new Map<number, Begun>();
  /** Regions that operators are loading, each as often as they do. */
  readonly #loaded: number[] = [];
  /** By region, how often an operator has begun to load it. */
  readonly #claims = new Map<number, number>();
  /** What was told last of what is not done. */
  #told = "";

  /** @param wakeGuest ends the `wfi` of the version that executes */
  constructor(control: Int32Array, carryOut: CarryOut, wakeGuest: () => void, log: Logger) {
    this.#control = control;
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
    this.#loaded.push(region);
    this.#claims.set(region, this.#claimsOf(region) + 1);
    this.#revoke(region);
    return () => {
      this.#loaded.splice(this.#loaded.indexOf(region), 1);
    };
  }

  async #serve(post: FlashPost): Promise<void> {
    const status = await this.#answerOf(post);
    const { action, region, number, epoch } = post;
    this.#log.debug(
      { asked: NAMES[action], ofRegion: region, status },
      "firmware asked the flash controller",
    );
    if (!isServed(this.#control, epoch)) return;
    Atomics.store(this.#control, Control.FLASH_ANSWER, status);
    Atomics.store(this.#control, Control.FLASH_ANSWERED, number);
    this.#wakeGuest();
  }

  async #answerOf(post: FlashPost): Promise<FlashStatus> {
    if (!isServed(this.#control, post.epoch)) return FlashStatus.REFUSED;
    try {
      if (post.action === FlashAction.BEGIN) return await this.#begin(post);
      if (post.action === FlashAction.END) return await this.#end(post);
      await this.#carryOut({ type: "activate" }, post.region);
      return FlashStatus.DONE;
    } catch (error) {
      const isRefusal = error instanceof OperatorError;
      return this.#decline(post, errorMessage(error), isRefusal ? FlashStatus.REFUSED : FlashStatus.FAILED);
    }
  }

  async #begin(post: FlashPost): Promise<FlashStatus> {
    const { region, epoch } = post;
    const claims = this.#claimsOf(region);
    if (!this.#isFree(post, claims)) return this.#decline(post, NOT_FREE);
    const { update, command } = startUpdate(false);
    if (command === undefined) throw new Error("an update begins with a step");
    const { update: begun } = reduceUpdate(update, await this.#carryOut(command, region));
    // Meanwhile the version may have been stopped, or an operator has come.
    if (!this.#isFree(post, claims)) return this.#decline(post, NOT_FREE);
    this.#begun.set(region, { epoch, update: begun });
    Atomics.store(this.#control, Control.FLASH_BEGUN + region, epoch);
    return FlashStatus.DONE;
  }

  /** What the version had to do is done; the steps behind it follow, for as long as the region is its own. */
  async #end(post: FlashPost): Promise<FlashStatus> {
    const begun = this.#begun.get(post.region);
    if (begun?.epoch !== post.epoch) return this.#decline(post, "it was not begun");
    this.#revoke(post.region);
    const claims = this.#claimsOf(post.region);
    let { update, command } = reduceUpdate(begun.update, { type: "done" });
    while (command !== undefined) {
      if (!this.#isFree(post, claims)) return this.#decline(post, NOT_FREE);
      ({ update, command } = reduceUpdate(update, await this.#carryOut(command, post.region)));
    }
    return update.phase === "done"
      ? FlashStatus.DONE
      : this.#decline(post, update.refusal, FlashStatus.FAILED);
  }

  /** Tells why, once in a row: firmware may ask without pause. */
  #decline({ action, region }: FlashPost, reason: string, status = FlashStatus.REFUSED): FlashStatus {
    const told = `${action} ${region} ${reason}`;
    if (told !== this.#told) {
      this.#log.info(
        { asked: NAMES[action], ofRegion: region, reason },
        "what firmware asked of the flash controller is not done",
      );
    }
    this.#told = told;
    return status;
  }

  #revoke(region: number): void {
    this.#begun.delete(region);
    Atomics.store(this.#control, Control.FLASH_BEGUN + region, 0);
  }

  #claimsOf(region: number): number {
    return this.#claims.get(region) ?? 0;
  }

  /** The version executes on, and no operator writes the region, nor has since it was claimed so often. */
  #isFree({ region, epoch }: FlashPost, claims: number): boolean {
    const isClaimed = this.#loaded.includes(region) || this.#claimsOf(region) !== claims;
    return isServed(this.#control, epoch) && !isClaimed;
  }
}

const NOT_FREE = "an operator loads the region, or the version was stopped";

const NAMES: Readonly<Partial<Record<FlashAction, string>>> = {
  [FlashAction.BEGIN]: "begin",
  [FlashAction.END]: "end",
  [FlashAction.ACTIVATE]: "activate",
};
