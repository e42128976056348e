/**
 * Judges a boot loader by what can be seen of it: which image it starts, what was asked for and acknowledged by then, what
 * lies in its slots. It shares no code with any loader and reads none of its marks in flash.
 *
 * Invariants: the first thing that is wrong counts; a judgement is an immutable value; after a cut only what was
 * acknowledged, or seen to run, is held to.
 */

import { Role } from "../../../controller/devices/reset-block.ts";
import type { LoaderMode } from "../../core/loader-profile.ts";
import { type FlashUnit, ItemKind } from "../explore/items.ts";
import type { Ending, Oracle } from "../explore/oracle.ts";
import { isLower } from "./images.ts";
import { initialLoaderJudgement, type LoaderJudgement, type Progress, type Update } from "./judgement.ts";
import type { LoaderEvent } from "./loader-event.ts";
import type { BadLoaderVerdict } from "./verdict.ts";

type EventOf<T extends LoaderEvent["type"]> = Extract<LoaderEvent, { readonly type: T }>;

/** In these an update is taken back that does not confirm itself. */
const REVERTS: readonly LoaderMode[] = ["direct-xip-revert", "swap"];
/** And in these whatever is taken back stays whole: what a trial that came to nothing costs others. */
const KEEPS_BOTH: readonly LoaderMode[] = ["swap"];

/** The loader may start it: nobody can say that it was not asked for. */
const MAY_START: readonly Progress[] = ["asking", "asked", "trying"];
/** The loader has to try it. */
const MUST_TRY: readonly Progress[] = ["asked"];

/** In these the loader writes images, and so what runs may follow from what it writes in the same start. */
const MOVES: readonly LoaderMode[] = ["swap", "overwrite"];

export interface LoaderTerms {
  readonly mode: LoaderMode;
  /** An update counts as asked for as soon as it has arrived. */
  readonly arrivalAsks: boolean;
  /** An update of a lower version must not run. */
  readonly refusesDowngrades?: boolean;
  /** What a start may take; undefined: anything. */
  readonly startMs?: number | undefined;
  /** So often an update may erase a sector; undefined: as often as it likes. */
  readonly erasesPerUpdate?: number | undefined;
  /** By image, the security counter that it carries; none of them does where it is absent. */
  readonly counters?: ReadonlyMap<string, number>;
}

export class LoaderOracle implements Oracle<LoaderEvent, LoaderJudgement> {
  judgement: LoaderJudgement = initialLoaderJudgement(undefined);
  /** An update is taken back that does not confirm itself. */
  readonly reverts: boolean;
  readonly #keepsBoth: boolean;
  readonly #moves: boolean;
  readonly #arrivalAsks: boolean;
  readonly #refusesDowngrades: boolean;
  readonly #startMs: number | undefined;
  readonly #erasesPerUpdate: number | undefined;
  readonly #counters: ReadonlyMap<string, number>;
  /** The loader raises a counter where nothing disturbs it: it has to do so after a disturbance, too. */
  raises = false;
  readonly #afterCuts = new WeakMap<LoaderJudgement, LoaderJudgement>();

  constructor(terms: LoaderTerms) {
    const { mode, arrivalAsks, refusesDowngrades = false, startMs, erasesPerUpdate, counters } = terms;
    this.reverts = REVERTS.includes(mode);
    this.#keepsBoth = KEEPS_BOTH.includes(mode);
    this.#moves = MOVES.includes(mode);
    this.#arrivalAsks = arrivalAsks;
    this.#refusesDowngrades = refusesDowngrades;
    this.#startMs = startMs;
    this.#erasesPerUpdate = erasesPerUpdate;
    this.#counters = counters ?? new Map();
  }

  get condemned(): boolean {
    return this.judgement.wrong !== undefined;
  }

  condemn(verdict: BadLoaderVerdict, message: string): void {
    if (!this.condemned) this.#change({ wrong: { verdict, message } });
  }

  observe(event: LoaderEvent): void {
    switch (event.type) {
      case "started":
        this.#checkRaised();
        this.#change({
          isFresh: false,
          role: event.role,
          running: undefined,
          isSafe: false,
          hasWritten: false,
          ranBefore: this.judgement.untouched,
          untouched: undefined,
        });
        break;
      case "handed-over":
        this.#handedOver(event);
        break;
      case "said":
        this.#said(event);
        break;
      case "failed":
        this.#failed(event);
        break;
      case "arriving":
        this.#checkRaised();
        this.#change({
          update: newUpdate(event.image),
          isFresh: true,
          isUnlucky: false,
          untouched: undefined,
          erases: this.#erasesPerUpdate === undefined ? undefined : new Map(),
        });
        break;
      case "arrived":
        this.#progress(this.#arrivalAsks ? "asked" : "there", this.#arrivalAsks);
        break;
      case "misused":
        this.condemn("flash-misuse", event.message);
        break;
      case "lowered":
        this.condemn("counter-lowered", event.message);
        break;
      case "missed":
        if (!this.judgement.isSpoilt) this.condemn("stuck-state", event.message);
        break;
      case "erased":
      case "clearing":
      case "cleared":
        break;
      case "disturbed":
        this.#disturbed(event);
        break;
    }
  }

  /** The loader, or whoever runs, changes flash, or a counter. */
  begins(unit: FlashUnit | undefined): void {
    if (unit?.kind === ItemKind.ERASE) this.#countErase(unit);
    const { running, hasWritten, role, update } = this.judgement;
    if (hasWritten) return;
    const isLoaders = running === undefined;
    this.#change({
      hasWritten: true,
      ...(!this.#confirmsAgain && { untouched: undefined }),
      ...(!this.#confirmsAgain && (!isLoaders || this.#moves) && { ranBefore: undefined }),
    });
    if (running === undefined || update === undefined) return;
    const asks = role === Role.REQUEST_TEST || role === Role.REQUEST_PERMANENT;
    if (asks && update.progress === "there") {
      this.#change({
        update: { ...update, progress: "asking", isPermanent: role === Role.REQUEST_PERMANENT },
      });
    }
    if (role === Role.CONFIRM && update.progress === "tried" && running === update.image)
      this.#progress("confirming");
  }

  /** What was confirmed before says so once more: no other image follows from that. */
  get #confirmsAgain(): boolean {
    const { role, running, base } = this.judgement;
    return role === Role.CONFIRM && running !== undefined && running === base;
  }

  /** A counter of the board is raised. */
  counted(value: number): void {
    if (this.#counters.size === 0) return;
    this.#change({ floor: Math.max(this.judgement.floor, value) });
    const most = Math.max(...this.#confirmable.map((image) => this.#counters.get(image) ?? 0), 0);
    if (value > most)
      this.condemn(
        "counter-raised-early",
        `a counter was raised to ${value}, and what is confirmed has ${most}`,
      );
  }

  /** Images of which nobody can say that they are not confirmed. */
  get #confirmable(): readonly string[] {
    const { base, update } = this.judgement;
    const known = base === undefined ? [] : [base];
    if (update === undefined || this.#isRefused(update.image)) return known;
    const { image, progress, isPermanent } = update;
    const isWanted = progress !== "there" || this.#arrivalAsks;
    const isConfirmable = this.reverts && !isPermanent ? progress === "confirming" : isWanted;
    return isConfirmable ? [...known, image] : known;
  }

  /** An update with this image must not run. */
  #isRefused(image: string): boolean {
    const { base } = this.judgement;
    return isBad(image) || (this.#refusesDowngrades && base !== undefined && isLower(image, base));
  }

  /** A start of an image that was confirmed before is over, and the counter has to have been raised to its. */
  #checkRaised(): void {
    const { base, previous, running, isFresh, floor } = this.judgement;
    if (!this.raises || running === undefined || running !== base || previous === undefined || isFresh)
      return;
    const counter = this.#counters.get(base);
    if (counter !== undefined && floor < counter)
      this.condemn(
        "counter-not-raised",
        `${base} was confirmed, and its counter is ${counter}: the board's is ${floor}`,
      );
  }

  /** What was under way may have come to an end or not. */
  afterCut(judgement: LoaderJudgement): LoaderJudgement {
    const known = this.#afterCuts.get(judgement);
    if (known !== undefined) return known;
    const { update, running, hasWritten } = judgement;
    const after: LoaderJudgement = {
      ...judgement,
      running: undefined,
      role: Role.NOTHING,
      isSafe: false,
      hasWritten: false,
      isFresh: false,
      untouched: undefined,
      ranBefore: undefined,
      update: update && afterCutOf(update, this.reverts && running === undefined && hasWritten),
    };
    this.#afterCuts.set(judgement, after);
    return after;
  }

  /** But for what is over with a start: whatever decides it then is memory's. */
  keyOf(judgement: LoaderJudgement): string {
    const { base, previous, update, isUnlucky, isSpoilt, untouched, ranBefore } = judgement;
    const { floor, wrong, excess, outcome } = judgement;
    const erases = judgement.erases && [...judgement.erases].sort();
    const known = [base, previous, update, isUnlucky, isSpoilt, untouched, ranBefore, erases];
    return JSON.stringify([...known, floor, wrong, excess, outcome]);
  }

  /** What it has come to counts; what follows can only be wrong. */
  conclude(): void {
    this.#checkRaised();
    const { isSafe, running, isUnlucky, base, outcome } = this.judgement;
    if (outcome !== undefined) return;
    if (isSafe) this.#change({ outcome: "safe-mode-told" });
    else if (running === undefined) this.condemn("harness-broken", "nothing runs, and nobody says so");
    else if (isUnlucky && running === base) this.#change({ outcome: "unlucky" });
    else this.#change({ outcome: running === FIRST_IMAGE ? "runs-old" : "runs-new" });
  }

  verdict(): Ending {
    const { wrong, excess, outcome } = this.judgement;
    return wrong ?? excess ?? outcome ?? { verdict: "harness-broken", message: "it came to no end" };
  }

  // What happens ----------------------------------------------------------------------------------------------

  #handedOver(event: EventOf<"handed-over">): void {
    const { image, tookMs } = event;
    if (this.#startMs !== undefined && tookMs > this.#startMs)
      this.#exceed("slow", `a start took ${tookMs.toFixed(1)} ms, more than ${this.#startMs}`);
    if (image === undefined) {
      this.#handedOverToNone(event);
      return;
    }
    const { update, base, hasWritten } = this.judgement;
    this.#change({ running: image, hasWritten: false, untouched: hasWritten ? undefined : image });
    const isTakenBack = this.reverts && image === base && update !== undefined && mayBeTakenBack(update);
    const counter = this.#counters.get(image) ?? Number.POSITIVE_INFINITY;
    const { floor } = this.judgement;
    // Before what follows from it: an image that is not wanted any more, or not yet.
    if (!isBad(image) && !isTakenBack) this.#comparedWith(image);
    if (isBad(image)) this.condemn("unverified-executed", `${image} runs, which must never run`);
    else if (
      counter < floor &&
      (image === base || image === update?.image || image === this.judgement.previous)
    )
      this.condemn(
        "below-floor",
        `${image} has the security counter ${counter}, and the board's is ${floor}`,
      );
    else if (image === update?.image && image !== base) this.#startedUpdate(update, event);
    else if (image === base) this.#startedBase(event);
    else if (image === this.judgement.previous)
      this.condemn("reverted-confirmed", `${image} runs again, though ${base} was confirmed`);
    else this.condemn("wrong-image", `${image} runs instead of ${base ?? "nothing"}`);
  }

  /** The same flash, though cells of it may read differently, starts the same image. */
  #comparedWith(image: string): void {
    const { ranBefore } = this.judgement;
    if (ranBefore !== undefined && ranBefore !== image)
      this.condemn("flapping", `${image} runs, and ${ranBefore} ran before, with nothing changed in between`);
  }

  #handedOverToNone({ slot, mixedOf }: EventOf<"handed-over">): void {
    if (mixedOf === undefined)
      this.condemn("unverified-executed", `what runs in ${slot} is no image that was ever given`);
    else
      this.condemn("mixed-image", `what runs in ${slot} is ${mixedOf} in part, and something else besides`);
  }

  #startedUpdate(update: Update, { whole }: EventOf<"handed-over">): void {
    const { base } = this.judgement;
    const { progress, image, isPermanent } = update;
    if (this.#isRefused(image)) {
      this.condemn("wrong-image", `${image} runs, a downgrade of ${base} that was to be refused`);
      return;
    }
    if (progress === "there" && !this.#arrivalAsks) {
      this.condemn("wrong-image", `${image} runs, which nobody asked for yet`);
      return;
    }
    // Half a request for good may be one for a trial, and its next start tells: nobody else can say whether it stays.
    const mayBeOnTrial = isPermanent && progress === "asking";
    if (!this.reverts || (isPermanent && !mayBeOnTrial)) {
      this.#confirmed(image);
      return;
    }
    if (progress === "tried") {
      this.condemn("unconfirmed-kept", `${image} is started again, though it never confirmed itself`);
      return;
    }
    this.#change({
      update: {
        ...update,
        progress: mayBeOnTrial || progress === "confirming" ? "confirming" : "tried",
        wasCutShort: false,
      },
    });
    if (base !== undefined && !isPermanent && !whole.includes(base))
      this.condemn("fallback-gone", `${image} is on trial, and ${base} is whole nowhere any more`);
  }

  #startedBase({ whole }: EventOf<"handed-over">): void {
    const { update, base } = this.judgement;
    if (update === undefined) return;
    const { image, progress, wasCutShort } = update;
    if (this.#isRefused(image)) {
      // It was refused, as it should be.
      if (progress !== "arriving") this.#change({ update: undefined });
      return;
    }
    const isGone = progress === "trying" && !whole.includes(image);
    const mayBeGone = !this.#keepsBoth || !update.isPromised || this.judgement.isSpoilt;
    if (progress === "tried" || progress === "confirming" || (isGone && mayBeGone)) {
      // Taken back: it is as if it had never come.
      this.#change({ update: undefined, isUnlucky: wasCutShort || progress === "trying" });
      return;
    }
    if (!MUST_TRY.includes(progress) && !isGone) return;
    if (this.judgement.isSpoilt) {
      // It could not be put where it has to go; whether it is tried again is the loader's.
      this.#progress("trying");
      return;
    }
    if (whole.includes(image))
      this.condemn("request-ignored", `${base} runs, though ${image} was asked for and is whole`);
    else this.condemn("lost-update", `${image} was asked for, never started, and is gone`);
  }

  /** What is done to flash or to an instruction lets the hart go on; all else ends its start, as a power cut does. */
  #disturbed({ how, isWriting }: EventOf<"disturbed">): void {
    const { update } = this.judgement;
    if (how === "bad-block") this.#change({ isSpoilt: true, untouched: undefined, ranBefore: undefined });
    // The hart goes on, and what was asked for may come to nothing.
    else if (how === "fails-once" || how === "skip")
      this.#change({ update: update && afterCutOf({ ...update, isPromised: false }, true) });
    else {
      if (isWriting) this.begins(undefined);
      this.judgement = this.afterCut(this.judgement);
    }
  }

  #said({ saying }: EventOf<"said">): void {
    const { update, running } = this.judgement;
    switch (saying) {
      case "confirmed":
        if (!this.#confirmsAgain) this.#change({ untouched: undefined });
        if (update !== undefined && running === update.image) this.#confirmed(update.image);
        break;
      case "requested":
        this.#change({ untouched: undefined });
        if (update !== undefined && update.progress !== "arriving") {
          const isPermanent = this.judgement.role === Role.REQUEST_PERMANENT;
          this.#change({ update: { ...update, progress: "asked", isPromised: true, isPermanent } });
        }
        break;
      case "safe":
        this.#change({ isSafe: true });
        break;
      default:
        break;
    }
  }

  #confirmed(image: string): void {
    const { base, previous } = this.judgement;
    this.#change({
      base: image,
      previous: image === base ? previous : base,
      update: undefined,
      isUnlucky: false,
      isFresh: true,
    });
  }

  #failed({ how, message, whole }: EventOf<"failed">): void {
    const good = whole.filter((name) => !isBad(name));
    const { isSafe, isSpoilt, base } = this.judgement;
    // What is whole, but where it cannot be started, cannot be copied any more. And what was there must not get lost.
    const hasNone = good.length === 0 && base === undefined;
    if (how === "no-image" && isSafe && (isSpoilt || hasNone)) return;
    if (how === "livelock" || how === "fault-loop") {
      this.condemn(how, message);
      return;
    }
    const lost = base === undefined ? "" : `, and ${base} is whole nowhere any more`;
    if (good.length === 0) this.condemn("bricked", `${how}: ${message}${lost}`);
    else this.condemn("bricked-but-whole", `${how}: ${message}, though ${good.join(" and ")} is whole`);
  }

  #countErase({ region, offset }: FlashUnit): void {
    const { erases } = this.judgement;
    const most = this.#erasesPerUpdate;
    if (erases === undefined || most === undefined) return;
    const sector = `0x${offset.toString(16)} of flash device ${region}`;
    const count = (erases.get(sector) ?? 0) + 1;
    this.#change({ erases: new Map(erases).set(sector, count) });
    if (count > most)
      this.#exceed("wear", `an update erased the sector at ${sector} more often than ${most} times`);
  }

  #exceed(verdict: BadLoaderVerdict, message: string): void {
    if (this.judgement.excess === undefined) this.#change({ excess: { verdict, message } });
  }

  #progress(progress: Progress, isPromised = this.judgement.update?.isPromised ?? false): void {
    const { update } = this.judgement;
    if (update !== undefined) this.#change({ update: { ...update, progress, isPromised } });
  }

  #change(changed: Partial<LoaderJudgement>): void {
    this.judgement = { ...this.judgement, ...changed };
  }
}

const FIRST_IMAGE = "old";

function isBad(image: string): boolean {
  return image.startsWith("bad-");
}

function newUpdate(image: string): Update {
  return { image, progress: "arriving", isPromised: false, isPermanent: false, wasCutShort: false };
}

/** It was started on trial; or it was half asked for without one, of which nobody can say what it is. */
function mayBeTakenBack({ progress, isPermanent }: Update): boolean {
  return progress === "tried" || (progress === "confirming" && isPermanent);
}

/** @param mayHaveNoted the loader had changed flash, and had started nothing yet */
function afterCutOf(update: Update, mayHaveNoted: boolean): Update {
  const { progress } = update;
  if (progress === "tried") return { ...update, wasCutShort: true };
  // What is asked for without a trial is there to stay: nobody notes that it is tried.
  const isOnTrial = mayHaveNoted && !update.isPermanent;
  if (isOnTrial && MAY_START.includes(progress)) return { ...update, progress: "trying" };
  return update;
}
