/**
 * The survival soak: one guarded controller whose supervisor process, memory emulator worker and power are taken away
 * under it, seeded, over and over; what was acknowledged must be there each time.
 *
 * Runs outside the supervisor process, which it kills: in the process of the command line.
 */
import { monotonicNs } from "../emulator/clock.ts";
import { Random } from "../emulator/random.ts";
import type { DeviceConfig } from "./config.ts";
import { Guardian, type Restart } from "./guardian.ts";
import type { Status } from "./status.ts";
import { KILL_AT_FAILOVER, MEMORY_FAULT_KINDS, SURVIVAL_KINDS } from "./survival-kinds.ts";
import { type FaultReport, Tally } from "./tally.ts";

export interface SurvivalOptions {
  readonly seed: number;
  /** Ends after this long, but not before every kind came once. */
  readonly durationMs: number;
  /** Empty for all. */
  readonly kinds: readonly string[];
}

export interface SurvivalReport {
  readonly rounds: number;
  readonly violations: readonly string[];
  readonly faults: readonly FaultReport[];
  /** How often each check was made. */
  readonly checks: Readonly<Record<string, number>>;
}

const MEMORY_KINDS: ReadonlySet<string> = new Set(MEMORY_FAULT_KINDS);
/** A version fails under these: its failure may have been committed or not. */
const WITH_FAILURE: ReadonlySet<string> = new Set([KILL_AT_FAILOVER, "power-cut-in-commit"]);

/** Longest delay of a SIGKILL after the fault that starts a failover: a failover takes a millisecond or so. */
const KILL_WITHIN_MS = 8;
/** Longest that a round may take before it is a violation and the end. */
const ROUND_MS = 20_000;

export class SurvivalSoak {
  readonly #guardian: Guardian;
  readonly #random: Random;
  readonly #options: SurvivalOptions;
  readonly #tallies = new Map<string, Tally>();
  readonly #violations: string[] = [];
  readonly #checks = new Map<string, number>();
  #rounds = 0;
  #onRestart: (restart: Restart) => void = () => undefined;

  /** @param config with a flash file of this soak's own, and no budget of failures */
  constructor(config: DeviceConfig, options: SurvivalOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    const kinds = options.kinds.length > 0 ? options.kinds : SURVIVAL_KINDS;
    for (const kind of kinds) this.#tallies.set(kind, new Tally());
    this.#guardian = new Guardian(
      config,
      { restarts: null },
      { onRestart: (restart) => this.#onRestart(restart) },
    );
  }

  /** Runs to its end, or to the first thing after which going on makes no sense. */
  async run(onRound: (kind: string, rounds: number, violations: number) => void): Promise<SurvivalReport> {
    const endNs = monotonicNs() + this.#options.durationMs * 1e6;
    await this.#guardian.start();
    try {
      for (const kind of this.#sequence()) {
        if (this.#rounds >= this.#tallies.size && monotonicNs() >= endNs) break;
        onRound(kind, this.#rounds, this.#violations.length);
        if (!(await this.#bounded(kind))) break;
        this.#rounds += 1;
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
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(`it did not come back within ${ROUND_MS} ms`), ROUND_MS);
    });
    try {
      const failure = await Promise.race([this.#round(kind), late]);
      if (failure !== undefined) this.#violations.push(`after ${kind}: ${failure}`);
      return failure === undefined;
    } catch (error) {
      this.#violations.push(`after ${kind}: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  /** One fault from a quiet device to a quiet device. */
  async #round(kind: string): Promise<undefined> {
    const device = this.#guardian;
    const tally = this.#tallies.get(kind);
    if (tally === undefined) throw new RangeError(`there is no kind "${kind}"`);
    await device.call("standby", null);
    const before = await device.call("status", null);
    const restarted = new Promise<Restart>((resolve) => {
      this.#onRestart = resolve;
    });
    tally.injected += 1;
    const injectedNs = monotonicNs();
    if (MEMORY_KINDS.has(kind)) {
      await this.#memoryDeath(kind, before, tally, injectedNs);
      return;
    }
    await this.#hurt(kind);
    const { detectedNs, startedNs, status } = await restarted;
    tally.detected += 1;
    tally.detect.recordNs(detectedNs - injectedNs);
    this.#compare(kind, before, status);
    await device.call("standby", null);
    tally.recovered += 1;
    tally.ready.recordNs(monotonicNs() - injectedNs);
    tally.restart.recordNs(startedNs - injectedNs);
  }

  async #hurt(kind: string): Promise<void> {
    if (kind !== KILL_AT_FAILOVER) {
      await this.#guardian.call("inject", { kind });
      return;
    }
    await this.#guardian.call("inject", { kind: "ebreak" });
    const delayMs = this.#random.below(KILL_WITHIN_MS);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    this.#guardian.kill("SIGKILL");
  }

  async #memoryDeath(kind: string, before: Status, tally: Tally, injectedNs: number): Promise<void> {
    const device = this.#guardian;
    await device.call("inject", { kind });
    let now = before;
    while (now.memoryReplacements === before.memoryReplacements) now = await device.call("status", null);
    tally.detected += 1;
    tally.detect.recordNs(monotonicNs() - injectedNs);
    this.#expect(kind, "the controller runs on", now.generation === before.generation && now.ready);
    // Its answer waits until the failover is on stable storage: the other worker has taken over.
    const failover = device.call("nextFailover", null);
    await device.call("inject", { kind: "ebreak" });
    await failover;
    tally.recovered += 1;
    tally.ready.recordNs(monotonicNs() - injectedNs);
  }

  /** @param after as it was right after the restart */
  #compare(kind: string, before: Status, after: Status): void {
    const risen = after.generation - before.generation;
    const failures = (status: Status): number =>
      status.regions.reduce((sum, region) => sum + region.failures, 0);
    const counted = failures(after) - failures(before);
    this.#expect(kind, "what was acknowledged is there", risen >= 0);
    this.#expect(kind, "a version executes", after.phase === "executing" && after.primary !== null);
    this.#expect(kind, "the flash file is kept", after.persistence === "on");
    const digests = (status: Status): string => status.regions.map(({ digest }) => digest).join();
    this.#expect(kind, "the images are what they were", digests(after) === digests(before));
    if (WITH_FAILURE.has(kind)) this.#expect(kind, "the old table or the new one counts", risen === counted);
    else this.#expect(kind, "no failure is counted", counted === 0 && risen === 0);
  }

  #expect(kind: string, rule: string, holds: boolean): void {
    this.#checks.set(rule, (this.#checks.get(rule) ?? 0) + 1);
    if (!holds) this.#violations.push(`after ${kind} in round ${this.#rounds}, not so: ${rule}`);
  }

  #report(): SurvivalReport {
    const faults = [...this.#tallies].map(([kind, tally]) => tally.report(kind, "process"));
    return {
      rounds: this.#rounds,
      violations: this.#violations,
      faults,
      checks: Object.fromEntries(this.#checks),
    };
  }
}
