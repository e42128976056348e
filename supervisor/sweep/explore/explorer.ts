/**
 * Takes power at every point of a scenario, and in the recovery from that, and so on to a depth.
 *
 * The uncut run is executed once and its timeline walked backwards: undoing one item gives the memory that a cut
 * before it leaves, so no step of the run is executed twice. From there the power comes back: recovery, boot
 * decision, policy and firmware run to their end, the oracle judges, and what was stored is undone.
 *
 * Futures that are the same byte for byte are run once and counted apart: `cuts` counts all, `distinctFutures`
 * those that were run to their end. Persistent memory and what the oracle knows decide all that follows at the cut, for
 * all else is what power-on left, and at the join places of the start after it, which the subject tells. Of a future
 * that joins another one there only what comes before is run, and only that is cut again ({@link Plan.runAll} runs it
 * all; the verdicts are the same).
 *
 * Other faults go on in the run that they hit, so each is a run from the start; but of those that come to the same, by
 * the subject's word, one is enough, and none of those that there is nothing to do to.
 */

import { Random } from "../../../emulator/base/random.ts";
import { type Disturbance, endsRun, formatCaseId } from "./case-id.ts";
import { type FlashUnit, Interruption } from "./items.ts";
import type { Ending } from "./oracle.ts";
import { PathRunner, seedAt } from "./path-runner.ts";
import { JOIN_PLACES_MAX, type JoinPlace, type Script, type Subject } from "./subject.ts";

export interface Plan {
  /** Cuts in a row: 1 is every cut of the scenario, 2 also every cut of each recovery, … */
  readonly depth: number;
  readonly seed: number;
  /** Only first cuts whose item has this remainder: a part of the scenario. */
  readonly part: { readonly index: number; readonly of: number };
  /** All that can be done to the subject besides cuts, at every point, and pairs of that and a cut drawn by seed. */
  readonly faults: boolean;
  /** Run every future to its end, joined ones too, and every other fault; recall nothing. */
  readonly runAll: boolean;
}

/** The future goes on as one that was run before. One for each explorer: to make one costs more than a start. */
class Joined extends Interruption {
  override readonly name = "Joined";
  ending: Ending = "";

  constructor() {
    super("the future is known from here on");
  }
}

export interface Finding {
  readonly replay: string;
  readonly verdict: string;
  readonly scenario: string;
  /** What was done where, in the replay's notation; empty for the uncut run. */
  readonly cut: string;
  readonly message: string;
}

export interface ScenarioTally {
  readonly scenario: string;
  cuts: number;
  distinctFutures: number;
  /** Cases with a fault other than a cut. */
  faults: number;
  readonly verdicts: Record<string, number>;
  readonly findings: Finding[];
  /** What of it the subject does not do, and so was not asked: by the subject's own name; all of it is "scenario". */
  readonly leftOut?: string;
  readonly watchdog?: WatchdogPeriods;
  /** Instructions that could be left out, where some were to be: executed, undisturbed, in the code that was named for it. */
  readonly skippable?: number;
}

/** Hears what was counted so far of a script; the same object each time. */
export type Told = (soFar: ScenarioTally) => void;

/** The shortest periods of the subject's watchdog with which it never expires. */
export interface WatchdogPeriods {
  readonly uncutUs: number;
  /** After the worst cut or other disturbance; absent where there was none. */
  readonly disturbedUs?: number;
}

/** A join place that a future came by. */
interface Passed {
  readonly futures: Map<number, Ending>;
  readonly key: number;
  readonly holds: (() => boolean) | undefined;
}

type FaultKey = ReturnType<Subject<Script, unknown, unknown>["faultKey"]>;

/** Findings kept for one scenario and verdict: one is enough to act on. */
const FINDINGS_KEPT = 4;
/**
 * One future in so many, the first among them, is run twice and compared event by event; and so is the first of each
 * verdict that is wrong.
 */
const REPEATED_ONE_IN = 64;
/** Recoveries of a scenario that is not deep are themselves cut in one of so many units of flash, and all else. */
const SAMPLED_ONE_IN = 16;
/** Pairs of a fault and a cut, drawn for each scenario. */
const PAIRS = 48;
/** Most starts have fewer items than this until they are ready. */
const PAIR_START_ITEMS = 32;

/** Where a future may turn out to be one that was run before: at the cut, and behind it the subject's join places. */
const AT_CUT = 0;
const PLACES = 1 + JOIN_PLACES_MAX;
/** More than there are cuts in a row. */
const DEPTHS = 16;

function nondeterministic(blame: string | undefined): Ending {
  const message = `two runs from the same memory differ${blame === undefined ? "" : `: ${blame}`}`;
  return { verdict: "nondeterministic", message };
}

export function newScenarioTally(scenario: string): ScenarioTally {
  return { scenario, cuts: 0, distinctFutures: 0, faults: 0, verdicts: {}, findings: [] };
}

export class Explorer<S extends Script, Event, Judgement extends object> {
  readonly #subject: Subject<S, Event, Judgement>;
  readonly #plan: Plan;
  readonly #script: S;
  readonly #tally: ScenarioTally;
  readonly #random: Random;
  readonly #onCase: ((path: readonly Disturbance[], ending: Ending) => void) | undefined;
  #told: Told | undefined;
  readonly #runner: PathRunner<S, Event, Judgement>;
  /** By place, what the oracle knows, depth, and then content of memory: how that future ended. */
  readonly #futures = new Map<number, Map<number, Ending>>();
  /** What the oracle may know, numbered. */
  readonly #knowledgeNumbers = new Map<string, number>();
  readonly #knowledge = new WeakMap<Judgement, number>();
  /** By item of the uncut run, {@link Subject.faultKey} of each fault; and how what these tell apart ended. */
  readonly #faultKeys = new Map<number, readonly FaultKey[]>();
  /** Faults that are done at items. */
  readonly #itemFaults: readonly string[];
  readonly #faultEndings = new Map<string, Ending | undefined>();
  readonly #joined = new Joined();
  readonly #lookForJoin = (event: Event) => this.#join(event);
  /** Of the future that is being run: what was known at the cut, cuts still to come, places that it passed. */
  #known: Judgement;
  #depth = 0;
  readonly #passed: Passed[] = [];

  /** @param onCase is told of every case that is counted */
  constructor(
    subject: Subject<S, Event, Judgement>,
    script: S,
    plan: Plan,
    onCase?: (path: readonly Disturbance[], ending: Ending) => void,
  ) {
    this.#subject = subject;
    this.#plan = plan;
    this.#onCase = onCase;
    this.#script = script;
    this.#tally = newScenarioTally(script.name);
    this.#random = new Random(seedAt(plan.seed, plan.part.index));
    this.#runner = new PathRunner(subject, plan.seed);
    this.#known = subject.oracle.judgement;
    const { kinds = [] } = subject.instructionFaults ?? {};
    this.#itemFaults = subject.faults.filter((kind) => !kinds.includes(kind));
  }

  /** @param told is told after every case */
  explore(told?: Told): ScenarioTally {
    this.#told = told;
    const { part, faults, depth } = this.#plan;
    const { timeline } = this.#subject;
    this.#subject.recalls = !this.#plan.runAll;
    const differs = part.index === 0 ? this.#scrutinize() : undefined;
    if (differs !== undefined) {
      this.#count([], differs);
      return this.#tally;
    }
    if (faults) timeline.narrator = (_, index) => this.#noteFaultKeys(index);
    const ending = this.#runner.run(this.#script, []);
    timeline.narrator = undefined;
    if (part.index === 0) this.#count([], ending);
    if (typeof ending !== "string") return this.#tally;
    const items = timeline.length;
    if (faults) this.#noteFaultKeys(items);
    const between = faults ? (this.#subject.instructionFaults?.places(this.#random) ?? []) : [];
    this.#cutItems(0, depth, []);
    if (!faults) return this.#tally;
    this.#injectAtItems(items);
    for (let at = part.index; at < between.length; at += part.of) this.#inject(between.slice(at, at + 1));
    return this.#tally;
  }

  // ── Cuts ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Walks back from the timeline's end to item `from`, cutting at each. */
  #cutItems(from: number, depth: number, path: readonly Disturbance[]): void {
    const { timeline, flash } = this.#subject;
    for (let index = timeline.length; index >= from; index -= 1) {
      const chosen = this.#chosen(index, path.length);
      const unit = chosen ? timeline.unitAt(index) : undefined;
      const after = unit === undefined ? undefined : flash.read(unit);
      const begun = timeline.begunAt(index);
      timeline.rewind(index);
      if (!chosen) continue;
      const at = index - from;
      this.#branch([...path, { at, kind: "cut" }], depth);
      if (unit !== undefined && after !== undefined)
        this.#tearUnit(index, unit, { after, begun }, depth, at, path);
    }
  }

  /** Power goes while item `index`, which makes `unit` hold `after`, is under way, and that is known. */
  #tearUnit(
    index: number,
    unit: FlashUnit,
    { after, begun }: { readonly after: Uint8Array; readonly begun: Judgement | undefined },
    depth: number,
    at: number,
    path: readonly Disturbance[],
  ): void {
    const { memory, flash, oracle } = this.#subject;
    const { position } = memory;
    const { condition } = flash;
    if (begun !== undefined) oracle.judgement = begun;
    for (const how of flash.tears) {
      this.#subject.powerOff();
      if (!flash.tear(unit, after, how, seedAt(this.#plan.seed, index))) return;
      this.#branch([...path, { at, kind: how }], depth);
      memory.undoTo(position);
      flash.condition = condition;
    }
  }

  #chosen(index: number, cutsBefore: number): boolean {
    const { part } = this.#plan;
    if (cutsBefore === 0) return index % part.of === part.index;
    if (this.#script.deep || this.#subject.timeline.unitAt(index) === undefined) return true;
    return this.#random.below(SAMPLED_ONE_IN) === 0;
  }

  /** Power comes back here; afterwards everything is as it was. */
  #branch(path: readonly Disturbance[], depth: number): void {
    const { timeline, memory, flash, oracle } = this.#subject;
    const before = oracle.judgement;
    const { position } = memory;
    const { condition } = flash;
    const known = oracle.afterCut(before);
    this.#known = known;
    this.#depth = depth;
    const futures = this.#futuresOf(known, depth, AT_CUT);
    const key = flash.settled ? memory.stateKey() : undefined;
    const seen = key === undefined ? undefined : futures.get(key);
    if (seen !== undefined) {
      this.#count(path, seen);
      return;
    }
    const start = timeline.length;
    const ranBefore = this.#tally.distinctFutures;
    const ending = this.#futureOrJoin(known);
    this.#count(path, ending);
    if (key !== undefined) futures.set(key, ending);
    if (depth > 1 && typeof ending === "string") this.#cutItems(start, depth - 1, path);
    timeline.rewind(start);
    memory.undoTo(position);
    flash.condition = condition;
    oracle.judgement = before;
    const { distinctFutures, verdicts } = this.#tally;
    // Not each that joined it since.
    const isNew = distinctFutures > ranBefore;
    const isSampled = isNew && typeof ending === "string" && distinctFutures % REPEATED_ONE_IN === 1;
    // What was wrongly recalled may be what is found.
    const isFirstOfItsKind = typeof ending !== "string" && verdicts[ending.verdict] === 1;
    if (isSampled || isFirstOfItsKind) this.#repeat(path);
  }

  #futureOrJoin(known: Judgement): Ending {
    const { timeline } = this.#subject;
    this.#passed.length = 0;
    if (!this.#plan.runAll) timeline.afterEvent = this.#lookForJoin;
    try {
      const ending = this.#future(known);
      this.#tally.distinctFutures += 1;
      return this.#remember(ending);
    } catch (error) {
      if (error !== this.#joined) throw error;
      return this.#remember(this.#joined.ending);
    } finally {
      timeline.afterEvent = undefined;
    }
  }

  #remember(ending: Ending): Ending {
    for (const { futures, key, holds } of this.#passed) if (holds?.() !== false) futures.set(key, ending);
    return ending;
  }

  /** Of the start that follows a cut, at its join places. */
  #join(event: Event): void {
    const { timeline, oracle, flash } = this.#subject;
    const found = this.#subject.joinPlace(event, this.#known);
    if (found === undefined) return;
    if (found === "none" || found.last) timeline.afterEvent = undefined;
    if (found === "none" || oracle.condemned || !flash.settled) return;
    if (found.atLastCut !== true || this.#depth === 1) this.#joinAt(found);
  }

  #joinAt({ place, known, key = this.#subject.memory.stateKey(), holds }: JoinPlace<Judgement>): void {
    const futures = this.#futuresOf(known, this.#depth, place);
    const seen = futures.get(key);
    if (seen !== undefined) {
      this.#joined.ending = seen;
      throw this.#joined;
    }
    this.#passed.push({ futures, key, holds });
  }

  #future(known: Judgement): Ending {
    const { oracle } = this.#subject;
    oracle.judgement = known;
    this.#subject.comeBack(this.#script, this.#plan.seed);
    return oracle.verdict();
  }

  /**
   * Runs the future that starts here twice, once without recalling anything and forgetting what is in no state, and
   * compares what can be seen of it.
   */
  #repeat(path: readonly Disturbance[]): void {
    const { timeline, memory, flash, oracle } = this.#subject;
    if (!flash.settled) return;
    const before = oracle.judgement;
    const start = timeline.length;
    const { position } = memory;
    const { recalls, scrutiny } = this.#subject;
    const sums: (readonly number[])[] = [];
    const runs = [recalls, false].map((recalling, index) => {
      const seen: string[] = [];
      this.#subject.recalls = recalling;
      scrutiny?.begin(index === 1);
      timeline.narrator = (item) => seen.push(JSON.stringify(item));
      this.#future(oracle.afterCut(before));
      timeline.narrator = undefined;
      sums.push(scrutiny?.end() ?? []);
      seen.push(String(memory.stateKey()));
      timeline.rewind(start);
      memory.undoTo(position);
      oracle.judgement = before;
      return seen.join("\n");
    });
    this.#subject.recalls = recalls;
    const blame = this.#blame(sums);
    if (runs[0] !== runs[1] || blame !== undefined) this.#count(path, nondeterministic(blame));
  }

  /** Runs the script twice undisturbed; what is wrong with parts of the subject that do not do the same. */
  #scrutinize(): Ending | undefined {
    const { scrutiny } = this.#subject;
    if (scrutiny === undefined) return undefined;
    const sums = [false, true].map((forgets) => {
      scrutiny.begin(forgets);
      this.#runner.run(this.#script, []);
      return scrutiny.end();
    });
    const blame = this.#blame(sums);
    return blame === undefined ? undefined : nondeterministic(blame);
  }

  #blame([first = [], second = []]: readonly (readonly number[])[]): string | undefined {
    const parts = first.flatMap((sum, part) => (sum === second[part] ? [] : [part]));
    return parts.length === 0 ? undefined : this.#subject.scrutiny?.blames(parts);
  }

  /** How futures ended, by the content of memory, that were in this place with this knowledge of the oracle's. */
  #futuresOf(known: Judgement, depth: number, place: number): Map<number, Ending> {
    const key = (this.#knowledgeOf(known) * DEPTHS + depth) * PLACES + place;
    let futures = this.#futures.get(key);
    if (futures === undefined) {
      futures = new Map();
      this.#futures.set(key, futures);
    }
    return futures;
  }

  #knowledgeOf(known: Judgement): number {
    let knowledge = this.#knowledge.get(known);
    if (knowledge !== undefined) return knowledge;
    const text = this.#subject.oracle.keyOf(known);
    knowledge = this.#knowledgeNumbers.get(text) ?? this.#knowledgeNumbers.size;
    this.#knowledgeNumbers.set(text, knowledge);
    // Many cuts fall between the same two events; what is known at a start is a new value every time.
    if (known === this.#known) this.#knowledge.set(known, knowledge);
    return knowledge;
  }

  // ── Other faults ────────────────────────────────────────────────────────────────────────────────────────

  /** Before item `index` of the uncut run. */
  #noteFaultKeys(index: number): void {
    const { part, runAll } = this.#plan;
    if (runAll || index % part.of !== part.index) return;
    const keys = this.#itemFaults.map((kind) => this.#subject.faultKey(kind, index));
    this.#faultKeys.set(index, keys);
  }

  #injectAtItems(items: number): void {
    const { part } = this.#plan;
    const faults = this.#itemFaults;
    const { costly = false } = this.#script;
    for (let at = part.index; at <= items; at += part.of) {
      if (costly && this.#random.below(SAMPLED_ONE_IN) !== 0) continue;
      const keys = this.#faultKeys.get(at);
      for (const [index, kind] of faults.entries()) this.#injectOnce(at, kind, keys?.[index]);
    }
    if (!costly) this.#injectPairs(items);
  }

  #injectPairs(items: number): void {
    const { part } = this.#plan;
    const all = Array.from({ length: items }, (_, at) => at);
    for (let pair = part.index; pair < PAIRS; pair += part.of) {
      const [first, second] = [this.#random.below(items), this.#random.below(items)];
      const kind = this.#random.pick(this.#itemFaults);
      // Of a fault and a cut in one run the fault comes first; after a cut places count from the next start.
      if (pair % 2 === 0) {
        const [earliest, later] = [Math.min(first, second), Math.max(first, second)];
        // Where there is nothing that the fault could be done to it is done at the next item where there is.
        const at = all.find((item) => item >= earliest && this.#canInject(item, kind));
        if (at === undefined) continue;
        this.#inject([
          { at, kind },
          { at: Math.max(at, later), kind: "cut" },
        ]);
      } else {
        this.#inject([
          { at: first, kind: "cut" },
          { at: second % PAIR_START_ITEMS, kind },
        ]);
      }
    }
  }

  #canInject(at: number, kind: string): boolean {
    return this.#faultKeys.get(at)?.[this.#itemFaults.indexOf(kind)] !== "none";
  }

  /** What came to the same at another item is not run again. */
  #injectOnce(at: number, kind: string, key: FaultKey): void {
    if (key === "none") return;
    const path = [{ at, kind }];
    const name = key === undefined ? "" : `${kind} ${key}`;
    if (!this.#faultEndings.has(name)) {
      const ending = this.#inject(path);
      if (key !== undefined) this.#faultEndings.set(name, ending);
      return;
    }
    const seen = this.#faultEndings.get(name);
    if (seen !== undefined) this.#countFault(path, seen);
  }

  /** Undefined for a run that ended well and in which a disturbance was not done: it was another case. */
  #inject(path: readonly Disturbance[]): Ending | undefined {
    const ending = this.#runner.run(this.#script, path);
    if (!this.#runner.complete && typeof ending === "string") return undefined;
    this.#countFault(path, ending);
    return ending;
  }

  #countFault(path: readonly Disturbance[], ending: Ending): void {
    this.#tally.faults += 1;
    this.#count(path, ending);
  }

  // ── Counting ────────────────────────────────────────────────────────────────────────────────────────────

  #count(path: readonly Disturbance[], ending: Ending): void {
    const { verdicts } = this.#tally;
    const verdict = typeof ending === "string" ? ending : ending.verdict;
    this.#onCase?.(path, ending);
    if (path.some(endsRun)) this.#tally.cuts += 1;
    verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
    if (typeof ending !== "string") this.#keep(path, ending);
    this.#told?.(this.#tally);
  }

  #keep(path: readonly Disturbance[], { verdict, message }: Exclude<Ending, string>): void {
    const { findings, scenario } = this.#tally;
    if (findings.filter((finding) => finding.verdict === verdict).length >= FINDINGS_KEPT) return;
    const replay = formatCaseId({ scenario, path, seed: this.#plan.seed });
    const cut = replay.slice(replay.indexOf("@") + 1, replay.lastIndexOf("~"));
    findings.push({ replay, verdict, scenario, cut, message });
  }
}
