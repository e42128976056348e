/** What a loader's oracle knows at a moment: an immutable value. */

import { Role } from "../../../controller/devices/reset-block.ts";
import type { ImageName } from "./images.ts";
import type { GoodLoaderVerdict, LoaderWrong } from "./verdict.ts";

/**
 * How far an update has come. arriving: its bytes are being written. there: they are written, and it is not asked for.
 * asking: whether it is asked for nobody can say. asked: that is acknowledged. trying: the loader may have noted that it
 * tries it. tried: it was started. confirming: whether it is confirmed nobody can say.
 */
export type Progress = "arriving" | "there" | "asking" | "asked" | "trying" | "tried" | "confirming";

export interface Update {
  readonly image: ImageName;
  readonly progress: Progress;
  /** That it is wanted was acknowledged, and nothing was done since that lets the loader do what it likes. */
  readonly isPromised: boolean;
  /** It was asked for without a trial. */
  readonly isPermanent: boolean;
  /** Something ended a start in which it was tried, before it could confirm. */
  readonly wasCutShort: boolean;
}

export interface LoaderJudgement {
  /** What must run where no update counts; undefined where nothing that is whole was ever given. */
  readonly base: ImageName | undefined;
  /** What was the base before the last update was confirmed. */
  readonly previous: ImageName | undefined;
  readonly update: Update | undefined;
  /** What is wanted of the application in this start. */
  readonly role: Role;
  /** The image that runs in this start; undefined before the hand-over. */
  readonly running: ImageName | undefined;
  /** A trial was taken back because it was cut short. */
  readonly isUnlucky: boolean;
  /** A block of flash has gone bad: what has to be written may not get there. */
  readonly isSpoilt: boolean;
  /** The last start ended in a safe state that was told. */
  readonly isSafe: boolean;
  /** The loader or application has changed flash in this start, before the hand-over. */
  readonly hasWritten: boolean;
  /** The highest value that any counter of the board holds. */
  readonly floor: number;
  /** The base was confirmed in this start, or it was looked at already whether its counter was raised. */
  readonly isFresh: boolean;
  /** The image that runs in this start, in which nothing has changed flash or counters. */
  readonly untouched: ImageName | undefined;
  /** {@link untouched} of the start before this one, where nothing was done in between that another image may follow from. */
  readonly ranBefore: ImageName | undefined;
  readonly wrong: LoaderWrong | undefined;
  /** What counts where nothing else is wrong: it runs, but took too much. */
  readonly excess: LoaderWrong | undefined;
  /** By sector, how often it was erased since the last update began to arrive; undefined before, or where nobody counts. */
  readonly erases: ReadonlyMap<string, number> | undefined;
  /** What a case is that goes on to be right; undefined before its loader has come to an end. */
  readonly outcome: GoodLoaderVerdict | undefined;
}

export function initialLoaderJudgement(base: ImageName | undefined): LoaderJudgement {
  return {
    base,
    previous: undefined,
    update: undefined,
    role: Role.NOTHING,
    running: undefined,
    isUnlucky: false,
    isSpoilt: false,
    isSafe: false,
    hasWritten: false,
    floor: 0,
    isFresh: false,
    untouched: undefined,
    ranBefore: undefined,
    wrong: undefined,
    excess: undefined,
    erases: undefined,
    outcome: undefined,
  };
}
