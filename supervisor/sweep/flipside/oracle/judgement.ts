/**
 * What the oracle knows of a device at one moment, as a value.
 *
 * Invariant: a {@link Judgement} is immutable, and all are objects of one shape.
 */
import type { OwedFailure } from "../../../faults/explanation.ts";
import type { Requester } from "../virtual-event.ts";
import type { Wrong } from "./verdict.ts";
import { NONE, type World } from "./world.ts";

/** What rot hit since the management memory was last seen whole, as bits. */
export const enum Rotted {
  NOTHING = 0,
  /** Shifted by the replica's index. */
  REPLICA = 1,
  BOTH_REPLICAS = 3,
  FLOOR = 4,
  /** It came while memory was being read or stored: what the device had read before it, no longer stands. */
  UNDER_WAY = 8,
}

/** Whether a region was rotted since all were last read, so that the device may believe too long in what it read. */
export const enum Unread {
  NOTHING = 0,
  ROT = 1,
  /** It came while a start was decided: before or after the regions were read for that, nobody can tell. */
  ROT_UNDER_WAY = 2,
}

interface Running {
  readonly region: number;
  readonly epoch: number;
}

export interface Judgement {
  /** What stands if nothing more happens. */
  readonly settled: readonly World[];
  /** States on the way of a change that has begun, and what it ends in. */
  readonly passing: readonly World[];
  readonly pending: readonly World[];
  readonly running: readonly Running[];
  /** The region that was the primary when the power came on first. */
  readonly first: number;
  readonly starts: number;
  /** Per region, when it failed since power-on and since its standing was last put right, milliseconds. */
  readonly failures: readonly (readonly number[])[];
  /** {@link Rotted} */
  readonly rotted: number;
  readonly unread: Unread;
  /** A region was rotted, ever: firmware whose own code rots may store anything anywhere it is allowed to. */
  readonly firmwareRotted: boolean;
  /** Faults that were done or asked for since the power came on, and that no failure has answered yet. */
  readonly owed: readonly OwedFailure[];
  /** Commands that the host saw completed, counted over the device's life; the firmware remembers as many. */
  readonly served: number;
  readonly servedAtPowerOn: number;
  /** An operator has designated another region: the version that executes is being stopped for it. */
  readonly restarting: boolean;
  /** What is to become of the request that was made last, and whose it is. */
  readonly request: "to-do" | "to-refuse" | "open";
  readonly requester: Requester;
  /** Regions that the version which executes has begun to write, as it was told. */
  readonly begun: readonly number[];
  /** The region that an operator has begun to load last, whether that is over or not. */
  readonly loaded: number;
  /** Where the device has come to: a region that is ready, safe mode, or nothing yet. */
  readonly end: "ready" | "safe-mode" | undefined;
  readonly region: number;
  readonly wrong: Wrong | undefined;
}

interface Beginning {
  readonly first?: number;
  /** What may count instead if a replica rots before the first start. */
  readonly otherwise?: readonly World[];
  /** {@link Rotted} */
  readonly rotted?: number;
}

export function initialJudgement(world: World, beginning: Beginning = {}): Judgement {
  const { first = NONE, otherwise = [], rotted = Rotted.NOTHING } = beginning;
  return {
    settled: [world],
    passing: otherwise,
    pending: [],
    running: [],
    first,
    starts: 0,
    failures: world.regions.map(() => []),
    rotted,
    unread: Unread.NOTHING,
    firmwareRotted: false,
    owed: [],
    served: 0,
    servedAtPowerOn: 0,
    restarting: false,
    request: "open",
    requester: "operator",
    begun: [],
    loaded: NONE,
    end: undefined,
    region: NONE,
    wrong: undefined,
  };
}

/** Field by field: all judgements are objects of one shape, which is what makes them cheap. */
export function changed(judgement: Judgement, changes: Partial<Judgement>): Judgement {
  return {
    settled: changes.settled ?? judgement.settled,
    passing: changes.passing ?? judgement.passing,
    pending: changes.pending ?? judgement.pending,
    running: changes.running ?? judgement.running,
    first: judgement.first,
    starts: changes.starts ?? judgement.starts,
    failures: changes.failures ?? judgement.failures,
    rotted: changes.rotted ?? judgement.rotted,
    unread: changes.unread ?? judgement.unread,
    firmwareRotted: changes.firmwareRotted ?? judgement.firmwareRotted,
    owed: changes.owed ?? judgement.owed,
    served: changes.served ?? judgement.served,
    servedAtPowerOn: changes.servedAtPowerOn ?? judgement.servedAtPowerOn,
    restarting: changes.restarting ?? judgement.restarting,
    request: changes.request ?? judgement.request,
    requester: changes.requester ?? judgement.requester,
    begun: changes.begun ?? judgement.begun,
    loaded: changes.loaded ?? judgement.loaded,
    end: "end" in changes ? changes.end : judgement.end,
    region: changes.region ?? judgement.region,
    wrong: changes.wrong ?? judgement.wrong,
  };
}
