/**
 * Judges a device by what it does, against the table of states (world.ts).
 *
 * It follows the events of a device and keeps the worlds that may stand in its memory: those that are *settled*
 * (something outside depends on them), and those that a change under way may lead to. A power cut leaves one of
 * them all; what the device then starts must be what one of them says, and only that.
 * Invariant: a judgement (judgement.ts) is immutable, so a branch of the sweep takes it up again where it left.
 */
import type { Capability } from "../../../../controller/devices/capabilities.ts";
import { type EvidenceName, evidenceName } from "../../../../emulator/memory/evidence.ts";
import { explain, type OwedFailure, stillOwed } from "../../../faults/explanation.ts";
import type { Oracle as ExplorersOracle } from "../../explore/oracle.ts";
import type {
  FirstInstructionEvent,
  RequestedEvent,
  RequestKind,
  Rots,
  VirtualEvent,
} from "../virtual-event.ts";
import { type Difference, tableDifference } from "./difference.ts";
import { changed, type Judgement, Rotted, Unread } from "./judgement.ts";
import type { ManagementReader, Replica } from "./reader.ts";
import type { BadVerdict, GoodVerdict, Wrong } from "./verdict.ts";
import {
  activated,
  beingWritten,
  type Cause,
  change,
  cleared,
  confirmed,
  failed,
  floorRaised,
  mayRequest,
  mayRequestItself,
  mayRun,
  NONE,
  off,
  recovered,
  type Surroundings,
  standing,
  started,
  startedAnew,
  startedByOperator,
  type World,
  written,
} from "./world.ts";
import { distinct } from "./worlds.ts";

/** Evidence that says what a version did or did not do is a name of its own. */
const OWING: Partial<Record<EvidenceName, { readonly verdict: BadVerdict; readonly did: string }>> = {
  "never-ready": { verdict: "never-ready", did: "was not ready in time" },
  "host-protocol": { verdict: "broke-protocol", did: "posted to the host queue what no controller may post" },
  "overdue-command": { verdict: "not-served", did: "did not complete a command of the host in time" },
};

/** More starts than this without anything new from outside is going round in circles. */
const STARTS_MAX = 64;

export interface OracleParts extends Surroundings {
  readonly reader: ManagementReader;
  /** Failures of one region within the window, after which it is given up; null lifts it. */
  readonly budget: () => { readonly failures: number | null; readonly windowMs: number };
  /** The firmware's own count of served commands as it would read it; undefined where it keeps none that counts. */
  readonly served: () => number | "unreadable" | undefined;
  /** What the version that executes says it can do. */
  readonly can: (capability: Capability) => boolean;
  /** Every cell of flash has a value. */
  readonly settled: () => boolean;
}

export class Oracle implements ExplorersOracle<VirtualEvent, Judgement> {
  readonly #parts: OracleParts;
  judgement: Judgement;
  /** What a cut makes of a judgement: many cuts fall between the same two events. */
  readonly #cuts = new WeakMap<Judgement, Judgement>();

  constructor(parts: OracleParts, judgement: Judgement) {
    this.#parts = parts;
    this.judgement = judgement;
  }

  /** Power was lost: the judgement from which the next start is to be judged. */
  afterCut(judgement: Judgement): Judgement {
    const known = this.#cuts.get(judgement);
    if (known !== undefined) return known;
    const worlds = [...judgement.settled, ...judgement.passing, ...judgement.pending];
    const after = changed(judgement, {
      settled: distinct(worlds.map((world) => off(world))),
      passing: [],
      pending: [],
      running: [],
      starts: 0,
      owed: [],
      failures: judgement.failures.map(() => []),
      rotted: judgement.rotted & ~Rotted.UNDER_WAY,
      servedAtPowerOn: judgement.served,
      restarting: false,
      begun: [],
      loaded: NONE,
      end: undefined,
      region: NONE,
    });
    this.#cuts.set(judgement, after);
    return after;
  }

  get condemned(): boolean {
    return this.judgement.wrong !== undefined;
  }

  keyOf({ settled, first, running, rotted, unread, firmwareRotted, served }: Judgement): string {
    // At a start the one world that is left is what memory holds, to the word.
    const inMemory = running.length > 0 && settled.length === 1 && rotted === Rotted.NOTHING;
    return `${first} ${rotted} ${unread} ${firmwareRotted} ${served} ${inMemory ? "" : JSON.stringify(settled)}`;
  }

  /** What a case that ended here is; undefined when the device has not come to an end. */
  verdict(): GoodVerdict | Wrong {
    const { wrong, end, region, first } = this.judgement;
    if (wrong !== undefined) return wrong;
    if (end === "safe-mode") return "safe-mode-told";
    if (end === "ready") return region === first ? "runs-old" : "runs-new";
    return { verdict: "bricked", message: "no version became ready and no safe mode was told" };
  }

  observe(event: VirtualEvent): void {
    const { judgement } = this;
    if (judgement.wrong !== undefined) return;
    switch (event.type) {
      case "power-on":
        this.#onPowerOn();
        break;
      case "designated":
        this.#onDesignated(event.generation);
        break;
      case "first-instruction":
        this.#onFirstInstruction(event);
        break;
      case "ready":
        this.#onReady(event.region);
        break;
      case "detected":
        this.#onDetected(event.region, event.failure, event.timeMs);
        break;
      case "stopped":
        this.#onStopped(event.epoch);
        break;
      case "confirm-said":
        this.#onConfirmSaid(event.region);
        break;
      case "confirmed":
        this.#settle("the confirmation", () => true);
        break;
      case "safe-mode":
        this.#onSafeMode(event.reason);
        break;
      case "requested":
        this.#onRequested(event);
        break;
      case "acknowledged":
        this.#onAcknowledged(event.kind, event.region);
        break;
      case "refused":
        this.#onRefused(event.kind, event.region, event.message);
        break;
      case "completions":
        this.#set({ served: judgement.servedAtPowerOn + event.count });
        break;
      case "injected":
        this.#onInjected(event.rots);
        break;
      case "stuck":
        // A supervisor that finds memory not to hold what it stored ends, and is started again.
        if (judgement.rotted === Rotted.NOTHING)
          this.#wrong("bricked", `the supervisor stopped working: ${event.message}`);
        break;
      case "recovered":
        if (event.table !== undefined) this.#onRecovered();
        break;
    }
  }

  /** Something that has nothing to do with events was found to be wrong. */
  condemn(verdict: BadVerdict, message: string): void {
    if (this.judgement.wrong === undefined) this.#wrong(verdict, message);
  }

  /** A fault is done to the version that executes, or asked of it. */
  expect(fault: OwedFailure): void {
    this.#set({ owed: [...this.judgement.owed, fault] });
  }

  /** The host has checked the result of a command. */
  readonly onResult = (wrong: string | undefined): void => {
    if (wrong !== undefined && !this.#rotten && this.#parts.can("commands"))
      this.condemn("wrong-result", wrong);
  };

  #set(changes: Partial<Judgement>): void {
    this.judgement = changed(this.judgement, changes);
  }

  #wrong(verdict: BadVerdict, message: string): void {
    this.#set({ wrong: { verdict, message } });
  }

  // ── Starts ──────────────────────────────────────────────────────────────────────────────────────────────

  #onPowerOn(): void {
    const { reader } = this.#parts;
    let { settled } = this.judgement;
    if (this.judgement.rotted !== Rotted.NOTHING) settled = distinct([...settled, ...this.judgement.passing]);
    // Rot of all that was whole is a loss; anything else that leaves no whole replica is the device's own doing.
    const rotten = (this.judgement.rotted & Rotted.BOTH_REPLICAS) === Rotted.BOTH_REPLICAS;
    const lost = rotten && !reader.whole(0) && !reader.whole(1);
    if (lost)
      settled = settled.map(
        (world): World => (world.memory === "blank" ? world : change(world, { memory: "lost" })),
      );
    const made = settled.map((world) => recovered(world, this.#parts));
    const raised = made.map((world) => floorRaised(world, this.#parts));
    const pending = raised.map((world) => started(world, this.#parts));
    const passing = distinct([...made, ...raised]);
    // Whoever starts from nothing reads every region.
    this.#set({ settled, passing, pending: distinct(pending), unread: Unread.NOTHING });
  }

  /** What was read has been repaired, so that the next rot finds two whole replicas again. */
  #onRecovered(): void {
    const { reader } = this.#parts;
    const whole = reader.same() && reader.floorWhole();
    if (whole) this.#set({ rotted: Rotted.NOTHING });
    if (whole || (this.judgement.rotted & Rotted.UNDER_WAY) !== 0) return;
    const what = reader.same() ? "the security floor damaged" : "the replicas of the table different";
    this.#wrong(reader.same() ? "below-floor" : "two-primaries", `recovery left ${what}`);
  }

  #onInjected(rots: Rots): void {
    if (rots === "nothing") return;
    if (rots === "region") {
      const unread = this.judgement.pending.length > 0 ? Unread.ROT_UNDER_WAY : Unread.ROT;
      this.#set({ unread, firmwareRotted: true });
      return;
    }
    // A commit or a recovery may have chosen by now which replica it may spoil first.
    const underWay = this.judgement.pending.length > 0 ? Rotted.UNDER_WAY : Rotted.NOTHING;
    this.#set({ rotted: this.judgement.rotted | underWay | this.#hit(rots, underWay !== Rotted.NOTHING) });
  }

  /** The bits of what a flipped bit spoils. */
  #hit(rots: Exclude<Rots, "region" | "nothing">, underWay: boolean): number {
    if (rots === "floor") return Rotted.FLOOR;
    const replica: Replica = rots === "replica-0" ? 0 : 1;
    const other: Replica = replica === 0 ? 1 : 0;
    if (underWay || !this.#parts.reader.whole(other)) return Rotted.BOTH_REPLICAS;
    return Rotted.REPLICA << replica;
  }

  #onDesignated(generation: number): void {
    const { reader } = this.#parts;
    if ((this.judgement.rotted & Rotted.UNDER_WAY) !== 0) return;
    for (const replica of [0, 1] as const) {
      if (!reader.whole(replica) || reader.generation(replica) !== generation) {
        this.#wrong(
          "two-primaries",
          `generation ${generation} was published before replica ${replica} held it`,
        );
      }
    }
  }

  #onFirstInstruction(event: FirstInstructionEvent): void {
    const { region } = event;
    const { running, starts } = this.judgement;
    const other = running[0];
    if (other !== undefined) {
      this.#wrong(
        "two-primaries",
        `region ${region} was started while region ${other.region} was not stopped`,
      );
      return;
    }
    if (starts >= STARTS_MAX) {
      this.#wrong("livelock", `a version was started ${starts} times since the power came on`);
      return;
    }
    if (this.#tableUnread(`the start of region ${region}`)) return;
    const replica = this.#whole();
    const active = replica === undefined ? region : this.#parts.reader.active(replica);
    if (active !== region) {
      this.#wrong("two-primaries", `region ${region} was started, and region ${active} is designated`);
      return;
    }
    const expected = this.#readAgain();
    if (this.#settle(`the start of region ${region}`, (world) => world.runs === region)) {
      this.#onSettledStart(event);
    } else if (!expected.some((world) => world.runs === region)) {
      this.#wrong(...this.#classifyStart(region, expected));
    }
  }

  /** Of the worlds that memory admits those count that start the region for the reason which it is told. */
  #onSettledStart({ region, epoch, reason, trial }: FirstInstructionEvent): void {
    const { settled, starts, unread } = this.judgement;
    const told = settled.filter(
      (world) => world.reason === reason && (standing(world, region).state === "accepted") !== trial,
    );
    if (told.length === 0) {
      const what = `region ${region} reads ${reason} as BOOT_REASON and that it is ${trial ? "on trial" : "accepted"}`;
      this.#wrong("lost-update", `${what}; it is started for reason ${settled[0]?.reason}`);
      return;
    }
    this.#set({
      settled: told,
      running: [{ region, epoch }],
      starts: starts + 1,
      end: undefined,
      // What is about to execute was read just before, and all the others with it.
      unread: unread === Unread.ROT_UNDER_WAY ? Unread.ROT : Unread.NOTHING,
    });
  }

  /**
   * What may follow now. A region that rotted since it was decided is read again before it is started, and then it
   * is decided anew; whether the device saw the rot before its first decision cannot be told from outside.
   */
  #readAgain(): readonly World[] {
    const { pending, passing, settled, unread } = this.judgement;
    if (unread === Unread.NOTHING) return pending;
    const now = (worlds: readonly World[]) =>
      worlds.map((world) =>
        startedAnew(floorRaised(recovered(world, this.#parts), this.#parts), this.#parts),
      );
    // What has happened since is not forgotten over it: a failure that is pending is recorded in every world.
    const known = pending.length > 0 ? [...pending, ...passing] : settled;
    this.#set({ pending: distinct([...pending, ...now(known)]) });
    return this.judgement.pending;
  }

  /** A region was started that none of the worlds starts. */
  #classifyStart(region: number, expected: readonly World[]): [BadVerdict, string] {
    const { settled } = this.judgement;
    const image = this.#parts.holds(region);
    const ends = new Set(expected.map(({ runs }) => (runs === NONE ? "safe mode" : `region ${runs}`)));
    const should = [...ends].join(" or ");
    const instead = `region ${region} was started instead of ${should}`;
    if (image === undefined)
      return ["wrong-image", `${instead}; its bytes are no image that was ever verified`];
    const counter = this.#parts.image(image)?.counter ?? 0;
    const floor = Math.min(...expected.map((world) => world.floor));
    if (counter < floor)
      return ["below-floor", `${instead}; its security counter ${counter} is below ${floor}`];
    const admitted = settled.some((world) => mayRun(recovered(world, this.#parts), region, this.#parts));
    if (!admitted) return ["unconfirmed-kept", `${instead}; it may not run any more, or was never activated`];
    return ["lost-update", `${instead}: what was recorded or acknowledged before is lost`];
  }

  #onReady(region: number): void {
    const remembered = this.#parts.served();
    const { firmwareRotted, served } = this.judgement;
    const trusted = !firmwareRotted && remembered !== undefined && served > 0;
    if (trusted && (remembered === "unreadable" || remembered < served)) {
      const what = remembered === "unreadable" ? "cannot read how many it has" : `remembers ${remembered}`;
      this.#wrong("lost-data", `of ${served} commands that the host saw completed the firmware ${what}`);
      return;
    }
    this.#set({ end: "ready", region });
  }

  #onSafeMode(reason: string): void {
    const expected = this.#readAgain();
    if (reason === "") {
      this.#wrong("bricked", "safe mode was entered without a reason");
      return;
    }
    if (expected.some((world) => world.memory === "lost" && world.runs === NONE)) {
      this.#set({ end: "safe-mode", region: NONE });
      return;
    }
    const settled = this.#settle("safe mode", (world) => world.runs === NONE);
    if (settled) this.#set({ end: "safe-mode", region: NONE });
    else if (!expected.some(({ runs }) => runs === NONE)) {
      const regions = [...new Set(expected.map(({ runs }) => runs))].join(" or ");
      this.#wrong("bricked", `safe mode was entered although region ${regions} may run (${reason})`);
    }
  }

  // ── Changes ─────────────────────────────────────────────────────────────────────────────────────────────

  #onDetected(region: number, cause: Cause, timeMs: number): void {
    if (!this.#explained(region, cause)) return;
    const { settled, failures } = this.judgement;
    const budget = this.#parts.budget();
    const recent = [...(failures[region] ?? []), timeMs].filter(
      (failedMs) => failedMs > timeMs - budget.windowMs,
    );
    const overBudget = budget.failures !== null && recent.length > budget.failures;
    let pending = settled.map((world) => failed(world, cause, overBudget, this.#parts));
    let passing: readonly World[] = [];
    if (this.judgement.unread !== Unread.NOTHING) {
      // The device has not read the rotten region again yet: it does so before it starts it, and decides anew.
      passing = settled.map((world) => failed(world, cause, overBudget, this.#believing(world)));
      pending = [...pending, ...passing.map((world) => startedAnew(world, this.#parts))];
    }
    this.#set({
      failures: failures.map((times, at) => (at === region ? recent : times)),
      passing: distinct(passing),
      pending: distinct(pending),
      end: undefined,
    });
  }

  /** Whether anything explains the failure; else that is what is wrong. */
  #explained(region: number, { evidence, code, pc }: Cause): boolean {
    const { owed } = this.judgement;
    const name = this.#parts.holds(region) ?? "";
    const madeToFail = this.#parts.image(name)?.fails ?? [];
    const failure = { evidence: evidenceName(evidence), code };
    const explanation = explain(failure, {
      owed,
      madeToFail,
      rotten: this.#rotten,
      servesNobody: !this.#parts.can("queue"),
    });
    if (explanation !== undefined) {
      this.#set({ owed: stillOwed(owed, explanation) });
      return true;
    }
    const where = `code 0x${code.toString(16)}, pc 0x${pc.toString(16)}`;
    const { verdict, did } = OWING[failure.evidence] ?? {
      verdict: "failed-by-itself",
      did: `failed by ${failure.evidence} (${where})`,
    };
    const asked = owed.map(({ what, evidence: shows }) => `${what}, which shows by ${shows.join(" or ")}`);
    const done = asked.length === 0 ? "nothing was done to it" : `all that was done is ${asked.join("; ")}`;
    this.#wrong(verdict, `region ${region} (${name}) ${did}, and ${done}`);
    return false;
  }

  /** Bits that the version may have read, or code before it that left something in memory, flipped or are undecided. */
  get #rotten(): boolean {
    const { firmwareRotted, rotted } = this.judgement;
    return firmwareRotted || rotted !== Rotted.NOTHING || !this.#parts.settled();
  }

  /** What a device sees that has not read its regions since they rotted. */
  #believing(world: World): Surroundings {
    const { image, recovery } = this.#parts;
    return { image, holds: (region) => world.regions[region]?.image, recovery };
  }

  #onConfirmSaid(region: number): void {
    if (this.judgement.end !== "ready" && !this.#rotten) {
      this.#wrong("confirmed-too-soon", `region ${region} said that it works before it was ready`);
      return;
    }
    const recorded = this.judgement.settled.map((world) => confirmed(world));
    const raised = recorded.map((world) => floorRaised(world, this.#parts));
    if (this.judgement.unread !== Unread.NOTHING) {
      // The image may have rotted since it was read: whether it still counts for the floor cannot be told.
      raised.push(...recorded.map((world) => floorRaised(world, this.#believing(world))));
    }
    this.#set({ passing: recorded, pending: distinct(raised) });
  }

  /** Without a failure that is what an operator's restart leads to. */
  #onStopped(epoch: number): void {
    const { running, restarting, settled, pending } = this.judgement;
    const left = running.filter((version) => version.epoch !== epoch);
    this.#set({ running: left, restarting: false, begun: [] });
    if (!restarting) return;
    const { unread } = this.judgement;
    const raised = (pending.length > 0 ? pending : settled).map((world) => floorRaised(world, this.#parts));
    const next = raised.map((world) => startedByOperator(world, this.#parts));
    // A rotten region is read again before one is started, and then it is decided anew.
    if (unread !== Unread.NOTHING)
      next.push(...raised.map((world) => startedByOperator(world, this.#believing(world))));
    this.#set({ passing: distinct([...pending, ...raised]), pending: distinct(next), end: undefined });
  }

  #onAcknowledged(kind: RequestKind, region: number): void {
    if (this.judgement.request !== "to-refuse") {
      // Whoever clears a region or writes it anew gives it all of its budget.
      const { failures } = this.judgement;
      if (kind === "clear" || kind === "end-load")
        this.#set({ failures: failures.map((times, at) => (at === region ? [] : times)) });
      if (kind === "begin-load" && this.judgement.requester === "firmware")
        this.#set({ begun: [...this.judgement.begun, region] });
      this.#settle(`the acknowledged ${kind}`, () => true);
    } else {
      this.#wrong("unconfirmed-kept", `${kind} of region ${region} was done, and must be refused`);
    }
  }

  #onRefused(kind: RequestKind, region: number, message: string): void {
    if (this.judgement.request === "to-do") {
      this.#wrong("lost-update", `${kind} of region ${region} was refused, and must be done (${message})`);
    } else {
      this.#set({ pending: [], restarting: false });
    }
  }

  #onRequested({ by, kind, region, image: named }: RequestedEvent): void {
    const { begun, loaded } = this.judgement;
    const isOwn = by === "firmware";
    const may = this.judgement.settled.map((world) =>
      isOwn
        ? mayRequestItself(world, kind, region, begun.includes(region), this.#parts)
        : mayRequest(world, kind, region, this.#parts),
    );
    const refuse = may.includes(true) ? "open" : "to-refuse";
    const request = may.includes(false) ? refuse : "to-do";
    // Nobody is told when an operator's load ends that was given up.
    const isOpen = isOwn && region === loaded && request === "to-do";
    this.#set({ request: isOpen ? "open" : request, requester: by });
    if (!isOwn && kind === "begin-load") this.#set({ loaded: region });
    // It is to be begun anew, whatever comes of this; and an operator takes it away.
    if (kind === "begin-load" || kind === "end-load")
      this.#set({ begun: begun.filter((other) => other !== region) });
    // What firmware has written is what the region holds.
    const image = isOwn ? (this.#parts.holds(region) ?? "") : named;
    const change = (world: World): World => {
      switch (kind) {
        case "begin-load":
          return beingWritten(world, region, this.#parts);
        case "end-load":
          return written(world, region, image);
        case "activate":
        case "designate":
          return activated(world, region, this.#parts.recovery().trialTries);
        case "clear":
          return cleared(world, region, this.#parts.recovery().trialTries, this.#parts);
      }
    };
    const changed = this.judgement.settled.map(change);
    if (this.judgement.end !== "safe-mode") {
      const pending = distinct(changed);
      const restarting = kind === "designate" && pending.some((world) => world.next !== NONE);
      this.#set({ passing: [], pending, restarting });
      return;
    }
    // Nothing executes: what may run after the change is started at once.
    const raised = changed.map((world) => floorRaised(world, this.#parts));
    const pending = raised.map((world) => startedByOperator(world, this.#parts));
    this.#set({ passing: distinct([...changed, ...raised]), pending: distinct(pending) });
  }

  /**
   * Something outside depends on the change from now on: it must stand in memory, and of the worlds that it may
   * have led to only those count that do. False when none does.
   */
  #settle(what: string, admits: (world: World) => boolean): boolean {
    const candidates = this.judgement.pending.filter(admits);
    if (candidates.length === 0 || this.#tableUnread(what)) return false;
    const found = this.#whole();
    if (found === undefined) {
      this.#set({ settled: candidates, passing: [], pending: [] });
      return true;
    }
    const floor = this.#parts.reader.floor();
    const differences = candidates.map((world) => this.#difference(world, found));
    const held = candidates.filter((_, at) => differences[at] === undefined);
    const match = held.filter((world) => world.floor === floor);
    if (match.length > 0) {
      this.#set({ settled: match, passing: [], pending: [] });
      return true;
    }
    const [whole] = held;
    if (whole !== undefined) {
      const message = `after ${what} the security floor is ${floor ?? "damaged"} instead of ${whole.floor}`;
      this.#wrong("below-floor", message);
      return false;
    }
    const nearest = differences.reduce((a, b) => ((b?.grade ?? 0) <= (a?.grade ?? 0) ? b : a));
    if (nearest !== undefined) this.#wrong(nearest.verdict, `after ${what} ${nearest.message}`);
    return false;
  }

  /** Both replicas are to be whole and the same; rot excuses that. True when something is wrong. */
  #tableUnread(what: string): boolean {
    const same = this.#parts.reader.same();
    if (same && this.#parts.reader.floorWhole()) this.#set({ rotted: Rotted.NOTHING });
    const excused = (this.judgement.rotted & Rotted.BOTH_REPLICAS) !== 0;
    if (!same && !excused) {
      this.#wrong("two-primaries", `${what} came before both replicas held the same table`);
    }
    return !same && !excused;
  }

  /** A replica that is whole; undefined where rot left none. */
  #whole(): Replica | undefined {
    const { reader } = this.#parts;
    if (reader.whole(0)) return 0;
    return reader.whole(1) ? 1 : undefined;
  }

  #difference(world: World, replica: Replica): Difference | undefined {
    return tableDifference(world, this.#parts.reader, replica, this.#parts.image);
  }
}
