/**
 * Long calls that were made before. A boot loader hashes the same image and verifies the same signature at nearly every
 * start, in millions of instructions; what such a call came to is put in place where it would come to the same again.
 *
 * A call is known by where it begins and all registers and CSRs there; by every word of memory that it read before it wrote
 * it, with what that held; and by what it wrote, where it returned to and with which registers. Nothing else can have gone
 * into it: a call in which a device or a CSR was asked, or a trap taken, is not kept, nor one that left another reservation
 * behind; nor is one put in place while anything but a plain access is looked at, or where a device would do something by
 * itself before its end. Code is memory that it read: loaders are executed from flash that only its own units change, and
 * then all is forgotten.
 *
 * A call is executed whenever it comes by an instruction that somebody waits for.
 *
 * Which functions are worth it is learnt: those that run for long and ask nothing. Names of functions come from the ELF file;
 * without one every call is executed.
 */

import { Access, NO_ZONES, type Zones, zonesFrom } from "../../../controller/cpu/access-zones.ts";
import { type AddressRange, isWithin } from "../../../controller/cpu/address-range.ts";
import { LineFlag } from "../../../controller/cpu/address-space.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { type Machine, MachineStop } from "../../../controller/machine.ts";
import { LINE_SHIFT, PAGE_BYTES } from "../../../emulator/memory/layout.ts";
import { RAM_BASE } from "../../../emulator/memory/map.ts";
import type { VolatileMemory } from "../flipside/volatile-memory.ts";
import { AccessRecording, type WordValues } from "./access-recording.ts";

/** Shorter calls are executed sooner than looked up. */
const LONG_INSTRUCTIONS = 100_000;
/** A function that was called so often, and ran for less on average, is not looked at any more while learning. */
const CALLS_TRIED = 12;
/** Calls of a function in which something was asked. */
const ASKING_BORNE = 4;
/** Of one function, beyond which the one that was used least lately is forgotten. */
const CALLS_KEPT = 256;

const RA = 1;
const SP = 2;
/** x0 to x31, SINK and PC. */
const REGISTERS = Hart.PC + 1;
/** What of a hart's words decides what a call comes to, besides the registers. */
const STATE: readonly number[] = [
  ...[Hart.MSTATUS, Hart.MSTATUSH, Hart.MIE, Hart.MTVEC, Hart.MODE, Hart.MSECCFG, Hart.MENVCFG],
  Hart.RESERVATION,
  ...Array.from({ length: Hart.TSELECT - Hart.PMPCFG }, (_, at) => Hart.PMPCFG + at),
];

export interface KnownCall {
  /** Registers where it begins, then the words of {@link STATE}. */
  readonly before: Int32Array;
  readonly reads: WordValues;
  readonly writes: WordValues;
  /** Pages of RAM that it wrote to. */
  readonly pages: readonly number[];
  readonly after: Int32Array;
  readonly instructions: number;
  /** Of these, in code that is watched. */
  readonly passed: number;
}

/** A call that is under way. */
interface Frame {
  readonly entry: number;
  readonly returnTo: number;
  readonly sp: number;
  readonly retired: number;
  readonly asked: number;
  readonly passed: number;
  readonly reservation: number;
}

interface Recorded {
  readonly frame: Frame;
  readonly before: Int32Array;
  readonly recording: AccessRecording;
}

/** What is learnt of a function. */
interface Learnt {
  calls: number;
  instructions: number;
  /** It ran for long at least once, and asked nothing. */
  isLong: boolean;
}

export class KnownCalls {
  readonly #machine: Machine;
  readonly #volatile: VolatileMemory;
  /** By how many are under way at once. */
  readonly #recordings: AccessRecording[] = [];
  readonly #zones: Zones;
  readonly #ram: AddressRange;
  /** While they are being learnt, by address; then undefined. */
  #learning: Map<number, Learnt> | undefined;
  readonly #frames: Frame[] = [];
  /** By entry. */
  readonly #known = new Map<number, KnownCall[]>();
  /** Calls under way that are recorded, each within the one before. */
  readonly #recorded: Recorded[] = [];
  /** Functions that run for long, with how often nothing was kept of a call. */
  readonly #entries = new Map<number, number>();
  #handOver: readonly AddressRange[] = [];
  readonly #watched: readonly AddressRange[];
  /** Instructions that the loader has executed, or skipped, in code that is watched. */
  passed = 0;
  /** The instruction that is not executed, when so many have passed. */
  skipAt: number | undefined;
  onSkip: () => void = () => undefined;
  /** Instructions that somebody waits for, and those of them that still are to come. */
  #told: readonly AddressRange[] = [];
  #awaited: readonly AddressRange[] = [];
  #isHandedOver = false;
  /** The next instruction was told, and is executed without a further word. */
  #isTold = false;
  isOn = false;

  /**
   * @param functions addresses of the loader's functions
   * @param flash the addresses of flash that is not the loader's own code
   * @param watched code of the loader in which instructions are counted, and may be skipped
   */
  constructor(
    machine: Machine,
    volatile: VolatileMemory,
    functions: readonly number[],
    flash: AddressRange,
    watched: readonly AddressRange[] = [],
  ) {
    this.#machine = machine;
    this.#watched = watched;
    this.#volatile = volatile;
    const ram = { first: RAM_BASE, last: RAM_BASE + machine.space.ramBytes - 1 };
    this.#ram = ram;
    const isIn = ({ first, last }: AddressRange, address: number): boolean =>
      address >= first && address <= last;
    this.#zones = zonesFrom([ram.first, ram.last + 1, flash.first, flash.last + 1], (address) =>
      isIn(ram, address) || isIn(flash, address) ? Access.LOAD | Access.STORE : 0,
    );
    this.#learning =
      functions.length === 0
        ? undefined
        : new Map(functions.map((entry) => [entry, { calls: 0, instructions: 0, isLong: false }]));
  }

  /**
   * A start begins.
   * @param handOver where it is to end
   * @param told what else {@link run} comes back before; the same at every start
   */
  start(handOver: readonly AddressRange[], told: readonly AddressRange[]): void {
    this.#endRecordings();
    this.#frames.length = 0;
    this.#handOver = handOver;
    this.#isHandedOver = false;
    this.#isTold = false;
    this.#told = told;
    this.#awaited = told;
    this.#await();
  }

  /** Of what is told only these are, for the rest of this start. */
  tellOnly(ranges: readonly AddressRange[]): void {
    this.#awaited = ranges;
  }

  /** What was executed has come to an end that a start has: what long functions there are is known from here on. */
  learnt(): void {
    if (this.#learning === undefined) return;
    for (const [entry, { isLong }] of this.#learning) if (isLong) this.#entries.set(entry, 0);
    this.#learning = undefined;
  }

  /** Code has changed: nothing of it is known any more. */
  forget(): void {
    this.#known.clear();
  }

  /** All that is known, for tests. */
  get calls(): readonly KnownCall[] {
    return [...this.#known.values()].flat();
  }

  /** As the machine's; FETCH where it hands over, and before what is told. */
  run(instructions: number): MachineStop {
    const machine = this.#machine;
    const end = machine.retired + instructions;
    if (this.#isTold) this.#step();
    for (;;) {
      const stop = machine.run(Math.max(0, end - machine.retired));
      if (stop !== MachineStop.FETCH) return stop;
      const pc = (machine.hart[Hart.PC] as number) >>> 0;
      if (this.#isHandedOver) {
        this.#isTold = true;
        return stop;
      }
      // What lies in RAM as code is not told of as memory that is read.
      if (this.#isInRam(pc)) this.#leaveAlone();
      this.#returned(pc);
      if (isWithin(this.#handOver, pc)) {
        this.#endRecordings();
        this.#isHandedOver = true;
        this.#isTold = true;
        return stop;
      }
      if (isWithin(this.#told, pc)) {
        this.#leaveAlone();
        if (isWithin(this.#awaited, pc)) {
          this.#isTold = true;
          return stop;
        }
        this.#step();
        continue;
      }
      if (this.#isEntry(pc) && this.#putInPlace(pc, end - machine.retired)) {
        this.#await();
        continue;
      }
      if (this.#isEntry(pc)) this.#called(pc);
      if (!this.#skips(pc)) this.#step();
    }
  }

  /** True where the instruction is passed over. */
  #skips(pc: number): boolean {
    if (!isWithin(this.#watched, pc)) return false;
    this.passed += 1;
    if (this.passed - 1 !== this.skipAt) return false;
    this.skipAt = undefined;
    // What comes of it is no call that anybody may make again.
    this.#endRecordings();
    this.onSkip();
    this.#machine.jump(pc + this.#machine.instructionBytes);
    this.#await();
    return true;
  }

  // What is awaited ---------------------------------------------------------------------------------------------

  #isEntry(pc: number): boolean {
    if (this.#learning !== undefined) return this.#learning.has(pc);
    return this.#entries.has(pc);
  }

  #isInRam(pc: number): boolean {
    return pc >= this.#ram.first && pc <= this.#ram.last;
  }

  #await(): void {
    if (this.#isHandedOver) {
      this.#machine.awaitFetch(this.#awaited);
      return;
    }
    const frame = this.#frames.at(-1);
    const calls = this.#learning?.keys() ?? this.#entries.keys();
    const places = frame === undefined ? [...calls] : [...calls, frame.returnTo];
    this.#machine.awaitFetch([
      ...this.#handOver,
      ...this.#watched,
      ...(this.#recorded.length === 0 ? this.#awaited : [...this.#told, this.#ram]),
      ...(this.isOn || this.#learning !== undefined ? places.map((at) => ({ first: at, last: at })) : []),
    ]);
  }

  /** The instruction that was awaited is executed. */
  #step(): void {
    this.#isTold = false;
    this.#machine.awaitFetch(this.#isHandedOver ? [] : this.#handOver);
    this.#machine.run(1);
    this.#await();
  }

  // Calls -------------------------------------------------------------------------------------------------------

  #called(entry: number): void {
    const { hart, retired, asked } = this.#machine;
    const frame: Frame = {
      entry,
      returnTo: (hart[Hart.X + RA] as number) >>> 0,
      sp: hart[Hart.X + SP] as number,
      retired,
      asked,
      passed: this.passed,
      reservation: hart[Hart.RESERVATION] as number,
    };
    this.#frames.push(frame);
    if (this.#learning === undefined) this.#beginRecording(frame);
  }

  #returned(pc: number): void {
    const { hart } = this.#machine;
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      if (pc !== frame.returnTo || hart[Hart.X + SP] !== frame.sp) return;
      this.#frames.pop();
      if (this.#learning !== undefined) this.#learn(this.#learning, frame);
      else this.#keep(frame);
    }
  }

  #learn(learning: Map<number, Learnt>, { entry, retired, asked }: Frame): void {
    const learnt = learning.get(entry);
    if (learnt === undefined) return;
    const instructions = this.#machine.retired - retired;
    learnt.calls += 1;
    learnt.instructions += instructions;
    learnt.isLong ||= instructions >= LONG_INSTRUCTIONS && this.#machine.asked === asked;
    const isShort = learnt.instructions / learnt.calls < LONG_INSTRUCTIONS / 4;
    if (learnt.calls >= CALLS_TRIED && isShort) learning.delete(entry);
  }

  // Recording ---------------------------------------------------------------------------------------------------

  #beginRecording(frame: Frame): void {
    const machine = this.#machine;
    const depth = this.#recorded.length;
    if (depth === 0 && machine.isGuarded) return;
    const recording = this.#recordings[depth] ?? new AccessRecording(machine.space);
    this.#recordings[depth] = recording;
    this.#recorded.push({ frame, before: this.#stateNow(), recording });
    recording.begin();
    machine.record(this.#zones, recording);
  }

  /** What is under way cannot be kept. */
  #endRecordings(): void {
    const last = this.#recorded.pop();
    if (last === undefined) return;
    this.#recorded.length = 0;
    last.recording.end();
    this.#machine.record(NO_ZONES, undefined);
  }

  /** What is under way does what is not told of. */
  #leaveAlone(): void {
    for (const { frame } of this.#recorded) this.#keptNothing(frame.entry);
    this.#endRecordings();
  }

  #keep(frame: Frame): void {
    const recorded = this.#recorded.at(-1);
    if (recorded?.frame !== frame) return;
    this.#recorded.pop();
    const machine = this.#machine;
    const { reads, writes } = recorded.recording;
    this.#goOn(reads, writes);
    const pages = this.#pagesOf(writes);
    const reservesAnew = machine.hart[Hart.RESERVATION] !== frame.reservation;
    if (machine.asked !== frame.asked || reservesAnew || pages === undefined) {
      this.#keptNothing(frame.entry);
      return;
    }
    const instructions = machine.retired - frame.retired;
    const after = machine.hart.slice(Hart.X, REGISTERS);
    const known = this.#known.get(frame.entry) ?? [];
    const passed = this.passed - frame.passed;
    known.unshift({ before: recorded.before, reads, writes, pages, after, instructions, passed });
    if (known.length > CALLS_KEPT) known.pop();
    this.#known.set(frame.entry, known);
  }

  /** A call within the one that is recorded has been made, and this is what it did. */
  #goOn(reads: WordValues, writes: WordValues): void {
    const outer = this.#recorded.at(-1)?.recording;
    outer?.takeIn(reads, writes);
    if (outer === undefined) this.#recordings[0]?.end();
    else outer.resume();
    this.#machine.record(outer === undefined ? NO_ZONES : this.#zones, outer);
  }

  /** A function that asks something now and then costs more than it saves: what it calls is recorded instead. */
  #keptNothing(entry: number): void {
    const times = (this.#entries.get(entry) ?? 0) + 1;
    if (times > ASKING_BORNE) this.#entries.delete(entry);
    else this.#entries.set(entry, times);
  }

  #stateNow(): Int32Array {
    const { hart } = this.#machine;
    return Int32Array.from([
      ...hart.subarray(Hart.X, Hart.SINK),
      ...STATE.map((word) => hart[word] as number),
    ]);
  }

  /** Undefined where anything but RAM was written. */
  #pagesOf(writes: WordValues): readonly number[] | undefined {
    const { ramOffset, ramBytes } = this.#machine.space;
    const pages = new Set<number>();
    for (let at = 0; at < writes.length; at += 2) {
      const offset = (writes[at] as number) * 4 - ramOffset;
      if (offset < 0 || offset >= ramBytes) return undefined;
      pages.add(Math.floor(offset / PAGE_BYTES));
    }
    return [...pages];
  }

  // Putting in place --------------------------------------------------------------------------------------------

  /** True where the call was known, and has been made. */
  #putInPlace(pc: number, instructions: number): boolean {
    if (!this.isOn || this.#learning !== undefined) return false;
    const machine = this.#machine;
    const known = this.#known.get(pc);
    if (known === undefined || machine.isGuarded) return false;
    const now = this.#stateNow();
    const index = known.findIndex((call) => isSame(call.before, now) && this.#holds(call.reads));
    const call = known[index];
    if (call === undefined || call.instructions > Math.min(instructions, machine.instructionsToEvent))
      return false;
    if (this.skipAt !== undefined && this.skipAt >= this.passed && this.skipAt < this.passed + call.passed)
      return false;
    this.passed += call.passed;
    // Those that are used stay in front.
    if (index > 0) known.unshift(...known.splice(index, 1));
    const { words } = machine.space;
    for (const page of call.pages) this.#volatile.touchPage(page);
    const { writes } = call;
    const { ramFlags, ramOffset } = machine.space;
    let flags = 0;
    for (let at = 0; at < writes.length; at += 2) {
      const word = writes[at] as number;
      flags |= ramFlags[(word * 4 - ramOffset) >> LINE_SHIFT] as number;
      words[word] = writes[at + 1] as number;
    }
    if ((flags & LineFlag.CODE) !== 0) machine.ramChanged();
    machine.fastForward(call.after, call.instructions);
    this.#recorded.at(-1)?.recording.takeIn(call.reads, writes);
    return true;
  }

  #holds(reads: WordValues): boolean {
    const { words } = this.#machine.space;
    for (let at = 0; at < reads.length; at += 2) {
      if (words[reads[at] as number] !== reads[at + 1]) return false;
    }
    return true;
  }
}

function isSame(one: Int32Array, other: Int32Array): boolean {
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) return false;
  return true;
}
