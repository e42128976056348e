/**
 * What the version that executes requests of the flash controller, as steps that a shell carries out: who may write which
 * region stands in the control block (emulator/memory/flash-posts.ts), the order of the steps in controller/boot/update.ts.
 *
 * Invariants: a version may write a region only between its begin, once the table calls the region invalid, and its end; what
 * it had begun when it was stopped is nobody's, and stays invalid. One writes a region at a time: an operator's load takes
 * the right away, and keeps it until the load is over. No thread and no clock inside: between two steps a shell may let time
 * pass, in which the version is stopped or an operator comes.
 */
import {
  reduceUpdate,
  startUpdate,
  type Update,
  type UpdateCommand,
  type UpdateEvent,
} from "../../controller/boot/update.ts";
import { Control } from "../../emulator/memory/control.ts";
import { FlashAction, type FlashPost, FlashStatus, isServed } from "../../emulator/memory/flash-posts.ts";

/** How a request is answered. */
export interface OwnAnswer {
  readonly status: FlashStatus;
  /** Why it is not done, for people; empty where it is. */
  readonly reason: string;
}

/** Each step is to be carried out for the version, which has erased and programmed by itself; what came of it goes in. */
export type OwnSteps = Generator<UpdateCommand, OwnAnswer, UpdateEvent>;

interface Begun {
  readonly epoch: number;
  readonly update: Update;
}

const DONE: OwnAnswer = { status: FlashStatus.DONE, reason: "" };
const NOT_FREE: OwnAnswer = {
  status: FlashStatus.REFUSED,
  reason: "an operator loads the region, or the version was stopped",
};
const NOT_BEGUN: OwnAnswer = { status: FlashStatus.REFUSED, reason: "it was not begun" };

function refused(reason: string): OwnAnswer {
  return { status: FlashStatus.REFUSED, reason };
}

export class OwnUpdates {
  readonly #control: Int32Array;
  /** By region. */
  readonly #begun = new Map<number, Begun>();
  /** Regions that operators are loading, each as often as they do. */
  readonly #loaded: number[] = [];
  /** By region, how often an operator has begun to load it. */
  readonly #claims = new Map<number, number>();

  constructor(control: Int32Array) {
    this.#control = control;
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

  /** @param post a request */
  *answer(post: FlashPost): OwnSteps {
    if (!isServed(this.#control, post.epoch)) return NOT_FREE;
    if (post.action === FlashAction.BEGIN) return yield* this.#begin(post);
    if (post.action === FlashAction.END) return yield* this.#end(post);
    const event = yield { type: "activate" };
    return event.type === "refused" ? refused(event.message) : DONE;
  }

  *#begin(post: FlashPost): OwnSteps {
    const { region, epoch } = post;
    const claims = this.#claimsOf(region);
    if (!this.#isFree(post, claims)) return NOT_FREE;
    const { update, command } = startUpdate(false);
    if (command === undefined) throw new Error("an update begins with a step");
    const event = yield command;
    if (event.type === "refused") return refused(event.message);
    // Meanwhile the version may have been stopped, or an operator has come.
    if (!this.#isFree(post, claims)) return NOT_FREE;
    this.#begun.set(region, { epoch, update: reduceUpdate(update, event).update });
    Atomics.store(this.#control, Control.FLASH_BEGUN + region, epoch);
    return DONE;
  }

  /** What the version had to do is done; the steps behind it follow, for as long as the region is its own. */
  *#end(post: FlashPost): OwnSteps {
    const begun = this.#begun.get(post.region);
    if (begun?.epoch !== post.epoch) return NOT_BEGUN;
    this.#revoke(post.region);
    const claims = this.#claimsOf(post.region);
    let { update, command } = reduceUpdate(begun.update, { type: "done" });
    while (command !== undefined) {
      if (!this.#isFree(post, claims)) return NOT_FREE;
      const event = yield command;
      if (event.type === "refused") return refused(event.message);
      ({ update, command } = reduceUpdate(update, event));
    }
    return update.phase === "done" ? DONE : { status: FlashStatus.FAILED, reason: update.refusal };
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
