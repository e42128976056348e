/**
 * The survival soak: one guarded controller whose supervisor process, memory emulator worker, power and bits of memory
 * are taken away under it, seeded, over and over; what was acknowledged must be there each time.
 *
 * Runs outside the supervisor process, which it kills: in the process of the command line.
 */
import { setTimeout as delay } from "node:timers/promises";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { afterRunning } from "../../emulator/base/deadline.ts";
import { kindOf } from "../../emulator/base/errors.ts";
import { Random } from "../../emulator/base/random.ts";
import { familyRunningTime } from "../../emulator/base/running-time.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import { DEFAULT_LIMITS, type DeviceConfig } from "../core/config.ts";
import type { Budget } from "../core/policy.ts";
import { MEMORY_DEATHS } from "../device/memory-owner.ts";
import type { Status } from "../device/status.ts";
import { failureAtOnce, faultClass, MEMORY_FAULTS, ROT_KINDS, type SoakKind } from "../faults/catalogue.ts";
import { Guardian, type Restart } from "../process/guardian.ts";
import { deadlineOf, Judgements, type NotJudged, type SoakFinding } from "../soak/judgements.ts";
import { RssSamples } from "../soak/rss-samples.ts";
import { type FaultReport, Tally } from "../soak/tally.ts";
import { crashLoop } from "./crash-loop.ts";
import { FailAtOnce } from "./fail-at-once.ts";
import { Spacing } from "./spacing.ts";
import { anotherMayRun, failuresOf, makeWhole, quiet, rot } from "./survival-rot.ts";

export interface SurvivalOptions {
  readonly seed: number;
  /** Ends after this long, but not before every kind came once. */
  readonly durationMs: number;
  readonly kinds: readonly string[];
  /** What a crash loop is to spend; as by default where it is absent. All else is done without a budget. */
  readonly budget?: Budget;
}

export interface SurvivalReport {
  readonly rounds: number;
  /** Kinds that need another region that may run, where all others are below the security floor. */
  readonly leftOut: readonly string[];
  /** Each in one sentence. */
  readonly violations: readonly string[];
  /** The same, each by what it is known again in another run. */
  readonly findings: readonly SoakFinding[];
  /** What nobody can say, because the machine was too busy. */
  readonly notJudged: readonly NotJudged[];
  /** Faults that were asked for and never took place. */
  readonly notInjected: readonly SoakFinding[];
  readonly faults: readonly FaultReport[];
  /** How often each check was made. */
  readonly checks: Readonly<Record<string, number>>;
  /** Of this process, the guardian's: at the start, after each quarter, at the end. */
  readonly rssBytes: readonly number[];
}

const KILL_AT_FAILOVER: SoakKind = "supervisor-kill-at-failover";
const CUT_IN_LOAD: SoakKind = "power-cut-in-load";
const ROT_AT_START: SoakKind = "rot-both-replicas-at-start";
const CRASH_LOOP: SoakKind = "crash-loop";

/** The region that rots may not run any more, and the other takes over or stands by. */
const NEEDING_ANOTHER: readonly string[] = ["rot-executing", "rot-standby", "unreadable-executing"];
/** After these a region, or the word that it is accepted, may be missing. */
const WITH_WRITING: ReadonlySet<string> = new Set([CUT_IN_LOAD, ROT_AT_START]);
/** A version fails under these: its failure may have been committed or not. */
const WITH_FAILURE: ReadonlySet<string> = new Set([KILL_AT_FAILOVER, "power-cut-in-commit"]);

/** A version is made to fail under these, by a fault of its own where it does that. */
const FAILING_AT_ONCE: ReadonlySet<string> = new Set([KILL_AT_FAILOVER, CRASH_LOOP, ...MEMORY_FAULTS.keys()]);

/** Longest delay of a SIGKILL after the fault that starts a failover: a failover takes a millisecond or so. */
const KILL_WITHIN_MS = 8;
/** A load of an image takes some tens of milliseconds. */
const CUT_WITHIN_MS = 40;
/** Rot reaches the flash file, and the scrub has most likely not come by. */
const ROT_KEPT_MS = 15;
/** Longest that a round may take, of these processes' running time, before it is a violation and the end. */
const ROUND_MS = 20_000;

/** A device that is asked how it is has answered by then, or does not. */
const ASKED_MS = 2_000;

export class SurvivalSoak {
  readonly #config: DeviceConfig & { readonly flashFile: string };
  readonly #guardian: Guardian;
  readonly #random: Random;
  readonly #options: SurvivalOptions;
  readonly #tallies = new Map<string, Tally>();
  readonly #judgements = new Judgements();
  readonly #rss = new RssSamples();
  readonly #failAtOnce = new FailAtOnce();
  readonly #memoryDeaths = new Spacing(MEMORY_DEATHS.most, MEMORY_DEATHS.windowMs);
  /** In which something was checked. */
  readonly #leftOut = new Set<string>();
  #rounds = 0;
  #ended = false;
  #abandoned = false;
  #onAbandoned: (why: string) => void = () => undefined;
  readonly #abandonment = new Promise<string>((resolve) => {
    this.#onAbandoned = resolve;
  });
  #onRestart: (restart: Restart) => void = () => undefined;

  /** @param config with a flash file of this soak's own, and no budget of failures */
  constructor(config: DeviceConfig & { readonly flashFile: string }, options: SurvivalOptions) {
    this.#config = config;
    this.#options = options;
    this.#random = new Random(options.seed);
    for (const kind of options.kinds) this.#tallies.set(kind, new Tally());
    this.#guardian = new Guardian(
      config,
      { restarts: null },
      { onRestart: (restart) => this.#onRestart(restart) },
    );
  }

  /** Ends it after the round that is under way, before its time. */
  end(): void {
    this.#ended = true;
  }

  /** Ends it at once: of what is under way nothing is said. */
  abandon(): void {
    this.#ended = true;
    this.#abandoned = true;
    this.#onAbandoned("it was ended");
    void this.#guardian.stop();
  }

  /** Runs to its end, or to the first thing after which going on makes no sense. */
  async run(onRound: (kind: string, rounds: number, violations: number) => void): Promise<SurvivalReport> {
    const startedNs = monotonicNs();
    const durationNs = this.#options.durationMs * 1e6;
    let begun = 0;
    await this.#guardian.start();
    try {
      for (const kind of this.#sequence()) {
        const elapsedNs = monotonicNs() - startedNs;
        this.#rss.sample(elapsedNs / durationNs);
        const isOver = (): boolean =>
          this.#ended || (begun >= this.#tallies.size && monotonicNs() - startedNs >= durationNs);
        if (MEMORY_FAULTS.has(kind)) await this.#memoryDeaths.room(isOver);
        if (isOver()) break;
        onRound(kind, this.#rounds, this.#judgements.findings.length);
        begun += 1;
        const { made } = this.#judgements;
        if (!(await this.#bounded(kind))) break;
        if (this.#judgements.made > made) this.#rounds += 1;
      }
    } finally {
      await this.#guardian.stop();
    }
    return this.#report();
  }

  /** Every kind once in random order, then kinds at random, for ever. */
  *#sequence(): Generator<string> {
    const kinds = [...this.#tallies.keys()];
    const first = [...kinds];
    while (first.length > 0) yield* first.splice(this.#random.below(first.length), 1);
    for (;;) yield this.#random.pick(kinds);
  }

  async #bounded(kind: string): Promise<boolean> {
    let inTime: () => void = () => undefined;
    const late = new Promise<string>((resolve) => {
      const onLate = (): void => resolve(`it did not come back within ${ROUND_MS} ms`);
      inTime = afterRunning(ROUND_MS, onLate, familyRunningTime(monotonicNs()));
    });
    this.#judgements.begin(kind);
    try {
      const failure = await Promise.race([this.#round(kind), late, this.#abandonment]);
      if (failure === undefined) return true;
      if (this.#abandoned) return this.#failed(kind, undefined);
      const told = this.#told(kind, `${failure}: ${await stateOf(this.#guardian)}`);
      const isExcused = this.#judgements.lateInRunningTime("a device comes back", told);
      if (isExcused) this.#tally(kind).notJudged += 1;
      return false;
    } catch (error) {
      return this.#failed(kind, error);
    } finally {
      inTime();
    }
  }

  /**
   * What a round ended by; whether there may be another one. What the machine lacks, or is an accident of flipside's, says
   * nothing of the device.
   */
  #failed(kind: string, error: unknown): boolean {
    if (this.#abandoned) {
      this.#tally(kind).notJudged += 1;
      return false;
    }
    const errorKind = kindOf(error);
    if (errorKind === undefined || errorKind === "resource") throw error;
    // A version fails by itself, and there is none to be asked at the moment.
    const deadlineMs = errorKind === "busy" ? this.#config.limits.heartbeatMs : undefined;
    const isExcused = this.#late(deadlineMs, kind, "a device does what it is asked", errorMessage(error));
    if (isExcused) this.#tally(kind).notJudged += 1;
    return isExcused;
  }

  /** One fault from a quiet device to a quiet device. */
  async #round(kind: string): Promise<undefined> {
    const device = this.#guardian;
    const tally = this.#tally(kind);
    if (FAILING_AT_ONCE.has(kind)) await this.#tryVersions();
    const before = await quiet(device);
    if (NEEDING_ANOTHER.includes(kind) && !anotherMayRun(before)) {
      this.#leftOut.add(kind);
      return;
    }
    const restarted = new Promise<Restart>((resolve) => {
      this.#onRestart = resolve;
    });
    tally.injected += 1;
    const injectedNs = monotonicNs();
    const expect = (rule: string, holds: boolean): void => this.#expect(kind, rule, holds);
    const rotKind = ROT_KINDS.find((known) => known === kind);
    if (kind === CRASH_LOOP) {
      await crashLoop(
        this.#config,
        this.#options.budget ?? DEFAULT_LIMITS.budget,
        this.#random,
        tally,
        (status) => this.#failAtOnce.kindFor(status),
        expect,
        (windowMs, rule, told) => this.#late(windowMs, kind, rule, told),
      );
      return;
    }
    if (rotKind !== undefined) {
      await rot(device, rotKind, this.#random.uint32(), before, tally, expect, (now) =>
        this.#excuses(kind, before, now),
      );
      await makeWhole(device, this.#config.images);
      tally.recovered += 1;
      return;
    }
    if (MEMORY_FAULTS.has(kind)) {
      await this.#memoryDeath(kind, before, tally, injectedNs);
      return;
    }
    await this.#inject(kind, before);
    const { detectedNs, startedNs, status } = await restarted;
    tally.detected += 1;
    tally.detect.recordNs(detectedNs - injectedNs);
    this.#compare(kind, before, status, tally);
    await device.call("standby", null);
    if (WITH_WRITING.has(kind)) await makeWhole(device, this.#config.images);
    this.#failedByItself(kind, status, await quiet(device), tally);
    tally.recovered += 1;
    tally.ready.recordNs(monotonicNs() - injectedNs);
    tally.restart.recordNs(startedNs - injectedNs);
  }

  /** What a version is asked for in vain is no fault of the round: told under its own name. */
  #tryVersions(): Promise<void> {
    return this.#failAtOnce.tryVersions(this.#guardian, (message) =>
      this.#judgements.notInject(message, failureAtOnce(["inject"]).kind),
    );
  }

  async #inject(kind: string, before: Status): Promise<void> {
    const device = this.#guardian;
    switch (kind) {
      case KILL_AT_FAILOVER:
        await device.call("inject", { kind: this.#failAtOnce.kindFor(before) });
        await delay(this.#random.below(KILL_WITHIN_MS));
        device.kill("SIGKILL");
        break;
      case ROT_AT_START:
        await device.call("inject", { kind: "rot-both-replicas", seed: this.#random.uint32() });
        await delay(ROT_KEPT_MS);
        device.kill("SIGKILL");
        break;
      case CUT_IN_LOAD: {
        const region = before.primary === 0 ? 1 : 0;
        const image = this.#config.images[region] as Uint8Array;
        // What becomes of the call is the cut's business.
        device.call("load", { region, image }).catch(() => undefined);
        await delay(this.#random.below(CUT_WITHIN_MS));
        await device.call("inject", { kind: "power-cut", seed: this.#random.uint32() });
        break;
      }
      default:
        await device.call("inject", { kind, seed: this.#random.uint32() });
    }
  }

  async #memoryDeath(kind: string, before: Status, tally: Tally, injectedNs: number): Promise<void> {
    const device = this.#guardian;
    this.#memoryDeaths.note();
    await device.call("inject", { kind });
    let now = before;
    while (now.memoryReplacements === before.memoryReplacements) now = await device.call("status", null);
    tally.detected += 1;
    tally.detect.recordNs(monotonicNs() - injectedNs);
    if (now.generation !== before.generation && this.#excuses(kind, before, now)) tally.notJudged += 1;
    else this.#expect(kind, "the controller runs on", now.generation === before.generation && now.ready);
    // Its answer waits until the failover is on stable storage: the other worker has taken over.
    const failover = device.call("nextFailover", null);
    await device.call("inject", { kind: this.#failAtOnce.kindFor(now) });
    await failover;
    tally.recovered += 1;
    tally.ready.recordNs(monotonicNs() - injectedNs);
  }

  /** @param after as it was right after the restart */
  #compare(kind: string, before: Status, after: Status, tally: Tally): void {
    this.#expect(kind, "a version executes", after.phase === "executing" && after.primary !== null);
    this.#expect(kind, "the flash file is kept", after.persistence === "on");
    this.#expect(kind, "the security floor is what it was", after.securityFloor === before.securityFloor);
    const executed = after.regions.find(({ region }) => region === after.primary);
    const whole = executed?.state !== "invalid" && executed?.version !== "";
    this.#expect(kind, "what executes is whole", whole);
    const risen = after.generation - before.generation;
    const counted = failuresOf(after) - failuresOf(before);
    // A table that was lost is made anew: it knows of no failure, and counts from 1.
    if (kind === ROT_AT_START && after.rebuilt) return;
    this.#expect(kind, "what was acknowledged is there", risen >= 0);
    if (!WITH_FAILURE.has(kind) && counted > 0 && this.#excuses(kind, before, after)) {
      tally.notJudged += 1;
      return;
    }
    if (kind === CUT_IN_LOAD) {
      this.#expect(kind, "no failure is counted", counted === 0);
      return;
    }
    const digests = (status: Status): string => status.regions.map(({ digest }) => digest).join();
    this.#expect(kind, "the images are what they were", digests(after) === digests(before));
    if (WITH_FAILURE.has(kind)) this.#expect(kind, "the old table or the new one counts", risen === counted);
    else this.#expect(kind, "no failure is counted", counted === 0 && risen === 0);
  }

  /** Since the restart nothing was done to any version: one that failed did so by itself. */
  #failedByItself(kind: string, started: Status, now: Status, tally: Tally): void {
    const failed = now.regions.find(
      ({ failures }, region) => failures > (started.regions[region]?.failures ?? 0),
    );
    if (failed === undefined) {
      this.#expect(kind, "no version fails by itself", true);
      return;
    }
    if (this.#excuses(kind, started, now)) {
      tally.notJudged += 1;
      return;
    }
    const { version, region, lastFailure, lastFailurePc } = failed;
    const where = `firmware ${version} in region ${region} failed by ${lastFailure} at 0x${lastFailurePc.toString(16)}`;
    const told = `failed-by-itself: ${where} after the restart, and nothing was done to it`;
    this.#judgements.violate("failed-by-itself", this.#told(kind, told));
  }

  /** Versions that failed by their lateness alone, on a machine that was too busy to say whose that was. */
  #excuses(kind: string, before: Status, after: Status): boolean {
    const deadlinesMs = after.regions.flatMap(({ failures, lastFailure }, region) =>
      failures > (before.regions[region]?.failures ?? 0)
        ? [deadlineOf(lastFailure, this.#config.limits)]
        : [],
    );
    if (deadlinesMs.length === 0) return false;
    const shortestMs = Math.min(...deadlinesMs.map((ms) => ms ?? Number.POSITIVE_INFINITY));
    const told = this.#told(kind, "a version failed by itself");
    return this.#judgements.excuse(shortestMs, "no version fails by itself", told);
  }

  #late(deadlineMs: number | undefined, kind: string, rule: string, told: string): boolean {
    return this.#judgements.late(deadlineMs, rule, this.#told(kind, told));
  }

  #expect(kind: string, rule: string, holds: boolean): void {
    this.#judgements.expect(rule, holds, this.#told(kind, `not so: ${rule}`));
  }

  #told(kind: string, what: string): string {
    return `after ${kind} in round ${this.#rounds}: ${what}`;
  }

  #tally(kind: string): Tally {
    const tally = this.#tallies.get(kind);
    if (tally === undefined) throw new RangeError(`there is no kind "${kind}"`);
    return tally;
  }

  #report(): SurvivalReport {
    const faults = [...this.#tallies].map(([kind, tally]) => tally.report(kind, faultClass(kind)));
    return {
      rounds: this.#rounds,
      leftOut: [...this.#leftOut],
      violations: this.#judgements.findings.map(({ message }) => message),
      findings: this.#judgements.findings,
      notJudged: this.#judgements.notJudged,
      notInjected: this.#judgements.notInjected,
      faults,
      checks: this.#judgements.checks,
      rssBytes: this.#rss.bytes,
    };
  }
}

/** What is to be known of a device that is waited for in vain. */
async function stateOf(device: Guardian): Promise<string> {
  try {
    const status = await Promise.race([
      device.call("status", null),
      delay(ASKED_MS, undefined, { ref: false }),
    ]);
    if (status === undefined) return `asked for its status, it says nothing for ${ASKED_MS} ms`;
    const { phase, primary, standby, ready, generation, reason, regions } = status;
    const states = regions.map(({ state, failures }) => `${state} with ${failures} failures`).join(", ");
    const where = `primary ${primary ?? "none"}${ready ? ", ready" : ", not ready"}, standby ${standby ?? "none"}`;
    return `${phase} (${reason}), ${where}, generation ${generation}, regions ${states}`;
  } catch (error) {
    return `asked for its status, it answers: ${errorMessage(error)}`;
  }
}
