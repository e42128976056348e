/**
 * The engine that translates: hot code runs as WebAssembly, everything else in the interpreter, within one run
 * and with one count.
 *
 * The interpreter stops at marked entries (DecodedCode); there translated code takes over until it leaves, with
 * exact state, for one of the reasons of {@link Reason}; then the interpreter goes on from that instruction. So
 * every rare thing is done in one place, and both engines give the same run.
 *
 * What is hot: the interpreter is sampled where its run ends, and pcs at which translated code was left over
 * and over are counted. Translating is paid for: its time, which is measured, is never more than a share of that of
 * interpreting and of what translation has saved, which are estimated from what was retired. And an entry that is left
 * again at once, over and over, is none until more is translated. So however the firmware behaves this engine is hardly
 * slower than the interpreter.
 */
import { monotonicNs } from "../../emulator/base/clock.ts";
import { threadCpuNs } from "../../emulator/base/thread-time.ts";
import { engineCounters } from "../../emulator/memory/control.ts";
import { LINE_SHIFT } from "../../emulator/memory/layout.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";
import type { AccessGuard, AccessView } from "../cpu/access-guard.ts";
import { Access } from "../cpu/access-zones.ts";
import { type AddressRange, isWithin } from "../cpu/address-range.ts";
import { type AddressSpace, LineFlag, type MemoryRange, NOWHERE } from "../cpu/address-space.ts";
import type { DataPath } from "../cpu/data-path.ts";
import type { DecodedCode } from "../cpu/decoded-code.ts";
import { type Bus, type CodeCache, type Engine, Stop } from "../cpu/engine.ts";
import { Hart } from "../cpu/hart.ts";
import type { Interpreter, InterpreterParts } from "../cpu/interpreter.ts";
import { type CodeRange, isUnchanged, type TranslationReply, type TranslationRequest } from "./background.ts";
import type { Beside, BesideSubject } from "./beside.ts";
import { CodeCacheStore } from "./code-cache.ts";
import { TABLE_SLOTS } from "./code-table.ts";
import { Reason } from "./codegen.ts";
import { type CodeReader, fetchInstruction } from "./graph.ts";
import { EntryFinder } from "./hot-spots.ts";
import type { Segment } from "./memory-access.ts";
import { isAtomic, isControlTransfer, isTranslated, passesOn, RA } from "./registers.ts";
import { Counter, readStats, type TranslatorStats } from "./stats.ts";
import {
  DEFAULT_UNIT_LIMITS,
  type Pace,
  type Target,
  translateUnit,
  UNHURRIED,
  type Unit,
  type UnitLimits,
} from "./unit.ts";

export interface TranslatorOptions {
  readonly limits?: UnitLimits;
  /** How much time may go into translating for each that goes into interpreting. Default: a twentieth. */
  readonly share?: number;
  /** Has another thread translate while this one goes on; where it has none, this one does it. */
  readonly beside?: Beside;
  /** Translates at once whatever is met, at any price: for tests of what is generated, not of when. */
  readonly eager?: boolean;
}

/**
 * Guest calls nested in wasm calls before the dispatcher starts again from an empty stack. A frame of either
 * tier is below 1.5 KiB, and the smallest stack of a Node thread is some 900 KiB.
 */
const MAX_DEPTH = 200;
/** Below that entering and leaving translated code costs more than it saves. */
const MIN_TRANSLATED_RUN = 64;
/** A run in translated code ends after so many: V8 replaces a function's code only when it is called again. */
const TRANSLATED_SLICE = 2 ** 20;
/** By then V8 has replaced what is hot; and where a run ends, what is interpreted up to the next entry may be thousands. */
const SETTLED_INSTRUCTIONS = 2 ** 26;
const SETTLED_SLICE = 2 ** 24;
/**
 * While most is interpreted a run ends after so many, to see where it stands. To find out what that place belongs to takes
 * as long as thousands of instructions: so at first often, and then less and less, with a part of all that was interpreted.
 */
const FIRST_SAMPLE_SLICE = 2 ** 14;
const LAST_SAMPLE_SLICE = 2 ** 18;
const SAMPLE_SHARE = 1 / 64;
/** Where everything is translated at once, every place has to be met. */
const EAGER_SLICE = 2 ** 8;
/** While much is interpreted, though not most, beside what is translated. */
const MIXED_SLICE = 2 ** 17;
/** About what an instruction takes in the interpreter once V8 has compiled it, and how much of that translation saves. */
const INTERPRETED_NS = 1.5;
const SAVED_NS = 1.1;
/** Of translating: what V8 does for the first time takes longer than any unit after it. */
const FIRST_TRANSLATION_NS = 15e6;
const DEFAULT_SHARE = 0.05;
/** When so much has gone into translating, all that is asked for does not bring it back, whatever the share. */
const GENEROUS_NS = 500e6;
/** Where translating brings something, half of that goes into more of it. */
const SHARE_OF_SAVED = 0.5;
/** Times that translated code is left at a pc before that pc is translated. */
const EXIT_HEAT = 8;
/** So much hotter has it to be for each time that it was translated before. */
const AGAIN = 4;
/** Pcs whose heat is remembered; more are forgotten together. */
const MAX_HEAT_ENTRIES = 4096;
/** Times that a store is refused before it is looked at. */
const REFUSED_HEAT = 64;
/** What an entry brought is looked at after it was entered so often. */
const PAYOFF_ENTERS = 32;
/** Instructions that have to retire between entering and leaving, or the interpreter would have been as fast. */
const PAYOFF_INSTRUCTIONS = 256;
/**
 * Entries that do not pay are tried again once so many instructions have been interpreted for each, and each time somewhat
 * later: what they are left for may be translated by then, or proves hot only now.
 */
const DORMANT_INSTRUCTIONS = 2 ** 18;
const PATIENCE_FACTOR = 1.5;
/** Guest instructions that are translated before a start: more than any reference firmware has. */
const MAX_INSTRUCTIONS_AHEAD = 20_000;
/** A stretch that ends sooner, at an instruction that stays the interpreter's, is not worth entering. */
const MIN_STRETCH_AHEAD = 16;
/**
 * While the hart waits for a unit it takes in functions for so long, which is about a third of what the unit takes
 * then: one that is called and missing gets a unit of its own, when it proves hot.
 */
const DISCOVERY_NS = 5e6;
const NO_PC = -1;

/** What an entry has brought since it was last looked at. */
interface Payoff {
  enters: number;
  retired: number;
}

export class TranslatingEngine implements Engine, CodeCache {
  readonly #interpreter: Interpreter;
  readonly #hart: Int32Array;
  readonly #space: AddressSpace;
  readonly #code: DecodedCode;
  readonly #data: DataPath;
  readonly #bus: Bus;
  readonly #memory: WebAssembly.Memory;
  readonly #slot: number;
  readonly #limits: UnitLimits;
  readonly #eager: boolean;
  readonly #beside: Beside | undefined;
  readonly #besideSubject: BesideSubject = {
    copiesOf: (pc) => this.#store?.copiesOf(pc) ?? 0,
    request: () => this.#besideRequest(),
  };
  readonly #heat = new Map<number, number>();
  readonly #refused = new Map<number, number>();
  readonly #sharedPageAccesses = new Set<number>();
  readonly #payoffs = new Map<number, Payoff>();
  /** Entries that do not pay as long as nothing more is translated: left again at once. */
  readonly #dormant = new Set<number>();
  /** Instructions that have still to be interpreted before the dormant ones are tried again. */
  #untilRetry = 0;
  #patience = 1;
  readonly #reader: CodeReader;
  readonly #finder: EntryFinder;
  /** Made at the first translation: a standby that never runs and a short run need none. */
  #store: CodeCacheStore | undefined;
  readonly #guard: AccessGuard;
  #windowOffset = NOWHERE;
  /** Where a trigger may fire: no code begins there. */
  #watchedCode: readonly AddressRange[] = [];
  /** For which units are selected. */
  #view: AccessView;
  #markedGeneration = -1;
  /** Where the last run left translated code for good: how much is interpreted from there shows in the next one. */
  #leftAt = NO_PC;
  readonly #share: number;
  /** Nanoseconds that went into translating while running. */
  #spentNs = 0;
  /** How often each entry was translated because it proved hot: it has to be hotter each time. */
  readonly #made = new Map<number, number>();
  /** Nanoseconds of translating that are paid for. */
  #credit: number;
  #slice: number;
  /** {@link Counter}s of the slot. */
  readonly #counters: Float64Array;

  constructor(
    parts: InterpreterParts,
    interpreter: Interpreter,
    memory: WebAssembly.Memory,
    slot: number,
    options: TranslatorOptions = {},
  ) {
    this.#interpreter = interpreter;
    this.#hart = parts.hart;
    this.#space = parts.space;
    this.#code = parts.code;
    this.#data = parts.data;
    this.#bus = parts.bus;
    this.#guard = parts.guard;
    this.#view = parts.guard.view;
    this.#memory = memory;
    this.#slot = slot;
    this.#limits = options.limits ?? DEFAULT_UNIT_LIMITS;
    this.#eager = options.eager ?? false;
    this.#beside = options.beside;
    this.#share = options.share ?? DEFAULT_SHARE;
    // Where less than all of the time may go into it the first translation is paid for in advance.
    this.#credit = this.#share < 1 ? -FIRST_TRANSLATION_NS : 0;
    this.#reader = { parcel: (pc) => this.#parcel(pc), extensions: parts.extensions };
    this.#finder = new EntryFinder(this.#reader);
    this.#counters = engineCounters(memory, parts.space.layout, slot);
    this.#slice = this.#sampleSlice;
    this.#countLive();
    parts.data.addCodeCache(this);
  }

  run(maxInstructions: number): Stop {
    const interpreter = this.#interpreter;
    if (maxInstructions < MIN_TRANSLATED_RUN && !this.#eager) return interpreter.run(maxInstructions);
    this.#selectUnits();
    const early = interpreter.begin(Math.min(maxInstructions, this.#slice));
    if (early !== undefined) return early;
    const leftAt = this.#leftAt;
    this.#leftAt = NO_PC;
    const translated = this.#execute();
    const retired = this.#hart[Hart.RUN_RETIRED] as number;
    if (leftAt !== NO_PC) this.#beside?.left(leftAt, retired - translated);
    this.#account(retired, translated);
    return interpreter.finish();
  }

  /**
   * Between runs: translates what is reachable from `pc` before it runs, through instructions that stay the
   * interpreter's too, and has V8 compile it, which it would otherwise do at the first call. False if nothing there
   * can be translated.
   * @param goesOn asked at every step, as a {@link Pace} is; false ends it, with what there is by then
   */
  prepare(pc: number, goesOn: () => boolean = UNHURRIED.goesOn): boolean {
    this.#selectUnits();
    const store = this.#openStore();
    // With LIMIT at 0 every function comes back from its first look at it, the hart as it was.
    Atomics.store(this.#hart, Hart.LIMIT, 0);
    for (const { entries } of this.#translateAhead(pc >>> 0, goesOn)) {
      for (const entry of entries) {
        if (!goesOn()) return true;
        store.install(entry);
        store.run(entry | 0, 0, MAX_DEPTH);
      }
    }
    return store.entries > 0;
  }

  stats(): TranslatorStats {
    return readStats(this.#counters);
  }

  // Code that changes ----------------------------------------------------------------------------------------

  ramChanged(offset: number, bytes: number): void {
    if (this.#store?.ramChanged(offset, bytes) === true) this.#dropped();
  }

  dropRam(): void {
    if (this.#store?.verifyRam() === true) this.#dropped();
  }

  dropRegion(region: number, part?: AddressRange): void {
    const store = this.#store;
    if (store === undefined) return;
    const isDropped =
      part === undefined
        ? store.dropRegion(region)
        : store.dropMadeFrom(part.first, part.last - part.first + 1);
    if (isDropped) this.#dropped();
  }

  watchExecution(now: readonly AddressRange[], was: readonly AddressRange[]): void {
    this.#watchedCode = now;
    const store = this.#store;
    if (store === undefined) return;
    let dropped = false;
    for (const { first, last } of now) dropped = store.dropMadeFrom(first, last - first + 1) || dropped;
    for (const range of was) dropped = store.dropEndingIn(range) || dropped;
    if (dropped) this.#dropped();
  }

  #dropped(): void {
    this.#bus.tookLong();
    this.#count(Counter.drops, 1);
    this.#countLive();
    this.#heat.clear();
    this.#made.clear();
    this.#beside?.forget();
    this.#finder.forget();
    this.#judgeAnew();
  }

  // Running --------------------------------------------------------------------------------------------------

  /** Executes an open run to its end. Returns how many instructions translated code retired. */
  #execute(): number {
    const { observer } = this.#data;
    if (this.#store !== undefined) {
      this.#store.hostWatched = observer !== undefined && observer.ignoresHostMemory !== true;
    }
    const hart = this.#hart;
    const interpreter = this.#interpreter;
    let translated = 0;
    // Translated code refused to start because LIMIT is near, and nothing had retired yet.
    let nearLimit = false;
    // An entry whose instruction the interpreter has to execute now.
    let passedOver = NO_PC;
    for (;;) {
      this.#markEntries();
      if (passedOver !== NO_PC) this.#code.unmarkEntry(this.#code.indexOf(passedOver));
      passedOver = NO_PC;
      const stop = interpreter.proceed(!nearLimit);
      // What needs a second look may have changed: what is translated from here on is for that.
      this.#selectUnits();
      if (stop !== Stop.ENTRY) return translated;
      const store = this.#store;
      const pc = (hart[Hart.PC] as number) >>> 0;
      if (store === undefined || !store.has(pc)) {
        this.#code.unmarkEntry(this.#code.indexOf(pc));
        continue;
      }
      store.install(pc);
      const before = hart[Hart.RUN_RETIRED] as number;
      hart[Hart.PC] = store.run(pc | 0, before, MAX_DEPTH) & ~1;
      const retired = (hart[Hart.RUN_RETIRED] as number) - before;
      translated += retired;
      if (store.reason !== Reason.LIMIT) this.#judge(pc, retired);
      switch (store.reason) {
        case Reason.LIMIT:
          this.#count(Counter.exitsLimit, 1);
          this.#exitedAt((hart[Hart.PC] as number) >>> 0, (hart[Hart.RUN_RETIRED] as number) > 0);
          // A budget too small for any translated code is interpreted to its end; else the rest is left to
          // the next run, which the clock may have made longer by then.
          if ((hart[Hart.RUN_RETIRED] as number) > 0) return translated;
          nearLimit = true;
          break;
        case Reason.MISS:
          this.#count(Counter.exitsMiss, 1);
          this.#exitedAt((hart[Hart.PC] as number) >>> 0, false);
          break;
        default:
          passedOver = (hart[Hart.PC] as number) >>> 0;
          if (store.reason === Reason.ACCESS) this.#refusedAt(passedOver);
          else this.#count(Counter.exitsInterpret, 1);
      }
    }
  }

  /** The entry `pc` was left after so many instructions. One that does not pay is given back to the interpreter. */
  #judge(pc: number, retired: number): void {
    if (this.#eager) return;
    const payoff = this.#payoffs.get(pc) ?? { enters: 0, retired: 0 };
    if (payoff.enters === 0) this.#payoffs.set(pc, payoff);
    payoff.enters++;
    payoff.retired += retired;
    if (payoff.enters < PAYOFF_ENTERS) return;
    if (payoff.retired < PAYOFF_ENTERS * PAYOFF_INSTRUCTIONS) {
      this.#dormant.add(pc);
      this.#untilRetry += DORMANT_INSTRUCTIONS * this.#patience;
      this.#code.unmarkEntry(this.#code.indexOf(pc));
    }
    this.#payoffs.delete(pc);
  }

  #retryDormant(interpreted: number): void {
    this.#untilRetry -= interpreted;
    if (this.#untilRetry > 0) return;
    this.#patience *= PATIENCE_FACTOR;
    this.#judgeAnew();
  }

  /** What exists has changed, and so what entries bring. */
  #judgeAnew(): void {
    this.#payoffs.clear();
    this.#dormant.clear();
    this.#untilRetry = 0;
    this.#markedGeneration = -1;
  }

  /** Translated code was left at `pc`, which is no entry: if that happens often it becomes one. */
  #exitedAt(pc: number, isEndOfRun: boolean): void {
    if (this.#store?.has(pc) === true) return;
    if (this.#beside?.works === true) {
      if (isEndOfRun) this.#leftAt = pc;
      else this.#beside.left(pc);
      return;
    }
    if (!this.#mayTranslate()) return;
    const heat = (this.#heat.get(pc) ?? 0) + 1;
    if (this.#heat.size >= MAX_HEAT_ENTRIES) this.#heat.clear();
    this.#heat.set(pc, heat);
    const made = this.#made.get(pc) ?? 0;
    if (!this.#eager && heat < EXIT_HEAT * AGAIN ** made) return;
    this.#heat.delete(pc);
    if (this.#made.size >= MAX_HEAT_ENTRIES) this.#made.clear();
    this.#made.set(pc, made + 1);
    this.#translateRunning(pc);
  }

  /**
   * Translated code left a load or store at `pc` to the interpreter. If that is over and over a store to data
   * on a page that holds code as well, what contains it is translated anew, with a way to make such a store.
   */
  #refusedAt(pc: number): void {
    this.#count(Counter.exitsAccess, 1);
    const times = (this.#refused.get(pc) ?? 0) + 1;
    if (this.#refused.size >= MAX_HEAT_ENTRIES) this.#refused.clear();
    this.#refused.set(pc, times);
    if (times !== REFUSED_HEAT || this.#sharedPageAccesses.size >= MAX_HEAT_ENTRIES) return;
    const insn = fetchInstruction(this.#reader, pc);
    if (insn === undefined || isAtomic(insn.op)) return;
    const address = ((this.#hart[Hart.X + insn.rs1] as number) + insn.imm) >>> 0;
    const line = (address - RAM_BASE) >>> LINE_SHIFT;
    if (((this.#space.ramFlags[line] as number) & this.#view.storeFlags) !== LineFlag.CODE) return;
    this.#sharedPageAccesses.add(pc);
    if (this.#store?.dropMadeFrom(pc, insn.length) === true) this.#dropped();
  }

  /** Makes a store to a line with code on it, unless it changes code or somebody watches. 1 if it was made. */
  #storeToCodePage(address: number, size: number, value: number): number {
    const { bytes, ramFlags, ramOffset } = this.#space;
    const first = address - RAM_BASE;
    const flags =
      ((ramFlags[first >>> LINE_SHIFT] as number) | (ramFlags[(first + size - 1) >>> LINE_SHIFT] as number)) &
      this.#view.storeFlags;
    if (flags !== LineFlag.CODE || !this.#code.isFreeOfCode(ramOffset + first, size)) return 0;
    if (this.#store?.isCode(address, size) !== false) return 0;
    const { halves, words } = this.#space;
    const offset = ramOffset + first;
    if (size === 4 && (offset & 3) === 0) words[offset >>> 2] = value;
    else if (size === 2 && (offset & 1) === 0) halves[offset >>> 1] = value;
    else for (let at = 0; at < size; at++) bytes[offset + at] = value >> (8 * at);
    return 1;
  }

  #account(retired: number, translated: number): void {
    const interpreted = retired - translated;
    const share = this.#spentNs < GENEROUS_NS ? this.#share : DEFAULT_SHARE;
    this.#credit += interpreted * INTERPRETED_NS * share + translated * SAVED_NS * SHARE_OF_SAVED;
    this.#count(Counter.retiredTranslated, translated);
    this.#count(Counter.retiredInterpreted, interpreted);
    if (this.#dormant.size > 0) this.#retryDormant(interpreted);
    if (this.#beside?.works === true) {
      this.#lookBeside(this.#beside, retired, interpreted);
      return;
    }
    if (interpreted * 2 <= retired) {
      this.#slice = Math.min(this.#slice * 2, this.#translatedSlice);
      return;
    }
    this.#slice = this.#sampleSlice;
    if (!this.#mayTranslate()) return;
    this.#translateRunning((this.#hart[Hart.PC] as number) >>> 0);
  }

  get #translatedSlice(): number {
    const isSettled = (this.#counters[Counter.retiredTranslated] as number) > SETTLED_INSTRUCTIONS;
    return isSettled ? SETTLED_SLICE : TRANSLATED_SLICE;
  }

  get #sampleSlice(): number {
    if (this.#eager) return EAGER_SLICE;
    const share = Math.trunc((this.#counters[Counter.retiredInterpreted] as number) * SAMPLE_SHARE);
    return Math.min(Math.max(share, FIRST_SAMPLE_SLICE), LAST_SAMPLE_SLICE);
  }

  /** It is paid for, and nobody waits: translating takes milliseconds. */
  #mayTranslate(): boolean {
    return this.#eager || (this.#credit >= 0 && this.#isUnasked);
  }

  /** No other thread wants the hart to leave run(). */
  get #isUnasked(): boolean {
    return Atomics.load(this.#hart, Hart.ATTENTION) === 0;
  }

  /** Marks every entry in the decoded code, unless none has been lost since. */
  #markEntries(): void {
    const code = this.#code;
    if (this.#store === undefined || code.generation === this.#markedGeneration) return;
    this.#markedGeneration = code.generation;
    for (const pc of this.#store.entryPcs()) {
      if (!this.#dormant.has(pc)) code.markEntry(pc);
    }
  }

  /** Those of the region behind the window and of what needs a second look now. */
  #selectUnits(): void {
    const { region, windowOffset } = this.#space;
    const { view } = this.#guard;
    if (windowOffset === this.#windowOffset && view === this.#view) return;
    const isOther = windowOffset !== this.#windowOffset || view.key !== this.#view.key;
    this.#windowOffset = windowOffset;
    this.#view = view;
    if (!isOther) return;
    this.#store?.select(region, view.key);
    this.#countLive();
    this.#judgeAnew();
  }

  // Counting -------------------------------------------------------------------------------------------------

  #count(counter: number, times: number): void {
    this.#counters[counter] = (this.#counters[counter] as number) + times;
  }

  /** What is there now, wherever that may have changed. */
  #countLive(): void {
    this.#counters[Counter.units] = this.#store?.units ?? 0;
    this.#counters[Counter.unitBytes] = this.#store?.bytes ?? 0;
    this.#counters[Counter.entries] = this.#store?.entries ?? 0;
  }

  // Translating ----------------------------------------------------------------------------------------------

  /** The hart waits meanwhile: whoever watches it has to know why, and whoever wants it gets it. */
  #translateRunning(pc: number): void {
    const untilNs = monotonicNs() + DISCOVERY_NS;
    const goesOn = (): boolean => {
      this.#bus.tookLong();
      return this.#isUnasked;
    };
    const mayGrow = (): boolean => this.#eager || monotonicNs() < untilNs;
    this.#translate(pc, Counter.translationsRunning, { goesOn, mayGrow });
  }

  /** Returns what was made. Nobody waits for it, so it costs no credit, but is bounded. */
  #translateAhead(start: number, goesOn: () => boolean): Unit[] {
    const credit = this.#credit;
    const made: Unit[] = [];
    let instructions = 0;
    const pending = new Set([start]);
    for (const pc of pending) {
      if (instructions + pending.size > MAX_INSTRUCTIONS_AHEAD || !goesOn()) break;
      const insn = fetchInstruction(this.#reader, pc);
      if (insn === undefined) continue;
      const near = this.#interpretedNear(pc);
      if (near !== undefined && near !== pc) pending.add(near);
      else if (isTranslated(insn.op)) {
        const unit = this.#translate(pc, Counter.translationsAhead, { ...UNHURRIED, goesOn });
        if (unit === undefined) continue;
        made.push(unit);
        instructions += unit.instructions;
        for (const end of unit.ends) pending.add(end);
      } else if (passesOn(insn.op)) pending.add((pc + insn.length) >>> 0);
    }
    this.#credit = credit;
    return made;
  }

  /** The instruction that stays the interpreter's and is reached from `pc` straight on in a few. */
  #interpretedNear(pc: number): number | undefined {
    let at = pc;
    for (let passed = 0; passed < MIN_STRETCH_AHEAD; passed++) {
      const insn = fetchInstruction(this.#reader, at);
      if (insn === undefined || isControlTransfer(insn.op)) return undefined;
      if (!isTranslated(insn.op)) return at;
      at = (at + insn.length) >>> 0;
    }
    return undefined;
  }

  /**
   * Undefined when `pc` is an entry already, or nothing there can be translated.
   * @param phase the counter of those that are made now
   */
  #translate(pc: number, phase: number, pace: Pace): Unit | undefined {
    const beganNs = threadCpuNs();
    const store = this.#openStore();
    if (store.has(pc)) return undefined;
    const unit = translateUnit(this.#reader, pc, this.#target(), {
      limits: this.#limits,
      sharedPageAccesses: this.#sharedPageAccesses,
      isShared: (callee) => store.isShared(callee),
      pace,
    });
    if (unit !== undefined) this.#add(unit);
    // What was not needed is not saved up: many at once would hold up the hart.
    const tookNs = threadCpuNs() - beganNs;
    this.#credit = Math.min(this.#credit, 0) - tookNs;
    this.#spentNs += phase === Counter.translationsRunning ? tookNs : 0;
    if (unit === undefined) return undefined;
    this.#countUnit(unit, phase);
    return unit;
  }

  /** Takes what the thread beside this one has made, and asks for what is hot by now. */
  #lookBeside(beside: Beside, retired: number, interpreted: number): void {
    if (interpreted * 2 > retired) this.#slice = this.#sampleSlice;
    else {
      const longest = interpreted * 8 > retired ? MIXED_SLICE : this.#translatedSlice;
      this.#slice = Math.min(this.#slice * 2, longest);
    }
    beside.advance(retired, interpreted);
    if (beside.listens && interpreted * 16 > retired) {
      const pc = (this.#hart[Hart.PC] as number) >>> 0;
      const link = this.#hart[Hart.X + RA] as number;
      beside.sampled(this.#finder.find(pc, link, (entry) => this.#store?.has(entry) === true));
    }
    const answer = beside.poll();
    if (answer !== undefined) this.#takeAnswer(answer.reply, answer.request);
    beside.ask(this.#besideSubject);
  }

  #besideRequest(): Omit<TranslationRequest, "entries" | "maxInstructions"> {
    const { ramBytes, ramOffset } = this.#space;
    const ram = { base: RAM_BASE, bytes: ramBytes, offset: ramOffset };
    const executable = [ram, ...this.#known().filter(({ kind }) => kind !== "host")];
    return {
      target: this.#target(),
      code: without(
        this.#watchedCode,
        executable.flatMap((range) => this.#free(range, Access.FETCH)),
      ),
      windowOffset: this.#windowOffset,
      viewKey: this.#view.key,
      extensions: this.#reader.extensions,
      sharedPageAccesses: [...this.#sharedPageAccesses],
      registers: Array.from(this.#hart.subarray(Hart.X + 1, Hart.X + 32), (value) => value >>> 0),
      shared: this.#store?.sharedPcs() ?? [],
    };
  }

  /** Unless it is of code as it is no more, or was asked for under other circumstances. */
  #takeAnswer({ unit, module, parcels }: TranslationReply, request: TranslationRequest): void {
    if (unit === undefined || module === undefined) return;
    if (request.sharedPageAccesses.length !== this.#sharedPageAccesses.size) return;
    if (request.windowOffset !== this.#windowOffset || request.viewKey !== this.#view.key) return;
    if (!isUnchanged(this.#reader, unit, parcels)) return;
    this.#add(unit, module);
    this.#countUnit(unit, Counter.translationsRunning);
  }

  #add(unit: Unit, compiled?: WebAssembly.Module): void {
    this.#count(Counter.evictions, this.#openStore().add(unit, compiled));
  }

  #countUnit(unit: Unit, phase: number): void {
    this.#patience = 1;
    this.#count(phase, 1);
    this.#count(Counter.translatedInstructions, unit.instructions);
    this.#count(Counter.cutEdges, unit.cutEdges);
    this.#countLive();
    this.#judgeAnew();
  }

  #openStore(): CodeCacheStore {
    if (this.#store === undefined) {
      this.#store = new CodeCacheStore(this.#memory, this.#space, this.#target(), (address, size, value) =>
        this.#storeToCodePage(address >>> 0, size, value),
      );
      this.#store.select(this.#space.region, this.#view.key);
    }
    return this.#store;
  }

  #target(): Target {
    const { layout, ramBytes, ramOffset } = this.#space;
    const { loadFlags, storeFlags } = this.#view;
    const known = this.#known();
    const hosts = known.filter(({ kind }) => kind === "host");
    return {
      memory: {
        ram: { base: RAM_BASE, bytes: ramBytes, offset: ramOffset },
        ramFlags: layout.ramFlags[this.#slot] as number,
        loadFlags,
        storeFlags,
        readable: known.flatMap((range) => this.#free(range, Access.LOAD)),
        // What may be stored to is loaded from, too, once that is known.
        writable: hosts.flatMap((range) => this.#free(range, Access.LOAD | Access.STORE)),
      },
      hart: layout.slots[this.#slot] as number,
      memoryPages: layout.wasmPages,
      tableSlots: TABLE_SLOTS,
    };
  }

  /** Ranges besides RAM that generated code knows; others are the interpreter's: somebody wants to know of each access. */
  #known(): MemoryRange[] {
    const { windowOffset, ranges } = this.#space;
    return ranges
      .filter(({ kind }) => kind === "host" || kind === "rom" || (kind === "window" && windowOffset >= 0))
      .map((range) => (range.kind === "window" ? { ...range, offset: windowOffset } : range));
  }

  /** The parts of a range that such accesses take without a second look. */
  #free({ base, bytes, offset }: Segment, access: Access): Segment[] {
    return this.#view.free({ base, bytes }, access).map(({ first, behind }) => ({
      base: first,
      bytes: behind - first,
      offset: offset + first - base,
    }));
  }

  /** What the interpreter would fetch without a second look. */
  #parcel(pc: number): number {
    if (!this.#view.mayFetch(pc)) return NOWHERE;
    if (this.#watchedCode.length > 0 && isWithin(this.#watchedCode, pc)) return NOWHERE;
    const offset = this.#space.executable(pc, 2);
    return offset < 0 ? NOWHERE : (this.#space.halves[offset >>> 1] as number);
  }
}

/** The half-words of the code that are in none of these ranges. */
function without(watched: readonly AddressRange[], code: readonly CodeRange[]): readonly CodeRange[] {
  return watched.reduce((left, range) => left.flatMap((each) => parted(each, range)), code);
}

function parted({ base, bytes, offset }: CodeRange, { first, last }: AddressRange): CodeRange[] {
  const below = Math.min(Math.max(first - base, 0), bytes) & ~1;
  const above = Math.min(Math.max(last + 1 - base, 0), bytes);
  const start = above + (above & 1);
  return [
    { base, bytes: below, offset },
    { base: base + start, bytes: bytes - start, offset: offset + start },
  ].filter((part) => part.bytes > 0);
}
