/**
 * The soak: a live device under seeded faults, each awaited and checked before the next.
 *
 * Nothing is asked of a version that it says it cannot do: what can be forced on its hart is done so instead. Invariants
 * checked after every failover are in {@link Soak} `#check`; each violation is one sentence, and what a busy machine does
 * not let judge is none (judgements.ts). The order of faults is a function of the seed: first every kind
 * once, then at random.
 */
import { Hart } from "../../controller/cpu/hart.ts";
import type { Capability } from "../../controller/devices/capabilities.ts";
import type { DigestsOf } from "../../emulator/api.ts";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { kindOf } from "../../emulator/base/errors.ts";
import { LinkError } from "../../emulator/base/link.ts";
import { Random } from "../../emulator/base/random.ts";
import { ownRunningTime } from "../../emulator/base/running-time.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import { formatVersion, type ImageVersion } from "../../emulator/base/version.ts";
import type { EvidenceName } from "../../emulator/memory/evidence.ts";
import { classifyReplicas } from "../../emulator/table/recovery.ts";
import { NO_REGION, nextGeneration, regionAt } from "../../emulator/table/table.ts";
import type { Device } from "../device/device.ts";
import type { Failover } from "../device/failover.ts";
import { asDoneTo, FAULTS, type Fault, failsOver, findFault } from "../faults/catalogue.ts";
import { explain, owedByFault } from "../faults/explanation.ts";
import { inject } from "../faults/injector.ts";
import { AskedFault, describeNotInjected, graceMs } from "./asked-fault.ts";
import { deadlineOf, Judgements, type NotJudged, type SoakFinding, WORK } from "./judgements.ts";
import { judgeRound, type OwnWork, type WorkRound } from "./own-work.ts";
import { RssSamples } from "./rss-samples.ts";
import { type FaultReport, Tally } from "./tally.ts";
import { type HistogramRow, Timing, type TimingSummary } from "./timing.ts";
import { submitFlush, submitIdentify, submitJob } from "./workload.ts";

export interface SoakOptions {
  readonly seed: number;
  /** The soak ends after this long, or after so many failovers, whichever comes first; null for no such end. */
  readonly durationMs: number | null;
  readonly failovers: number | null;
  /** Kinds to inject; null for all. */
  readonly kinds: readonly string[] | null;
}

export interface SoakProgress {
  /** Of the fault that comes next. */
  readonly kind: string;
  /** Of what was done so far: what is left of a soak whose process does not live to its end. */
  readonly report: SoakReport;
}

/** A failure that the soak did not inject: the firmware's own, and a finding. */
export interface SpontaneousFailure {
  readonly evidence: EvidenceName;
  /** "1.2.0" */
  readonly version: string;
  readonly pc: number;
  readonly count: number;
}

export interface SoakReport {
  readonly seed: number;
  readonly durationMs: number;
  readonly failovers: number;
  readonly hostCommands: number;
  /** Each in one sentence. */
  readonly violations: readonly string[];
  /** The same, each by what it is known again in another run. */
  readonly findings: readonly SoakFinding[];
  /** What nobody can say, because the machine was too busy. */
  readonly notJudged: readonly NotJudged[];
  /** Faults that were asked for and never took place: no violation, but nothing was shown either. */
  readonly notInjected: readonly SoakFinding[];
  readonly codeBytesCopied: number;
  readonly restartUs: TimingSummary;
  /** Restart times of the class `trap` alone: what the hand-off itself costs. */
  readonly trapRestartUs: TimingSummary;
  readonly histogram: readonly HistogramRow[];
  readonly faults: readonly FaultReport[];
  /** Kinds that a version says it does not do on request, and that cannot be forced on it. */
  readonly notAsked: readonly string[];
  /** Failures of the firmware's own, by what they were. They are failovers like the others, and checked like them. */
  readonly spontaneous: readonly SpontaneousFailure[];
  /** How often each check was made. */
  readonly checks: Readonly<Record<string, number>>;
  /** Of the supervisor process: at the start, after each quarter, at the end. */
  readonly rssBytes: readonly number[];
  /** Faults of the survival soak that followed, where one did: of the process, its memory and its power. */
  readonly survivalRounds?: number;
  /** Kinds that were not done, since they need another region that may run, and all others are below the security floor. */
  readonly leftOut?: readonly string[];
  /** Resident memory of the process that guards it, over the survival soak, where there was one. */
  readonly guardianRssBytes?: readonly number[];
}

/** Longest that anything may take before the soak calls it a violation and ends. */
const STEP_DEADLINE_MS = 10_000;
/** Jobs that the host has checked before each fault. */
const MAX_JOBS = 3;
const PROGRESS_MS = 200;
const FOUND_BY_EVIDENCE = "a fault is found by the evidence that it leaves";

export class Soak {
  readonly #device: Device;
  readonly #options: SoakOptions;
  readonly #digestsOf: DigestsOf;
  readonly #random: Random;
  /** Those that can be done to every version which has run so far. */
  #faults: readonly Fault[];
  readonly #notAsked: string[] = [];
  readonly #tallies = new Map<string, Tally>();
  readonly #restart = new Timing();
  readonly #trapRestart = new Timing();
  readonly #judgements: Judgements;
  readonly #ownWork: OwnWork | undefined;
  readonly #rss = new RssSamples();
  /** By region, the kinds after which its version went on: they are not done to it again. */
  readonly #inVain = new Map<number, Set<string>>();
  readonly #spontaneous = new Map<string, SpontaneousFailure>();
  /** Failovers that have come and were not handled yet. */
  readonly #arrived: Failover[] = [];
  #generation = 0;
  #failovers = 0;
  #commands = 0;
  #codeBytesCopied = 0;
  #digests: readonly string[] = [];
  #startedNs = 0;
  #ended = false;

  /** @param ownWork what is done before each fault in the place of the soak's own work */
  constructor(
    device: Device,
    options: SoakOptions,
    digestsOf: DigestsOf,
    ownWork?: OwnWork,
    judgements = new Judgements(),
  ) {
    this.#device = device;
    this.#ownWork = ownWork;
    this.#judgements = judgements;
    this.#options = options;
    this.#digestsOf = digestsOf;
    this.#random = new Random(options.seed);
    const { kinds } = options;
    this.#faults = kinds === null ? FAULTS : [...new Set(kinds)].flatMap((kind) => findFault(kind) ?? []);
  }

  /** Runs to its end, or to the first thing after which going on makes no sense. */
  async run(onProgress: (progress: SoakProgress) => void): Promise<SoakReport> {
    this.#startedNs = monotonicNs();
    if (!(await this.#until(() => this.#device.ready, "ready"))) return this.#report();
    this.#digests = await this.#digestsOf();
    this.#generation = this.#device.table.generation;
    const unlisten = this.#device.listen({ onFailover: (failover) => this.#arrived.push(failover) });
    try {
      await this.#rounds(onProgress);
    } catch (error) {
      // What the machine lacks, or is an accident of flipside's, says nothing of the device.
      const kind = kindOf(error);
      if (kind === undefined || kind === "resource") throw error;
      // Calls to workers have deadlines, too.
      const deadlineMs = error instanceof LinkError ? STEP_DEADLINE_MS : undefined;
      this.#judgements.late(deadlineMs, "nothing fails that the soak relies on", errorMessage(error));
    } finally {
      unlisten();
    }
    this.#rss.sample(1);
    const report = this.#report();
    // Work that throws ends the soak for whoever called it: they have all of it then.
    if (this.#ownWork !== undefined) onProgress({ kind: WORK, report });
    return report;
  }

  /** Ends it after the round that is under way, before its time. */
  end(): void {
    this.#ended = true;
  }

  async #rounds(onProgress: (progress: SoakProgress) => void): Promise<void> {
    let lastProgressNs = 0;
    this.#rss.sample(0);
    this.#askLess();
    for (const fault of this.#sequence()) {
      const nowNs = monotonicNs();
      this.#rss.sample(this.#share(nowNs));
      if (nowNs - lastProgressNs >= PROGRESS_MS * 1e6) {
        lastProgressNs = nowNs;
        onProgress({ kind: fault.kind, report: this.#report() });
      }
      if (this.#over() || !(await this.#round(fault))) return;
    }
  }

  /** Every kind once in random order, then kinds at random, for ever. */
  *#sequence(): Generator<Fault> {
    const first = [...this.#faults];
    while (first.length > 0) {
      const [fault] = first.splice(this.#random.below(first.length), 1);
      if (fault !== undefined && this.#faults.includes(fault)) yield fault;
    }
    while (this.#faults.length > 0) yield this.#random.pick(this.#faults);
  }

  #can(capability: Capability): boolean {
    return this.#device.capabilities.can.has(capability);
  }

  /** What the version that executes cannot be asked for, nor have forced on it, is done to none any more. */
  #askLess(): void {
    const isPossible = (fault: Fault): boolean =>
      asDoneTo(fault, this.#device.capabilities.can) !== undefined;
    this.#notAsked.push(...this.#faults.filter((fault) => !isPossible(fault)).map(({ kind }) => kind));
    this.#faults = this.#faults.filter(isPossible);
  }

  /** How much of the soak is over. */
  #share(nowNs: number): number {
    const { durationMs, failovers } = this.#options;
    const ofTime = durationMs === null ? 0 : (nowNs - this.#startedNs) / (durationMs * 1e6);
    return failovers === null ? ofTime : Math.max(ofTime, this.#failovers / failovers);
  }

  /** Every kind comes at least once, however short the soak. */
  #over(): boolean {
    if (this.#ended) return true;
    if (this.#options.failovers !== null && this.#failovers >= this.#options.failovers) return true;
    if (this.#isNothingLeft()) return true;
    const isOwed = this.#faults.some(({ kind }) => !this.#tally(kind).isTried);
    if (isOwed || this.#options.durationMs === null) return false;
    return monotonicNs() - this.#startedNs >= this.#options.durationMs * 1e6;
  }

  /** Whatever the version that executes could still be asked for would not bring the end nearer. */
  #isNothingLeft(): boolean {
    const counted = this.#options.failovers === null ? this.#faults : this.#faults.filter(failsOver);
    return counted.every(({ kind }) => this.#isInVain(kind));
  }

  /** One fault from a quiet device to a quiet device. False when the device did not come back. */
  async #round(fault: Fault): Promise<boolean> {
    const device = this.#device;
    const quiet = (): boolean =>
      device.ready && device.crew.standby !== undefined && this.#arrived.length === 0;
    this.#judgements.begin(WORK);
    if (!(await this.#work())) return false;
    this.#judgements.begin(fault.kind);
    // From here to the injection nothing is awaited once the device is quiet.
    while (!quiet()) {
      await this.#takeSpontaneous();
      const settled = (): boolean => quiet() || this.#arrived.length > 0;
      if (!(await this.#until(settled, "ready with a standby"))) return false;
    }
    this.#askLess();
    if (!this.#faults.includes(fault) || this.#isInVain(fault.kind)) return true;
    const done = asDoneTo(fault, device.capabilities.can) ?? fault;
    const tally = this.#tally(fault.kind);
    tally.injected++;
    if (done.origin === "forced") tally.fromOutside++;
    return failsOver(done) ? this.#failover(done, tally) : this.#standbyDeath(done, tally);
  }

  async #failover(fault: Fault, tally: Tally): Promise<boolean> {
    const asked = new AskedFault(this.#device, graceMs(fault, this.#device.limits));
    const injectedNs = inject(this.#device, fault, asked.onCompletion);
    const isOver = (): boolean => this.#arrived.length > 0 || asked.wentOn();
    if (!(await this.#until(isOver, `recovered from ${fault.kind}`, tally))) return false;
    const failover = this.#arrived.shift();
    if (failover === undefined) {
      this.#wentOn(fault, tally, asked);
      return true;
    }
    if (this.#explains(fault, failover)) tally.detected++;
    else this.#mistaken(fault, tally, failover, injectedNs);
    tally.recovered++;
    this.#time(fault, tally, failover, injectedNs);
    await this.#check(failover);
    return true;
  }

  /** The version that executes goes on as though nothing had happened. */
  #wentOn({ kind, origin }: Fault, tally: Tally, { status }: AskedFault): void {
    const { active } = this.#device.table;
    const { version } = regionAt(this.#device.table, active);
    const who = `firmware ${formatVersion(version)} in region ${active}`;
    this.#inVain.set(active, new Set(this.#inVain.get(active)).add(kind));
    if (origin === "forced") {
      const told = `${kind} was forced on the hart of ${who}, which went on as though nothing had happened`;
      this.#judgements.violate(FOUND_BY_EVIDENCE, told);
      return;
    }
    tally.notInject();
    const { saidBy } = this.#device.capabilities;
    this.#judgements.notInject(describeNotInjected(who, kind, status, saidBy));
  }

  /** The version that executes was asked for it, or had it forced on it, and went on. */
  #isInVain(kind: string): boolean {
    return this.#inVain.get(this.#device.table.active)?.has(kind) === true;
  }

  /** No bit rots here, and no image is made to fail: only the fault explains the failure. */
  #explains(fault: Fault, { failure }: Failover): boolean {
    const { evidence, code } = failure;
    const servesNobody = !this.#device.capabilities.can.has("queue");
    const owed = [owedByFault(fault)];
    return explain({ evidence, code }, { owed, madeToFail: [], rotten: false, servesNobody }) === owed[0];
  }

  /** Found, but not by what it must be found by. */
  #mistaken({ kind, evidence }: Fault, tally: Tally, { failure }: Failover, injectedNs: number): void {
    const afterMs = ((failure.detectedNs - injectedNs) / 1e6).toFixed(1);
    const found = `${kind} was found by ${failure.evidence} after ${afterMs} ms instead of ${evidence.join(" or ")}`;
    const told = `${found}: ${this.#whereItStood()}`;
    const deadlineMs = deadlineOf(failure.evidence, this.#device.limits);
    if (this.#judgements.late(deadlineMs, FOUND_BY_EVIDENCE, told)) tally.notJudged++;
  }

  /** The hart that failed, as it was kept: for whoever has to find out why. */
  #whereItStood(): string {
    const { hart } = this.#device.kept;
    const hex = (word: Hart): string => ((hart[word] as number) >>> 0).toString(16);
    const csrs = `mcause ${hex(Hart.MCAUSE)} mepc ${hex(Hart.MEPC)} mstatus ${hex(Hart.MSTATUS)}`;
    return `pc ${hex(Hart.PC)}, ${csrs} mie ${hex(Hart.MIE)} mip ${hex(Hart.MIP)}, ${this.#device.kept.retired} retired`;
  }

  /** What failed without being asked to: counted, and held to the same rules. */
  async #takeSpontaneous(): Promise<void> {
    for (let failover = this.#arrived.shift(); failover !== undefined; failover = this.#arrived.shift()) {
      const { failure, fromRegion } = failover;
      if (this.#excuses(failover)) {
        await this.#check(failover);
        continue;
      }
      const record = this.#device.table.regions[fromRegion];
      const version = record === undefined ? "" : formatVersion(record.version);
      const { evidence, pc } = failure;
      const key = `${version} ${evidence} ${pc}`;
      const count = (this.#spontaneous.get(key)?.count ?? 0) + 1;
      this.#spontaneous.set(key, { evidence, version, pc, count });
      if (count === 1) this.#failedByItself(failover, version);
      await this.#check(failover);
    }
  }

  /** Nothing was done to it: that is a finding, told once of each place. */
  #failedByItself({ failure, fromRegion }: Failover, version: string): void {
    const { evidence, pc, message } = failure;
    const where = `by ${evidence} at 0x${pc.toString(16)}${message === "" ? "" : ` (${message})`}`;
    const told = `failed-by-itself: firmware ${version} in region ${fromRegion} failed ${where}, and nothing was done to it`;
    this.#judgements.violate("failed-by-itself", told);
  }

  /** It failed by its lateness alone, on a machine that was too busy to say whose that was. */
  #excuses({ failure: { evidence, message } }: Failover): boolean {
    const deadlineMs = deadlineOf(evidence, this.#device.limits);
    return this.#judgements.excuse(deadlineMs, "no version fails by itself", `${evidence}: ${message}`);
  }

  /** The standby dies while parked: no failover, and another standby. */
  async #standbyDeath(fault: Fault, tally: Tally): Promise<boolean> {
    const device = this.#device;
    const { generation } = device.table;
    const injectedNs = inject(device, fault);
    if (!(await this.#until(() => device.crew.standby === undefined, "rid of a dead standby", tally)))
      return false;
    tally.detected++;
    tally.detect.recordNs(monotonicNs() - injectedNs);
    if (!(await this.#until(() => device.crew.standby !== undefined, "given another standby", tally)))
      return false;
    tally.recovered++;
    const runsOn = (): boolean => device.table.generation === generation && device.ready;
    // One that began is heard of when it is over.
    const isOver = (): boolean => this.#arrived.length > 0 || device.ready;
    if (!runsOn() && !(await this.#until(isOver, "ready again", tally))) return false;
    if (this.#arrived.length > 0 && this.#arrived.every((failover) => this.#excuses(failover))) {
      tally.notJudged++;
      for (const failover of this.#arrived.splice(0)) await this.#check(failover);
      return true;
    }
    this.#expect("a dead standby is no failover", runsOn());
    return true;
  }

  #time(fault: Fault, tally: Tally, failover: Failover, injectedNs: number): void {
    const { failure, firstInstructionNs, readyNs } = failover;
    // A hang has no moment of its own: it begins when the firmware was told to.
    const faultNs = fault.class === "hang" ? injectedNs : failure.faultNs;
    tally.detect.recordNs(failure.detectedNs - faultNs);
    if (readyNs > 0) tally.ready.recordNs(readyNs - faultNs);
    if (firstInstructionNs === 0) return;
    tally.restart.recordNs(firstInstructionNs - faultNs);
    this.#restart.recordNs(firstInstructionNs - faultNs);
    if (fault.class === "trap") this.#trapRestart.recordNs(firstInstructionNs - faultNs);
  }

  /** docs/design.md, "Invariants" and "The failover path". */
  async #check(failover: Failover): Promise<void> {
    this.#failovers++;
    const generationBefore = this.#generation;
    this.#generation = failover.generation;
    const device = this.#device;
    const { fromRegion, toRegion, failure } = failover;
    const replicas = classifyReplicas(device.nvram, device.layout.regions.length);
    const table = replicas.kind === "sound" ? replicas.table : undefined;
    this.#expect("both replicas are equal", table !== undefined);
    // A version may fail before it is ready, and its thread before it executes anything: the next failover is its.
    const { stoppedNs, designatedNs, firstInstructionNs, readyNs } = failover;
    const cameToRun = readyNs > 0 || failover.executedRegion !== NO_REGION;
    this.#expect("what executed first is the primary", !cameToRun || failover.executedRegion === toRegion);
    if (table?.generation === failover.generation) {
      this.#expect("one primary, which is the one that was started", table.active === toRegion);
      const told = table.regions[fromRegion]?.lastFailure.evidence === failure.evidenceCode;
      this.#expect("the table tells the failure", told);
    }
    if (this.#anotherMayRun(fromRegion)) {
      this.#expect("the primary is not the failed region", toRegion !== fromRegion);
    } else {
      this.#expect("the only region that may run is started again", toRegion === fromRegion);
    }
    this.#expect("the generation rose by 1", failover.generation === nextGeneration(generationBefore));
    this.#expect("no store into any region between stop and start", failover.storedBytes === 0);
    this.#expect("no instruction of the stopped version after its stop", failover.retiredAfterStop === 0);
    const { faultNs, detectedNs } = failure;
    const steps = [faultNs, detectedNs, stoppedNs, designatedNs];
    if (cameToRun) steps.push(firstInstructionNs);
    if (readyNs > 0) steps.push(readyNs);
    this.#expect(
      "fault, detected, stopped, designated, first instruction, ready in this order",
      steps.every((ns, i) => ns > 0 && ns >= (steps[i - 1] ?? 0)),
    );
    this.#codeBytesCopied += failover.storedBytes;
    const digests = await this.#digestsOf();
    this.#expect("code digests unchanged", digests.join() === this.#digests.join());
    if (table !== undefined) await this.#identify(failover, regionAt(table, toRegion).version);
  }

  /** Every region is whole and accepted in a soak, but one may be below the security floor. */
  #anotherMayRun(failed: number): boolean {
    const { images, floor } = this.#device.policy;
    return images.some(
      (facts, region) => region !== failed && !(facts.usable && facts.securityCounter < floor),
    );
  }

  /** The firmware itself says which version it is: no table and no supervisor has a part in that. */
  async #identify(failover: Failover, expected: ImageVersion): Promise<void> {
    if (!this.#can("commands")) return;
    let done = false;
    let answer: Parameters<Parameters<typeof submitIdentify>[1]>[0];
    const submitted = submitIdentify(this.#device, (version) => {
      done = true;
      answer = version;
    });
    this.#expect("the host queue takes a command", submitted);
    if (!submitted || !(await this.#until(() => done, "done with IDENTIFY"))) return;
    // Another one may have answered if a failover came between; that one is asked in its turn.
    if (answer === undefined || failover.bootEpoch !== this.#device.bootEpoch) return;
    const { major, minor, revision } = answer;
    const same = major === expected.major && minor === expected.minor && revision === expected.revision;
    this.#expect(
      "what executes is the version that the table designates",
      same,
      `${major}.${minor}.${revision}`,
    );
  }

  /** A few jobs whose results the host checks; of firmware that does not know them, that it completes commands. */
  async #work(): Promise<boolean> {
    if (!this.#can("queue")) return true;
    if (this.#ownWork !== undefined) return this.#workOfOthers(this.#ownWork);
    for (let jobs = this.#random.below(MAX_JOBS) + 1; jobs > 0; jobs--) {
      let done = false;
      let wrong: string | undefined;
      const checks = this.#can("commands");
      const onDone = (result?: string): void => {
        done = true;
        wrong = result;
      };
      const submitted = checks
        ? submitJob(this.#device, this.#random, onDone)
        : submitFlush(this.#device, () => onDone());
      this.#expect("the host queue takes a command", submitted);
      if (!submitted || !(await this.#until(() => done, "done with a host command"))) return false;
      this.#commands++;
      if (checks) this.#expect("a host command's result is right", wrong === undefined, wrong);
    }
    return true;
  }

  /** It may take its time; a command of it may not. */
  async #workOfOthers(work: OwnWork): Promise<boolean> {
    const rounds: WorkRound[] = [];
    void work().then((round) => rounds.push(round));
    const { host } = this.#device;
    while (rounds.length === 0) {
      const { oldest } = host;
      const isDone = (): boolean => rounds.length > 0 || host.oldest?.id !== oldest?.id;
      if (oldest === undefined) await this.#device.news();
      else if (!(await this.#until(isDone, "done with a host command"))) return false;
    }
    this.#commands += rounds.reduce((sum, { commands }) => sum + commands, 0);
    const when = `after failover ${this.#failovers}`;
    return rounds.every((round) => judgeRound(round, this.#judgements, when));
  }

  /**
   * Waits for something that the device's own events bring about, looking again at each turn of the event loop.
   * False, and a violation, when it does not come in time, of which what this process waited for processors is no part.
   * @param tally of the fault that it is to come after
   */
  async #until(condition: () => boolean, what: string, tally?: Tally): Promise<boolean> {
    const step = ownRunningTime(monotonicNs());
    while (!condition()) {
      if (step.passedNs(monotonicNs()) >= STEP_DEADLINE_MS * 1e6) {
        const told = `the controller was not ${what} within ${STEP_DEADLINE_MS} ms${this.#meanwhile()}`;
        const isExcused = this.#judgements.lateInRunningTime(`the controller gets ${what}`, told);
        if (isExcused && tally !== undefined) tally.notJudged++;
        return false;
      }
      await this.#device.news();
    }
    return true;
  }

  /** What failed while something was waited for. */
  #meanwhile(): string {
    const found = new Set(this.#arrived.map(({ failure }) => failure.evidence));
    return found.size === 0
      ? ""
      : `; meanwhile ${this.#arrived.length} failovers, found by ${[...found].join(", ")}`;
  }

  #expect(rule: string, holds: boolean, detail?: string): void {
    const told = `after failover ${this.#failovers}, not so: ${rule}`;
    this.#judgements.expect(rule, holds, detail === undefined ? told : `${told} (${detail})`);
  }

  #tally(kind: string): Tally {
    let tally = this.#tallies.get(kind);
    if (tally === undefined) {
      tally = new Tally();
      this.#tallies.set(kind, tally);
    }
    return tally;
  }

  #report(): SoakReport {
    const faults = this.#faults.map((fault) => this.#tally(fault.kind).report(fault.kind, fault.class));
    return {
      seed: this.#options.seed,
      durationMs: Math.round((monotonicNs() - this.#startedNs) / 1e6),
      failovers: this.#failovers,
      hostCommands: this.#commands,
      violations: this.#judgements.findings.map(({ message }) => message),
      findings: [...this.#judgements.findings],
      notJudged: [...this.#judgements.notJudged],
      notInjected: [...this.#judgements.notInjected],
      codeBytesCopied: this.#codeBytesCopied,
      restartUs: this.#restart.summary(),
      trapRestartUs: this.#trapRestart.summary(),
      histogram: this.#restart.histogram(),
      faults,
      notAsked: [...this.#notAsked],
      spontaneous: [...this.#spontaneous.values()],
      checks: this.#judgements.checks,
      rssBytes: this.#rss.bytes,
    };
  }
}
