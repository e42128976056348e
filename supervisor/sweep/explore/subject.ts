/**
 * What can be explored: a device with memory that can be undone, and an oracle that judges it. Everything in this
 * folder knows a subject by these interfaces alone; what it is made of, what can be done to it besides cuts, and what
 * its verdicts are called is its own.
 */
import type { Random } from "../../../emulator/base/random.ts";
import type { Disturbance } from "./case-id.ts";
import type { TearableFlash, UndoLog } from "./memory.ts";
import type { Oracle } from "./oracle.ts";
import type { Timeline } from "./timeline.ts";

/** What is to happen to a subject; what else it says is between its author and the subject. */
export interface Script {
  /** Lower-case letters, digits and hyphens: it stands in case ids. */
  readonly name: string;
  /** Cuts in the recovery from a cut are complete; else those in and before units of flash are drawn by seed. */
  readonly deep: boolean;
  /** A run of it takes long: other faults than cuts are tried at some of its points only. */
  readonly costly?: boolean;
}

/** A place in the start that follows a cut from which on memory and `known` decide all. */
export interface JoinPlace<Judgement> {
  /** 1 for the first such place of a start, and so on. */
  readonly place: number;
  readonly known: Judgement;
  /** No other place follows. */
  readonly last: boolean;
  /** Of what decides, where that is more or less than what memory holds. */
  readonly key?: number;
  /**
   * It counts only where power is not cut any more: what does not decide is about to be erased, and a cut inside of that
   * leaves what there was.
   */
  readonly atLastCut?: true;
  /** Asked when what followed has come to its end: whether nothing but the key has decided it. */
  readonly holds?: () => boolean;
}

/** Faults between two instructions: `at` of a {@link Disturbance} with one of these counts instructions, not items. */
export interface InstructionFaults {
  readonly kinds: readonly string[];
  /** Where they are to be tried, asked when the undisturbed run has come to its end. */
  places(random: Random): readonly Disturbance[];
  /** Has the run that begins, or is under way, do it at its place. @param done called before it is done */
  arm(disturbance: Disturbance, done: () => void): void;
}

/** Parts of a subject that are somebody's own, which may keep things outside of the subject's state, and may not. */
export interface Scrutiny {
  /** A run begins. @param forgets whatever a part keeps elsewhere is forgotten at every opportunity */
  begin(forgets: boolean): void;
  /** By part a sum of all that it did in the run; equal where it did the same. */
  end(): readonly number[];
  /** What is wrong, in words, where these parts did not. */
  blames(parts: readonly number[]): string;
}

/** How many join places a start may have. */
export const JOIN_PLACES_MAX = 7;

/** One device, set up for one script after the other. */
export interface Subject<S extends Script, Event, Judgement> {
  readonly timeline: Timeline<Event, Judgement>;
  readonly memory: UndoLog;
  readonly flash: TearableFlash;
  readonly oracle: Oracle<Event, Judgement>;
  /** What else can be done to it, by the names that case ids have for it; none is called as a tear is. */
  readonly faults: readonly string[];
  /** From the next power-on: what earlier runs came to from the same state may be put in place instead of run again. */
  recalls: boolean;
  /** Parts of it that are somebody's own; undefined where it has none. */
  readonly scrutiny?: Scrutiny | undefined;
  /** Memory and oracle as before the script's first power-on. Begins the timeline anew. */
  setUp(script: S): void;
  /** Does what the script says, from its setup until the device has come to an end. Strict: what does not come to pass is wrong. */
  carryOut(script: S, seed: number, strict: boolean): void;
  powerOff(): void;
  /** Power comes back after a cut, until the device has come to an end, and has done what the script says of that. */
  comeBack(script: S, seed: number): void;
  /** Does one of {@link faults} to the device, now; false where there is nothing that it could be done to. */
  inject(kind: string, random: Random): boolean;
  /** What was injected waits for something that has not come. */
  readonly faultPending: boolean;
  /**
   * Equal at items of one run at which {@link inject} with `kind` comes to the same, for in between nobody has looked at
   * what it changes; "none" where there is nothing that it could be done to. Undefined where nothing is known of that.
   * @param item the one before which it would be done; the device is within it, or behind the last one
   */
  faultKey(kind: string, item: number): number | "none" | undefined;
  /** Those of {@link faults} that are done between instructions; absent: none is. */
  readonly instructionFaults?: InstructionFaults;
  /**
   * Whether the start that follows a cut is at a join place now that `event` has happened: undefined if not, "none" if
   * it will come to none any more.
   * @param atCut what was known at the cut
   */
  joinPlace(event: Event, atCut: Judgement): JoinPlace<Judgement> | "none" | undefined;
}
