/**
 * The supervisor's policy as one pure reducer: (state, event) → (state, commands).
 *
 * What a failure does to the table is decided in controller/boot/transitions.ts, which region may run in
 * controller/boot/boot-rom.ts; here is decided when they are asked, and the budget. Invariants: after "stop" nothing is
 * commanded before the event "stopped"; a "commit" comes before the "execute" that depends on it, in one list; in
 * safe mode nothing is executed until an operator's event.
 */
import {
  type BootDecision,
  type BootInput,
  confirmedCounter,
  decideBoot,
  type RegionFacts,
} from "../../controller/boot/boot-rom.ts";
import { afterFailure, confirm, startTable } from "../../controller/boot/transitions.ts";
import { BootReason } from "../../controller/devices/status.ts";
import { type Failure, NO_REGION, regionAt, type Table } from "../../emulator/table/table.ts";

/** Failures of one region within windowMs of device time, after which it is invalid. */
export interface Budget {
  /** Null lifts the budget. */
  readonly failures: number | null;
  readonly windowMs: number;
}

export type Phase =
  | "off"
  /** A region is designated and to be executed; no worker executes it yet or it has just been woken. */
  | "executing"
  /** Evidence was taken; the version is being stopped. */
  | "stopping"
  | "safe-mode";

export interface PolicyState {
  readonly phase: Phase;
  /** What both replicas hold once the commands so far are performed. */
  readonly table: Table;
  readonly floor: number;
  /** Per region, as last read. */
  readonly images: readonly RegionFacts[];
  readonly budget: Budget;
  /** Per region, times of the failures within the window, oldest first. Volatile by design. */
  readonly recent: readonly (readonly number[])[];
  /** What is to be handled once the stop is sure. */
  readonly failure: PendingFailure;
  /** The version that executes is accepted. */
  readonly confirmed: boolean;
  /** What the last start was decided by, and why; undefined before the first. */
  readonly decision: BootDecision | undefined;
}

interface PendingFailure {
  readonly failure: Failure | undefined;
  readonly nowNs: number;
}
const NO_FAILURE: PendingFailure = { failure: undefined, nowNs: 0 };

/**
 * The state with some fields changed. Field by field, because a spread of objects of several shapes costs
 * microseconds, and the failover waits for this.
 */
function change(state: PolicyState, changes: Partial<PolicyState>): PolicyState {
  return {
    phase: changes.phase ?? state.phase,
    table: changes.table ?? state.table,
    floor: changes.floor ?? state.floor,
    images: changes.images ?? state.images,
    budget: state.budget,
    recent: changes.recent ?? state.recent,
    failure: changes.failure ?? state.failure,
    confirmed: changes.confirmed ?? state.confirmed,
    decision: changes.decision ?? state.decision,
  };
}

export type PolicyEvent =
  | { readonly type: "power-on"; readonly images: readonly RegionFacts[] }
  | { readonly type: "evidence"; readonly failure: Failure; readonly nowNs: number }
  /** The stop is sure: the engine answered or its thread has exited. */
  | { readonly type: "stopped" }
  /** The worker that was to execute died before its first instruction. */
  | { readonly type: "start-lost" }
  | { readonly type: "confirmed" }
  /** An operator's word, as the table that it makes of the one that counts; `restart`: the next start is now. */
  | { readonly type: "operator"; readonly table: Table; readonly restart: boolean }
  /** Every region was read again. `executing`: a version runs; else the designated one still waits for a worker. */
  | { readonly type: "inspected"; readonly images: readonly RegionFacts[]; readonly executing: boolean };

export interface ExecuteCommand {
  readonly type: "execute";
  readonly region: number;
  readonly reason: BootReason;
  readonly trial: boolean;
}

export type Command =
  | { readonly type: "stop" }
  | { readonly type: "commit"; readonly table: Table }
  /** Raise the security floor to this counter, if it is lower. */
  | { readonly type: "raise-floor"; readonly counter: number }
  | ExecuteCommand
  | { readonly type: "safe-mode"; readonly reason: string };

export interface Step {
  readonly state: PolicyState;
  readonly commands: readonly Command[];
}

export function initialState(table: Table, floor: number, budget: Budget): PolicyState {
  return {
    phase: "off",
    table,
    floor,
    images: [],
    budget,
    recent: table.regions.map(() => []),
    failure: NO_FAILURE,
    confirmed: false,
    decision: undefined,
  };
}

/** Decides which region a start from nothing runs. */
export type DecideBoot = (input: BootInput) => BootDecision;

export type Reduce = (state: PolicyState, event: PolicyEvent) => Step;

/** The policy of the live device. */
export const reduce: Reduce = (state, event) => reduceBy(decideBoot, state, event);

/**
 * The policy with another boot decision: it is asked at every start from nothing (power-on, a restart by an operator, the
 * way out of safe mode), and when what waits to be executed turns out to hold something else. What follows a failure is
 * controller/boot/transitions.ts's as before.
 */
export function policyWith(decide: DecideBoot): Reduce {
  return (state, event) => reduceBy(decide, state, event);
}

function reduceBy(decide: DecideBoot, state: PolicyState, event: PolicyEvent): Step {
  switch (event.type) {
    case "power-on":
      return start(decide, change(state, { images: event.images }), BootReason.POWER_ON);
    case "evidence": {
      if (state.phase !== "executing") return { state, commands: [] };
      const { failure, nowNs } = event;
      return {
        state: change(state, { phase: "stopping", failure: { failure, nowNs } }),
        commands: [{ type: "stop" }],
      };
    }
    case "stopped":
      return stopped(decide, state);
    case "start-lost":
      return state.phase === "executing"
        ? { state, commands: [execute(state.table, BootReason.RESTART)] }
        : { state, commands: [] };
    case "confirmed":
      return confirmed(state);
    case "operator":
      return operator(decide, state, event.table, event.restart);
    case "inspected":
      return inspected(decide, change(state, { images: event.images }), event.executing);
  }
}

/** What waits to be executed may turn out to hold no longer what was verified: then it is decided anew. */
function inspected(decide: DecideBoot, state: PolicyState, executing: boolean): Step {
  const { table, floor, images } = state;
  if (executing || state.phase !== "executing") return { state, commands: [] };
  if (decide({ table, floor, images }).region === table.active) return { state, commands: [] };
  return start(decide, state, BootReason.FAILOVER);
}

/** The region that a standby is to be prepared for: the one that would run if the primary failed now. */
export function standbyRegion(state: PolicyState): number {
  if (state.phase !== "executing" || state.table.active === NO_REGION) return NO_REGION;
  const failure: Failure = { evidence: 1, code: 0, pc: 0 };
  const { table, floor, images } = state;
  return afterFailure({ table, floor, images, failure, overBudget: false }).region;
}

/**
 * A start from nothing: the boot ROM's decision. The security floor is raised first, for a cut may have come between
 * the commit that confirmed a version and the raise that follows it.
 */
function start(decide: DecideBoot, state: PolicyState, reason: BootReason): Step {
  const floor = Math.max(state.floor, confirmedCounter(state.table, state.images));
  const decision = decide({ table: state.table, floor, images: state.images });
  const table = startTable(state.table, decision) ?? state.table;
  const commands: Command[] = floor === state.floor ? [] : [{ type: "raise-floor", counter: floor }];
  if (table !== state.table) commands.push({ type: "commit", table });
  return designated(change(state, { table, floor }), decision, reason, commands);
}

function stopped(decide: DecideBoot, state: PolicyState): Step {
  const { failure, nowNs } = state.failure;
  if (state.phase !== "stopping") return { state, commands: [] };
  if (failure === undefined) return start(decide, state, BootReason.ACTIVATION);
  const failed = state.table.active;
  const recent = withinWindow(state, failed, nowNs);
  const { failures } = state.budget;
  const overBudget = failures !== null && recent.length > failures;
  const { floor, images } = state;
  const outcome = afterFailure({ table: state.table, floor, images, failure, overBudget });
  const reason =
    outcome.action === "restart"
      ? BootReason.RESTART
      : outcome.action === "roll-back"
        ? BootReason.ROLL_BACK
        : BootReason.FAILOVER;
  const recents = state.recent.map((times, region) => (region === failed ? recent : times));
  const next = change(state, { table: outcome.table, failure: NO_FAILURE, recent: recents });
  const commit: Command = { type: "commit", table: outcome.table };
  return designated(next, outcome.decision, reason, [commit]);
}

/** Safe mode is left only so; what executes goes on unless it is to be restarted. */
function operator(decide: DecideBoot, state: PolicyState, table: Table, restart: boolean): Step {
  if (state.phase === "off" || state.phase === "stopping") return { state, commands: [] };
  const commit: Command[] = table === state.table ? [] : [{ type: "commit", table }];
  const recent = state.recent.map((times, region) =>
    state.table.regions[region]?.state === "invalid" && table.regions[region]?.state !== "invalid"
      ? []
      : times,
  );
  const next = change(state, { table, recent });
  if (state.phase === "safe-mode") {
    const started = start(decide, next, BootReason.ACTIVATION);
    return { state: started.state, commands: [...commit, ...started.commands] };
  }
  if (!restart) return { state: next, commands: commit };
  return {
    state: change(next, { phase: "stopping", failure: NO_FAILURE }),
    commands: [...commit, { type: "stop" }],
  };
}

/** The failures of a region that still count, with the one of now. */
function withinWindow(state: PolicyState, region: number, nowNs: number): readonly number[] {
  const fromNs = nowNs - state.budget.windowMs * 1e6;
  const times = (state.recent[region] ?? []).filter((timeNs) => timeNs > fromNs);
  const { failures } = state.budget;
  // Never more is remembered than it takes to be over the budget.
  return failures === null ? [] : [...times.slice(-Math.max(failures, 1)), nowNs];
}

/** Ends a list of commands with the execution of the region that was decided on, or with safe mode. */
function designated(
  state: PolicyState,
  decision: BootDecision,
  reason: BootReason,
  commands: readonly Command[],
): Step {
  if (decision.region === NO_REGION) {
    return {
      state: change(state, { phase: "safe-mode", confirmed: false, decision }),
      commands: [...commands, { type: "safe-mode", reason: decision.detail }],
    };
  }
  const accepted = regionAt(state.table, decision.region).state === "accepted";
  return {
    state: change(state, { phase: "executing", confirmed: accepted, decision }),
    commands: [...commands, execute(state.table, reason)],
  };
}

function execute(table: Table, reason: BootReason): ExecuteCommand {
  const region = table.active;
  return { type: "execute", region, reason, trial: regionAt(table, region).state !== "accepted" };
}

/** The floor follows the commit that confirms; a trial does not raise it. */
function confirmed(state: PolicyState): Step {
  if (state.phase !== "executing") return { state, commands: [] };
  const table = confirm(state.table);
  if (table === undefined) return { state: change(state, { confirmed: true }), commands: [] };
  const floor = Math.max(state.floor, confirmedCounter(table, state.images));
  return {
    state: change(state, { table, floor, confirmed: true }),
    commands: [
      { type: "commit", table },
      { type: "raise-floor", counter: floor },
    ],
  };
}
