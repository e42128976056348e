/**
 * A loader's board in virtual time: power, resets of the hart, and what it is seen to do until its application has done
 * what is wanted of it, or nothing more will come.
 *
 * Invariants: whatever is stored to flash, counters or fuses is an item before it is done, and every other thing that can
 * be seen is an event; RAM holds the power-up pattern when power comes on, and stays over a reset of the hart; what the
 * machine has decoded is what flash holds.
 */
import { Hart } from "../../../controller/cpu/hart.ts";
import { ResetReason, Role } from "../../../controller/devices/reset-block.ts";
import { Machine, type MachineOptions, MachineStop } from "../../../controller/machine.ts";
import { EXECUTED_DEVICE, executedAt } from "../../../controller/profile.ts";
import {
  type ProfileBoard,
  type ProfileHost,
  profileBoard,
  watchdogReset,
} from "../../../controller/profile-board.ts";
import { Random } from "../../../emulator/base/random.ts";
import { hex32 } from "../../../emulator/base/text.ts";
import type { ChipOperation } from "../../../emulator/flash/flash-chip.ts";
import { Evidence } from "../../../emulator/memory/evidence.ts";
import { PAGE_BYTES } from "../../../emulator/memory/layout.ts";
import { NS_PER_TICK, RAM_BASE } from "../../../emulator/memory/map.ts";
import {
  type Criterion,
  type LoaderProfile,
  type PlacedBytes,
  SAYINGS,
  type Saying,
  type Slot,
  type SlotName,
} from "../../core/loader-profile.ts";
import { Interruption, type ItemSink } from "../explore/items.ts";
import { KeySum } from "../flipside/content-key.ts";
import type { PersistentMemory } from "../flipside/persistent-memory.ts";
import type { VolatileMemory } from "../flipside/volatile-memory.ts";
import type { ChipBank } from "./chip-bank.ts";
import { imageIn, mostlyIn, type NamedImage } from "./images.ts";
import { KnownCalls } from "./known-calls.ts";
import { flashBehind, functionsOf } from "./loader-code.ts";
import type { Failure, LoaderEvent } from "./loader-event.ts";
import { UartLines } from "./uart-lines.ts";

/** Resets in a row after which nobody expects an end any more. */
const MAX_RESETS = 64;
/** A start of which nothing is known yet may take so many instructions. */
const MOST_INSTRUCTIONS = 2_000_000_000;
/** It is cut into slices of so many, each a look at what it did. */
const SLICE = 50_000_000;
/** What an application has to have said when it has done what is wanted of it. */
const DONE_BY: Readonly<Record<Role, Saying>> = {
  [Role.NOTHING]: "up",
  [Role.REQUEST_TEST]: "requested",
  [Role.REQUEST_PERMANENT]: "requested",
  [Role.CONFIRM]: "confirmed",
  [Role.CRASH]: "up",
  [Role.HANG]: "up",
  [Role.UPLOAD]: "uploaded",
};

/** How a start ended. */
export type StartEnd = "done" | "safe" | "failed";

export interface LoaderDeviceParts {
  readonly memory: WebAssembly.Memory;
  readonly persistent: PersistentMemory;
  readonly volatile: VolatileMemory;
  readonly bank: ChipBank;
  readonly profile: LoaderProfile;
  readonly images: readonly NamedImage[];
  readonly engine: Pick<MachineOptions, "engine">;
  readonly sink: ItemSink<LoaderEvent>;
  /** Flash is about to be changed by firmware. */
  readonly onWrite: () => void;
}

export class LoaderDevice {
  readonly machine: Machine;
  readonly #parts: LoaderDeviceParts;
  readonly #board: ProfileBoard;
  readonly #calls: KnownCalls;
  #lines = new UartLines();
  #role: Role = Role.NOTHING;
  /** Sayings of this start. */
  readonly #said = new Set<Saying>();
  /** Why the hart is to begin anew; undefined while it goes on. */
  #resetAsked: ResetReason | undefined;
  #handedOver = false;
  /** The loader's own code was written over: what is decoded of it holds for one start at the most. */
  #ownCodeChanged = false;
  #powered = false;
  #runningSlot: SlotName | undefined;
  /** A sector that firmware has erased, which was not told yet. */
  #erased: { readonly device: number; readonly offset: number } | undefined;
  readonly #sum = new KeySum();
  readonly #stateWords: Int32Array;
  /** The machine is executing instructions. */
  #executes = false;
  /** The next unit that firmware makes finds its block bad. */
  #spoilNext = false;
  readonly #inRam: PlacedBytes[] = [];
  /** An image in RAM for an application that is to write it. */
  upload: Uint8Array | undefined;
  /** Instructions that the longest start took that came to its end. */
  longestStart = 0;

  constructor(parts: LoaderDeviceParts) {
    this.#parts = parts;
    const { memory, persistent, volatile, profile, engine } = parts;
    this.#board = profileBoard(profile.board, profile.hart, this.#makeHost());
    this.machine = new Machine({
      memory,
      layout: persistent.wholeLayout,
      slot: 0,
      plan: this.#board.plan,
      line: this.#lines,
      ...engine,
    });
    volatile.attach([this.machine]);
    this.#stateWords = new Int32Array(this.machine.stateWords);
    this.#calls = new KnownCalls(this.machine, volatile, functionsOf(profile), flashBehind(profile));
    this.#lines.onLine = (line) => this.#heard(({ line: text }) => text !== undefined && line.includes(text));
  }

  /** From the next start on: calls that were made before may be put in place instead of executed again. */
  get recalls(): boolean {
    return this.#calls.isOn;
  }

  set recalls(recalls: boolean) {
    this.#calls.isOn = recalls;
  }

  get powered(): boolean {
    return this.#powered;
  }

  /** The slot whose image runs; undefined before the hand-over, and for one in RAM. */
  get runningSlot(): SlotName | undefined {
    return this.#runningSlot;
  }

  /** Flash holds something else altogether. */
  codeReplaced(): void {
    this.#inRam.length = 0;
    if (this.#ownCodeChanged) this.#calls.forget();
    this.#ownCodeChanged = false;
    this.machine.regionChanged(EXECUTED_DEVICE);
  }

  /** Bytes that lie in RAM whenever power has come on. */
  placeInRam(address: number, bytes: Uint8Array): void {
    this.#inRam.push({ address, bytes });
  }

  /** Another hand than the hart's has changed these bytes of a device. */
  flashChanged(device: number, offset: number, byteCount: number): void {
    this.#codeChanged(device, offset, byteCount);
  }

  /** Does a fault at the item that is about to be made; false where there is nothing that it could be done to. */
  inject(kind: string): boolean {
    if (!this.#executes) return false;
    if (kind === "bad-block") {
      this.#spoilNext = true;
      this.#parts.sink.event({ type: "disturbed", how: kind });
      return true;
    }
    this.#resetAsked = kind === "watchdog" ? ResetReason.WATCHDOG : ResetReason.EXTERNAL;
    this.#parts.sink.event({ type: "disturbed", how: kind });
    throw HART_RESET;
  }

  /** A fault that was done waits for a unit of flash, which has not come. */
  get faultPending(): boolean {
    return this.#spoilNext;
  }

  /** What was done in one case is nothing to the next. */
  forgetFaults(): void {
    this.#spoilNext = false;
  }

  /** Power comes on; nothing runs yet. @param seed of what undecided cells read */
  powerOn(seed: number): void {
    const { volatile, bank } = this.#parts;
    volatile.powerOn();
    bank.readUnstable(new Random(seed));
    this.#forgetCode();
    this.machine.clock.powerOn();
    this.#board.powerOn();
    for (const { address, bytes } of this.#inRam) this.machine.storeBytes(address, bytes);
    this.#powered = true;
  }

  powerOff(): void {
    this.#powered = false;
  }

  /** The hart begins, and goes on until the application has done what is wanted of it, or nothing more will come. */
  start(reason: ResetReason, role: Role): StartEnd {
    this.#role = role;
    let why = reason;
    for (let resets = 0; resets < MAX_RESETS; resets += 1) {
      const end = this.#run(why);
      if (typeof end !== "number") return end;
      why = end;
    }
    return this.#fail("livelock", `the hart was reset ${MAX_RESETS} times, and no application came up`);
  }

  /** Bytes of a slot as they lie in flash. */
  slotBytes({ flash, offset, bytes }: Slot): Uint8Array {
    const { words, wholeLayout } = this.#parts.persistent;
    return new Uint8Array(words.buffer, (wholeLayout.regions[flash] as number) + offset, bytes);
  }

  /** The images that are whole in some slot. */
  get whole(): readonly string[] {
    const { profile, images } = this.#parts;
    const names = profile.slots.flatMap((slot) => imageIn(this.slotBytes(slot), images)?.name ?? []);
    return [...new Set(names)];
  }

  /** What the firmware wrote to the UART, line by line, since power came on. */
  get uart(): readonly string[] {
    return this.#lines.lines;
  }

  // One start -------------------------------------------------------------------------------------------------

  #run(reason: ResetReason): StartEnd | ResetReason {
    const { sink } = this.#parts;
    this.#said.clear();
    this.#resetAsked = undefined;
    this.#erased = undefined;
    this.#handedOver = false;
    this.#runningSlot = undefined;
    sink.event({ type: "started", reason, role: this.#role });
    this.#board.start(this.machine, reason);
    if (this.upload !== undefined) this.machine.storeBytes(this.#uploadAddress, this.upload);
    this.#awaitHandOver();
    const most = this.longestStart === 0 ? MOST_INSTRUCTIONS : Math.max(20 * this.longestStart, SLICE);
    for (;;) {
      const stop = this.#execute(Math.min(SLICE, most - this.machine.retired));
      const end = stop === undefined ? this.#resetAsked : this.#after(stop, most);
      if (end !== undefined) return end;
    }
  }

  /** Undefined where a reset ended it in the middle of an instruction. */
  #execute(instructions: number): MachineStop | undefined {
    this.#executes = true;
    try {
      return this.#calls.run(instructions);
    } catch (error) {
      if (error !== HART_RESET) throw error;
      return undefined;
    } finally {
      this.#executes = false;
    }
  }

  #tellErased(): void {
    const erased = this.#erased;
    if (erased === undefined) return;
    this.#erased = undefined;
    this.#parts.sink.event({ type: "erased", ...erased });
  }

  /**
   * A key of all that decides what follows, but for what time it is: between two instructions, with flash settled.
   */
  executionKey(): number {
    const { machine } = this;
    const { persistent, volatile } = this.#parts;
    const sum = this.#sum;
    sum.clear();
    sum.addLong(0, persistent.stateKey());
    machine.saveState(this.#stateWords);
    this.#stateWords.fill(0, Hart.RETIRED_LO, Hart.RETIRED_HI + 1);
    this.#stateWords.fill(0, Hart.MCYCLE_LO, Hart.MINSTRET_HI + 1);
    this.#stateWords.fill(0, Hart.LAST_TRAP_LO, Hart.LAST_TRAP_HI + 1);
    let place = 2;
    for (const word of this.#stateWords) sum.add(place++, word);
    const { ram } = persistent.wholeLayout;
    for (const page of volatile.dirtyPages) {
      const start = (ram + page * PAGE_BYTES) / 4;
      for (let word = start; word < start + PAGE_BYTES / 4; word += 1)
        sum.add(word, persistent.words[word] as number);
      sum.add(0, page);
    }
    sum.add(1, this.#role | (this.#handedOver ? 256 : 0));
    for (const saying of this.#said) sum.add(place, SAYINGS.indexOf(saying));
    return sum.key;
  }

  #after(stop: MachineStop, most: number): StartEnd | ResetReason | undefined {
    if (stop === MachineStop.FETCH) {
      this.#tellHandOver(this.machine.hart[Hart.PC] as number);
      return this.#isDone ? this.#done() : undefined;
    }
    this.#tellErased();
    if (this.#isDone) return this.#done();
    if (this.#resetAsked !== undefined) return this.#resetAsked;
    switch (stop) {
      case MachineStop.STOPPED:
        return this.#stopped();
      case MachineStop.IDLE:
        return this.#ended("hang", "it waits, and nothing will wake it");
      case MachineStop.ATTENTION:
        this.machine.hart[Hart.ATTENTION] = 0;
        return undefined;
      default:
        if (this.machine.retired < most) return undefined;
        return this.#ended("hang", `it made no end within ${most} instructions`);
    }
  }

  get #isDone(): boolean {
    return this.#said.has("safe") || (this.#handedOver && this.#said.has(DONE_BY[this.#role]));
  }

  #done(): StartEnd {
    this.longestStart = Math.max(this.longestStart, this.machine.retired);
    this.#calls.learnt();
    if (!this.#said.has("safe")) return "done";
    return this.#fail("no-image", "it says that it has nothing to start");
  }

  #stopped(): StartEnd | ResetReason {
    const { machine } = this;
    const reset = watchdogReset(machine.evidence);
    if (reset !== undefined) return reset;
    switch (machine.evidence) {
      case Evidence.FINISHER:
        return this.#ended(
          machine.passed ? "no-image" : "assert",
          `it ended itself with ${machine.passed ? "pass" : `failure ${machine.stopCode}`} at ${hex32(machine.stopPc)}`,
        );
      default:
        return this.#ended("trap", `it trapped at ${hex32(machine.stopPc)}, mcause ${machine.stopCode}`);
    }
  }

  /** Nothing more will come of this start: the application was there, or it was not. */
  #ended(how: Failure, message: string): StartEnd {
    if (this.#handedOver && (this.#role === Role.CRASH || this.#role === Role.HANG)) return "done";
    const who = this.#handedOver ? "the application" : "the loader";
    return this.#fail(how, `${who}: ${message}`);
  }

  #fail(how: Failure, message: string): StartEnd {
    const { sink } = this.#parts;
    const isSafe = this.#said.has("safe");
    sink.event({ type: "failed", how, message, whole: this.whole });
    return isSafe ? "safe" : "failed";
  }

  // What is seen ----------------------------------------------------------------------------------------------

  #awaitHandOver(): void {
    const { profile } = this.#parts;
    const ranges = profile.slots.flatMap(({ name, flash, offset, bytes }) => {
      const base = profile.board.flash[flash]?.base;
      if (name === "scratch" || base === undefined) return [];
      return [{ first: base + offset, last: base + offset + bytes - 1 }];
    });
    const loaded = profile.loadRanges.map(({ base, bytes }) => ({ first: base, last: base + bytes - 1 }));
    this.#calls.start([...ranges, ...loaded]);
  }

  #tellHandOver(pc: number): void {
    const { profile, images, sink } = this.#parts;
    const slot = profile.slots.find(({ flash, offset, bytes }) => {
      const base = profile.board.flash[flash]?.base ?? 0;
      return pc >>> 0 >= base + offset && pc >>> 0 < base + offset + bytes;
    });
    this.#handedOver = true;
    this.#runningSlot = slot?.name;
    const bytes = slot && this.slotBytes(slot);
    const image = bytes === undefined ? this.#imageInRam(pc) : imageIn(bytes, images);
    const mixedOf = image === undefined && bytes !== undefined ? mostlyIn(bytes, images)?.name : undefined;
    sink.event({
      type: "handed-over",
      slot: slot?.name ?? "ram",
      image: image?.name,
      mixedOf,
      whole: this.whole,
    });
  }

  /** The image whose bytes lie at the start of the load range that `pc` is in. */
  #imageInRam(pc: number): NamedImage | undefined {
    const { profile, images } = this.#parts;
    const range = profile.loadRanges.find(({ base, bytes }) => pc >>> 0 >= base && pc >>> 0 < base + bytes);
    const bytes = range && this.machine.space.ram(range.base, range.bytes);
    return bytes && imageIn(bytes, images);
  }

  #heard(matches: (criterion: Criterion) => boolean): void {
    const { profile, sink } = this.#parts;
    for (const saying of SAYINGS) {
      if (this.#said.has(saying) || !matches(profile.criteria[saying])) continue;
      this.#said.add(saying);
      sink.event({ type: "said", saying });
      if (this.#isDone) this.#endRun();
    }
  }

  /** The run that is under way comes back after the instruction that executes. */
  #endRun(): void {
    this.machine.hart[Hart.ATTENTION] = 1;
    this.machine.hart[Hart.LIMIT] = 0;
  }

  // What is under it ------------------------------------------------------------------------------------------

  #makeHost(): ProfileHost {
    const { bank, persistent, sink } = this.#parts;
    return {
      chips: bank.chips,
      beforeUnit: (device, operation) => this.#beforeUnit(device, operation),
      counters: {
        load32: (index) => persistent.words[persistent.wholeLayout.nvram / 4 + index] as number,
        store32: (index, value) => {
          this.#parts.onWrite();
          sink.beforeStore();
          persistent.store(persistent.wholeLayout.nvram / 4 + index, value);
        },
      },
      misused: (message) => sink.event({ type: "misused", message }),
      onReset: () => {
        this.#resetAsked = ResetReason.SOFTWARE;
      },
      mark: (mark) => this.#heard((criterion) => criterion.mark === mark),
      role: () => this.#role,
      upload: () => ({ address: this.#uploadAddress, bytes: this.upload?.length ?? 0 }),
    };
  }

  /** In the middle of RAM, where neither programs nor stacks are. */
  get #uploadAddress(): number {
    return RAM_BASE + this.#parts.profile.board.ramBytes / 2;
  }

  #beforeUnit(device: number, operation: ChipOperation): void {
    const { bank, sink } = this.#parts;
    this.#parts.onWrite();
    try {
      sink.beforeUnit(bank.unitOf(device, operation));
    } catch (error) {
      operation.abort();
      throw error;
    }
    if (operation.kind === "erase") {
      this.#erased = { device, offset: operation.unitOffset };
      this.#endRun();
    }
    if (!this.#spoilNext) return;
    this.#spoilNext = false;
    const { unitOffset, unitEnd } = operation;
    bank.chips[device]?.damage("bad", unitOffset, unitEnd - unitOffset);
  }

  #codeChanged(device: number, offset: number, byteCount: number): void {
    const executed = executedAt(this.#parts.profile.board, device, offset, byteCount);
    if (executed === undefined) return;
    this.machine.regionChanged(EXECUTED_DEVICE, executed);
    if (this.#isSlot(device, offset)) return;
    this.#ownCodeChanged = true;
    this.#calls.forget();
  }

  #isSlot(device: number, offset: number): boolean {
    return this.#parts.profile.slots.some(
      (slot) => slot.flash === device && offset >= slot.offset && offset < slot.offset + slot.bytes,
    );
  }

  /** Of what is decoded only the loader's own code is known to be as it was. */
  #forgetCode(): void {
    const { profile } = this.#parts;
    if (this.#ownCodeChanged) this.machine.regionChanged(EXECUTED_DEVICE);
    else
      for (const { flash, offset, bytes } of profile.slots) {
        const executed = executedAt(profile.board, flash, offset, bytes);
        if (executed !== undefined) this.machine.regionChanged(EXECUTED_DEVICE, executed);
      }
  }

  /** Virtual nanoseconds since power came on. */
  get nowNs(): number {
    return this.machine.clock.now() * NS_PER_TICK;
  }
}

/** The hart is reset in the middle of an instruction. */
class HartReset extends Interruption {
  override readonly name = "HartReset";
}
const HART_RESET = new HartReset("the hart is reset");
