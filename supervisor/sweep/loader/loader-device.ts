/**
 * A loader's board in virtual time: power, resets of the hart, and what it is seen to do until its application has done
 * what is wanted of it, or nothing more will come.
 *
 * Invariants: whatever is stored to flash, counters or fuses is an item before it is done, and every other thing that can
 * be seen is an event; RAM holds the power-up pattern when power comes on, and stays over a reset of the hart; what the
 * machine has decoded is what flash holds.
 */

import { type AddressRange, isWithin } from "../../../controller/cpu/address-range.ts";
import { Cause } from "../../../controller/cpu/engine.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { COUNTERS } from "../../../controller/devices/counters.ts";
import { ResetReason, Role } from "../../../controller/devices/reset-block.ts";
import { Machine, type MachineOptions, MachineStop } from "../../../controller/machine.ts";
import { EXECUTED_DEVICE, executedAt, flashAt } from "../../../controller/profile.ts";
import {
  type BroughtModules,
  type ProfileBoard,
  type ProfileHost,
  profileBoard,
  watchdogReset,
} from "../../../controller/profile-board.ts";
import { hex32 } from "../../../emulator/base/text.ts";
import type { ChipOperation } from "../../../emulator/flash/flash-chip.ts";
import type { Reading } from "../../../emulator/flash/flash-tear.ts";
import { Evidence } from "../../../emulator/memory/evidence.ts";
import { NS_PER_TICK, RAM_BASE } from "../../../emulator/memory/map.ts";
import {
  type CodeRange,
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
import { BoardState } from "./board-state.ts";
import { BootLoop } from "./boot-loop.ts";
import type { ChipBank } from "./chip-bank.ts";
import { imageIn, mostlyIn, type NamedImage } from "./images.ts";
import { KnownCalls } from "./known-calls.ts";
import { flashBehind, functionsOf } from "./loader-code.ts";
import type { Failure, LoaderEvent } from "./loader-event.ts";
import { MisusePlaces } from "./misuse-places.ts";
import { UartLines } from "./uart-lines.ts";
import { UnreadableFlash } from "./unreadable-flash.ts";

const NS_PER_MS = 1_000_000;
/** Resets in a row after which nobody expects an end any more. */
const MAX_RESETS = 64;
/** A start of which nothing is known yet may take so many instructions. */
const MOST_INSTRUCTIONS = 2_000_000_000;
/** And what is none of the images that it handed over to. */
const MOST_OF_NO_IMAGE = 1_000_000;
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

type UnitFault = "bad-block" | "fails-once";

/** What is to be done when `at` instructions are executed. */
interface Armed {
  readonly kind: string;
  readonly at: number;
  readonly done: () => void;
}
/** So many starts in a row that end in a read fault are a loop of them. */
const FAULT_LOOP_STARTS = 3;

/** How a start ended. */
export type StartEnd = "done" | "safe" | "failed";

/** What the loader has come to over what it could not read. */
interface Faulted {
  readonly how: Failure;
  readonly message: string;
}

export interface LoaderDeviceParts {
  readonly memory: WebAssembly.Memory;
  readonly persistent: PersistentMemory;
  readonly volatile: VolatileMemory;
  readonly bank: ChipBank;
  readonly profile: LoaderProfile;
  readonly images: readonly NamedImage[];
  readonly engine: Pick<MachineOptions, "engine">;
  /** Of the board's devices, where it has some. */
  readonly modules: BroughtModules | undefined;
  readonly sink: ItemSink<LoaderEvent>;
  /** A counter is being raised. */
  readonly onCounter: (value: number) => void;
}

export class LoaderDevice {
  readonly machine: Machine;
  readonly #parts: LoaderDeviceParts;
  readonly #board: ProfileBoard;
  readonly #calls: KnownCalls;
  readonly #handOver: readonly AddressRange[];
  readonly #lines = new UartLines();
  #role: Role = Role.NOTHING;
  /** Sayings of this start. */
  readonly #said = new Set<Saying>();
  /** When it began. */
  #startedNs = 0;
  readonly #unreadable: UnreadableFlash;
  /** Starts before this one that the hart was reset out of, or that came to nothing over what cannot be read. */
  #startsBefore = 0;
  /** Why the hart is to begin anew; undefined while it goes on. */
  #resetAsked: ResetReason | undefined;
  #handedOver = false;
  /** Instructions before what was handed over to and is none of the images; Infinity: it is one. */
  #noImageSince = Number.POSITIVE_INFINITY;
  /** Instructions of this start before it. */
  #retiredAtHandOver = 0;
  /** The loader's own code was written over: what is decoded of it holds for one start at the most. */
  #ownCodeChanged = false;
  #powered = false;
  #runningSlot: SlotName | undefined;
  /** A sector that firmware has erased, which was not told yet. */
  #erased: { readonly device: number; readonly offset: number } | undefined;
  readonly #sum = new KeySum();
  readonly #state: BoardState;
  readonly #loop: BootLoop;
  readonly #misuses: MisusePlaces;
  /** The machine is executing instructions. */
  #executes = false;
  /** A unit of flash is about to be made. */
  #beginsUnit = false;
  /** What the next unit that firmware makes comes to. */
  #unitFault: UnitFault | undefined;
  #armed: Armed | undefined;
  /** In the starts of this run before the present one. */
  #executedBefore = 0;
  /** In this start something was done to flash or an instruction, after which it went on. */
  #goesOnDisturbed = false;
  readonly #inRam: PlacedBytes[] = [];
  /** An image in RAM for an application that is to write it. */
  upload: Uint8Array | undefined;
  /** Ticks that the watchdog had to wait at the most, for a kick or the hand-over; undefined where it never ran. */
  longestUnkicked: number | undefined;
  /** Is told each line that the firmware has written to the UART. */
  onUartLine: ((line: string) => void) | undefined;
  /** Instructions that the longest start took that came to its end while {@link measures} was set; 0: none did. */
  longestStart = 0;
  measures = false;

  constructor(parts: LoaderDeviceParts) {
    this.#parts = parts;
    const { memory, persistent, volatile, profile, engine } = parts;
    this.#board = profileBoard(profile.board, profile.hart, this.#makeHost());
    this.#unreadable = new UnreadableFlash(profile.board, parts.bank);
    this.machine = new Machine({
      memory,
      layout: persistent.wholeLayout,
      slot: 0,
      plan: this.#board.plan,
      line: this.#lines,
      countsRounds: true,
      onException: (cause, value) => {
        this.#unreadable.trapped(cause, value);
        if (cause === Cause.INSTRUCTION_ACCESS_FAULT) this.#fetchFaulted(value >>> 0);
      },
      ...engine,
    });
    volatile.attach([this.machine]);
    this.#handOver = this.#handOverRanges();
    this.#state = new BoardState(this.machine, persistent, volatile, this.#lines);
    this.#loop = new BootLoop(this.machine, this.#state);
    this.#misuses = new MisusePlaces(this.machine, profile.elf);
    const watched = profile.skip.map(rangeOf);
    this.#calls = new KnownCalls(this.machine, volatile, functionsOf(profile), flashBehind(profile), watched);
    this.#calls.onSkip = () => this.#skipped();
    this.#lines.onLine = (line) => {
      this.onUartLine?.(line);
      this.#heard(({ line: text }) => text !== undefined && line.includes(text));
    };
  }

  /** From the next start on: calls that were made before may be put in place instead of executed again. */
  get recalls(): boolean {
    return this.#calls.isOn;
  }

  set recalls(recalls: boolean) {
    this.#calls.isOn = recalls;
  }

  /** Devices that are modules of somebody's. */
  get modules(): ProfileBoard["modules"] {
    return this.#board.modules;
  }

  /** What was executed before, for tests. */
  get knownCalls(): KnownCalls["calls"] {
    return this.#calls.calls;
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
    const executed = executedAt(this.#parts.profile.board, device, offset, byteCount);
    if (executed === undefined) return;
    this.machine.regionChanged(EXECUTED_DEVICE, executed);
    if (this.#slotAt(device, offset) !== undefined) return;
    this.#ownCodeChanged = true;
    this.#calls.forget();
  }

  /** Does a fault at the item that is about to be made; false where there is nothing that it could be done to. */
  inject(kind: string): boolean {
    if (!this.#executes) return false;
    this.#tellDisturbed(kind);
    if (kind === "bad-block" || kind === "fails-once") {
      this.#unitFault = kind;
      this.#goesOnDisturbed = kind === "fails-once";
      return true;
    }
    this.#resetAsked = reasonOf(kind);
    throw HART_RESET;
  }

  #tellDisturbed(how: string): void {
    const isWriting = this.#beginsUnit || this.#board.isFlashBusy;
    this.#parts.sink.event({ type: "disturbed", how, isWriting });
  }

  /** The machine is executing instructions, so that something can be done to what it does. */
  get executes(): boolean {
    return this.#executes;
  }

  /** A run begins: what is executed counts from here. */
  countFromHere(): void {
    // What it has retired belongs to a start before.
    this.#executedBefore = -this.machine.retired;
    this.#calls.passed = 0;
  }

  /** Instructions that this run has executed in all its starts. Between two runs of the machine. */
  get executed(): number {
    return this.#executedBefore + this.machine.retired;
  }

  /** There is code of which instructions are to be skipped. */
  get maySkip(): boolean {
    return this.#parts.profile.skip.length > 0;
  }

  /** Of these, the loader's in code that may be skipped. */
  get passed(): number {
    return this.#calls.passed;
  }

  /** Does a fault when so many instructions are executed: in code that may be skipped, or in all. */
  arm(kind: string, at: number, done: () => void): void {
    this.#armed = { kind, at, done };
    this.#calls.skipAt = kind === "skip" ? at : undefined;
  }

  #skipped(): void {
    const armed = this.#armed;
    this.#armed = undefined;
    armed?.done();
    this.#goesOnDisturbed = true;
    this.#tellDisturbed("skip");
  }

  /** How many instructions are left until the hart is reset between two. */
  get #untilReset(): number {
    const { kind, at = 0 } = this.#armed ?? {};
    return kind === undefined || kind === "skip" ? Number.POSITIVE_INFINITY : at - this.executed;
  }

  #resetBetween(): ResetReason {
    const { kind = "", done } = this.#armed ?? {};
    this.#armed = undefined;
    done?.();
    this.#tellDisturbed(kind);
    this.#role = Role.NOTHING;
    return reasonOf(kind);
  }

  /** A fault that was done waits for a unit of flash, which has not come. */
  get faultPending(): boolean {
    return this.#unitFault !== undefined;
  }

  /** What was done in one case is nothing to the next. */
  forgetFaults(): void {
    this.#unitFault = undefined;
    this.#armed = undefined;
    this.#calls.skipAt = undefined;
  }

  /** Power comes on; nothing runs yet. @param reading what undecided cells read */
  powerOn(reading: Reading): void {
    const { volatile, bank } = this.#parts;
    // The machine's own count goes with its power.
    this.#executedBefore += this.machine.retired;
    volatile.powerOn();
    bank.readUnstable(reading);
    this.#lines.clear();
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
    let faults = 0;
    /** The first start that came to nothing over what it could not read, which may have been better left to later ones. */
    let faulted: Faulted | undefined;
    this.#loop.begin();
    for (this.#startsBefore = 0; this.#startsBefore < MAX_RESETS; this.#startsBefore += 1) {
      this.#begin(why);
      const period = faults > 0 ? undefined : this.#period();
      if (period !== undefined) return this.#failInResets(period);
      const end = this.#goOn();
      if (end === "done" && faulted !== undefined) return this.#endInFailure(faulted.how, faulted.message);
      if (typeof end === "string") return end;
      faults = this.#hasFaulted ? faults + 1 : 0;
      if (faults === FAULT_LOOP_STARTS) return this.#failInFaults();
      why = typeof end === "number" ? end : ResetReason.EXTERNAL;
      if (typeof end !== "number") faulted ??= end;
    }
    return this.#endInFailure(
      "livelock",
      `the hart was reset ${MAX_RESETS} times, and no application came up`,
    );
  }

  /** In the present start. */
  hasSaid(saying: Saying): boolean {
    return this.#said.has(saying);
  }

  /** Not every start of this power-on went as far as this one: what follows depends on these. */
  get hasStartsBefore(): boolean {
    return this.#startsBefore > 0;
  }

  /** Bytes of a slot as they lie in flash. */
  slotBytes({ flash, offset, bytes }: Slot): Uint8Array {
    const { words, wholeLayout } = this.#parts.persistent;
    return new Uint8Array(words.buffer, (wholeLayout.regions[flash] as number) + offset, bytes);
  }

  /** The images that are whole in some slot. */
  get whole(): readonly string[] {
    return this.#wholeIn(this.#parts.profile.slots);
  }

  #wholeIn(slots: readonly Slot[]): readonly string[] {
    const names = slots.flatMap((slot) => imageIn(this.slotBytes(slot), this.#parts.images)?.name ?? []);
    return [...new Set(names)];
  }

  /** What the firmware wrote to the UART, line by line, since power came on. */
  get uart(): readonly string[] {
    return this.#lines.lines;
  }

  // One start -------------------------------------------------------------------------------------------------

  #begin(reason: ResetReason): void {
    const { sink } = this.#parts;
    this.#said.clear();
    this.#misuses.begin();
    this.#unreadable.begin(this.machine);
    this.#resetAsked = undefined;
    this.#erased = undefined;
    this.#handedOver = false;
    this.#noImageSince = Number.POSITIVE_INFINITY;
    this.#runningSlot = undefined;
    this.#goesOnDisturbed = false;
    this.#executedBefore += this.machine.retired;
    sink.event({ type: "started", reason, role: this.#role });
    this.#startedNs = this.nowNs;
    this.#board.start(this.machine, reason);
    if (this.upload !== undefined) this.machine.storeBytes(this.#uploadAddress, this.upload);
    this.#awaitHandOver();
  }

  #goOn(): StartEnd | ResetReason | Faulted {
    for (;;) {
      if (this.#untilReset <= 0) return this.#resetBetween();
      const most = this.#mostInstructions;
      const stop = this.#execute(Math.min(SLICE, most - this.machine.retired, this.#untilReset));
      const end = stop === undefined ? this.#resetAsked : this.#after(stop, most);
      if (end !== undefined) return end;
    }
  }

  /**
   * So many instructions the start may take. While it is measured what a start takes, a later one may take far longer than
   * those before, such as one that copies a larger image; but for an application that is to hang. What is no image is judged
   * by that alone, and nobody knows when it would end.
   */
  get #mostInstructions(): number {
    return Math.min(this.#mostOfImage, this.#noImageSince + MOST_OF_NO_IMAGE);
  }

  get #mostOfImage(): number {
    const most = Math.max(20 * this.longestStart, SLICE);
    if (this.longestStart > 0 && !this.measures) return most;
    const hangs = this.#handedOver && this.#role === Role.HANG && this.longestStart > 0;
    return hangs ? this.#retiredAtHandOver + most : MOST_INSTRUCTIONS;
  }

  /** Undefined where a reset ended it in the middle of an instruction. */
  #execute(instructions: number): MachineStop | undefined {
    this.#executes = true;
    try {
      return this.#calls.run(instructions);
    } catch (error) {
      if (error !== HART_RESET) throw error;
      this.machine.leaveRun();
      // Whoever wanted something of the application does not ask for it anew.
      this.#role = Role.NOTHING;
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
   * A key of all that decides what follows, but for what time it is: between two instructions, with flash settled. None on
   * a board with registers of chips that are not there, whose state is in no words.
   * @param step by which whoever starts it knows what it does next
   */
  executionKey(step: number): number | undefined {
    const { profile } = this.#parts;
    if (this.#hasUnknownState) return undefined;
    const sum = this.#sum;
    sum.clear();
    let place = this.#state.addTo(sum);
    sum.add(1, this.#role | (this.#handedOver ? 256 : 0) | (this.#unreadable.met === undefined ? 0 : 512));
    sum.add(place++, step);
    for (const saying of this.#said) sum.add(place, SAYINGS.indexOf(saying));
    place += 1;
    // A start that is slow is one for what it took.
    if (profile.startMs !== undefined && !this.#handedOver) sum.addLong(place, this.nowNs - this.#startedNs);
    return sum.key;
  }

  /** Registers of chips that are not there: their state is in no words. */
  get #hasUnknownState(): boolean {
    return this.#parts.profile.board.registers.length > 0;
  }

  /**
   * Starts until all is as it was, where the start that has begun is one as there was before, so that it ends as that did;
   * undefined where it may end otherwise: nothing is known of what is in no words, of what is still to be done to it, and
   * of a loader that asks what time it is.
   */
  #period(): number | undefined {
    const start = this.#startsBefore;
    const isToBeDisturbed = this.#armed !== undefined || this.#unitFault !== undefined;
    const isUnknown = this.#hasUnknownState || !this.machine.isUntimed;
    if (start === 0 || isToBeDisturbed || isUnknown) return undefined;
    return this.#loop.period(start, this.#role);
  }

  #after(stop: MachineStop, most: number): StartEnd | ResetReason | Faulted | undefined {
    this.#unreadable.refuse(this.machine);
    if (stop === MachineStop.FETCH) this.#fetched((this.machine.hart[Hart.PC] as number) >>> 0);
    else this.#tellErased();
    if (this.#isDone) return this.#done();
    if (this.#said.has("panic")) return this.#ended("panic", "it says that it has given up");
    if (stop === MachineStop.FETCH) return undefined;
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

  #done(): StartEnd | ResetReason {
    if (this.measures) this.longestStart = Math.max(this.longestStart, this.machine.retired);
    this.#calls.learnt();
    if (!this.#said.has("safe")) return "done";
    return this.#fail("no-image", "it says that it has nothing to start");
  }

  #stopped(): StartEnd | ResetReason | Faulted {
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
  #ended(how: Failure, message: string): StartEnd | Faulted | ResetReason {
    if (this.#handedOver && (this.#role === Role.CRASH || this.#role === Role.HANG)) return "done";
    const who = this.#handedOver ? "the application" : "the loader";
    if (this.#hasFaulted) return { how, message: `${who}: ${message}` };
    return this.#fail(how, `${who}: ${message}`);
  }

  /** The loader has read what cannot be read. */
  get #hasFaulted(): boolean {
    return this.#unreadable.met !== undefined && !this.#handedOver;
  }

  #failInResets(period: number): StartEnd {
    const same =
      period === 1 ? "each start leaves all as it was" : `after each ${period} starts all is as it was`;
    return this.#endInFailure("livelock", `the hart is reset for ever, and no application comes up: ${same}`);
  }

  #failInFaults(): StartEnd {
    const where = hex32(this.#unreadable.met ?? 0);
    return this.#endInFailure(
      "fault-loop",
      `the loader cannot read ${where}, and comes to nothing over that at ${FAULT_LOOP_STARTS} starts in a row`,
    );
  }

  /** One that ends so because of what was done to it is begun anew: what comes of that counts. */
  #fail(how: Failure, message: string): StartEnd | ResetReason {
    if (this.#goesOnDisturbed) {
      this.#role = Role.NOTHING;
      return ResetReason.EXTERNAL;
    }
    return this.#endInFailure(how, message);
  }

  #endInFailure(how: Failure, message: string): StartEnd {
    this.#parts.sink.event({ type: "failed", how, message, whole: this.whole });
    return this.#said.has("safe") ? "safe" : "failed";
  }

  // What is seen ----------------------------------------------------------------------------------------------

  #awaitHandOver(): void {
    this.#calls.start(this.#handOver, this.#codeAwaited);
  }

  /** The instruction there is the next one. */
  #fetched(pc: number): void {
    if (!this.#handedOver && isWithin(this.#handOver, pc)) this.#tellHandOver(pc);
    this.#heard(({ code }) => code !== undefined && isWithin([rangeOf(code)], pc));
  }

  /** Code by which something is known that was not said yet. */
  get #codeAwaited(): readonly AddressRange[] {
    const { criteria } = this.#parts.profile;
    return SAYINGS.flatMap((saying) => {
      const { code } = criteria[saying];
      return code === undefined || this.#said.has(saying) ? [] : [rangeOf(code)];
    });
  }

  /** Where a start is over for the loader. */
  #handOverRanges(): readonly AddressRange[] {
    const { profile } = this.#parts;
    const ranges = profile.slots.flatMap(({ name, flash, offset, bytes }) => {
      const base = profile.board.flash[flash]?.base;
      if (name === "scratch" || base === undefined) return [];
      return [{ first: base + offset, last: base + offset + bytes - 1 }];
    });
    return [...ranges, ...profile.loadRanges.map(rangeOf)];
  }

  #tellHandOver(pc: number): void {
    const { profile, images, sink } = this.#parts;
    const place = flashAt(profile.board, pc);
    const slot = place && this.#slotAt(place.device, place.offset);
    this.#handedOver = true;
    this.#retiredAtHandOver = this.machine.retired;
    this.#unkicked(this.#board.unkickedTicks(this.machine));
    this.#runningSlot = slot?.name;
    const bytes = slot && this.slotBytes(slot);
    const image = bytes === undefined ? this.#imageInRam(pc) : imageIn(bytes, images);
    if (image === undefined) this.#noImageSince = this.machine.retired;
    const mixedOf = image === undefined && bytes !== undefined ? mostlyIn(bytes, images)?.name : undefined;
    sink.event({
      type: "handed-over",
      tookMs: (this.nowNs - this.#startedNs) / NS_PER_MS,
      slot: slot?.name ?? "ram",
      image: image?.name,
      mixedOf,
      // What was left in scratch when the loader is done nobody looks for.
      whole: this.#wholeIn(profile.slots.filter(({ name }) => name !== "scratch")),
    });
  }

  #unkicked(ticks: number | undefined): void {
    if (ticks !== undefined) this.longestUnkicked = Math.max(this.longestUnkicked ?? 0, ticks);
  }

  /** The image whose bytes lie at the start of the load range that `pc` is in. */
  #imageInRam(pc: number): NamedImage | undefined {
    const { profile, images } = this.#parts;
    const range = profile.loadRanges.find((each) => isWithin([rangeOf(each)], pc));
    const bytes = range && this.machine.space.ram(range.base, range.bytes);
    return bytes && imageIn(bytes, images);
  }

  #heard(matches: (criterion: Criterion) => boolean): void {
    const { profile, sink } = this.#parts;
    for (const saying of SAYINGS) {
      if (this.#said.has(saying) || !matches(profile.criteria[saying])) continue;
      this.#said.add(saying);
      sink.event({ type: "said", saying });
      this.#calls.tellOnly(this.#codeAwaited);
      if (this.#isDone || saying === "panic") this.#endRun();
    }
  }

  /** The run that is under way comes back after the instruction that executes. */
  #endRun(): void {
    this.machine.hart[Hart.ATTENTION] = 1;
    this.machine.hart[Hart.LIMIT] = 0;
  }

  // What is under it ------------------------------------------------------------------------------------------

  #makeHost(): ProfileHost {
    const { bank, persistent, sink, modules } = this.#parts;
    return {
      chips: bank.chips,
      ...(modules && { modules }),
      beforeUnit: (device, operation) => this.#beforeUnit(device, operation),
      counters: {
        load32: (index) => persistent.words[persistent.wholeLayout.nvram / 4 + index] as number,
        store32: (index, value) => {
          sink.beforeStore();
          if (index < COUNTERS) this.#parts.onCounter(value >>> 0);
          persistent.store(persistent.wholeLayout.nvram / 4 + index, value);
        },
      },
      watchdogKicked: (ticks) => this.#unkicked(ticks),
      counterLowered: (counter, held, value) =>
        sink.event({
          type: "lowered",
          message: `counter ${counter} holds ${held}, and less was stored to it: ${value}`,
        }),
      misused: (message, isAccessing) =>
        sink.event({
          type: "misused",
          message: isAccessing ? this.#misuses.placed(message, this.#handedOver) : message,
        }),
      onReset: () => {
        this.#resetAsked = ResetReason.SOFTWARE;
      },
      mark: (mark) => this.#heard((criterion) => criterion.mark === mark),
      role: () => this.#role,
      upload: () => ({ address: this.#uploadAddress, bytes: this.upload?.length ?? 0 }),
    };
  }

  #fetchFaulted(pc: number): void {
    const message = this.#board.fetchMisuse(pc);
    if (message === undefined) return;
    const placed = this.#misuses.placed(message, this.#handedOver, pc);
    this.#parts.sink.event({ type: "misused", message: placed });
  }

  /** In the middle of RAM, where neither programs nor stacks are. */
  get #uploadAddress(): number {
    return RAM_BASE + this.#parts.profile.board.ramBytes / 2;
  }

  #beforeUnit(device: number, operation: ChipOperation): void {
    const { bank, sink } = this.#parts;
    this.#beginsUnit = true;
    try {
      sink.beforeUnit(bank.unitOf(device, operation));
    } catch (error) {
      operation.abort();
      throw error;
    } finally {
      this.#beginsUnit = false;
    }
    if (operation.kind === "erase") {
      this.#erased = { device, offset: operation.unitOffset };
      this.#endRun();
    }
    const fault = this.#unitFault;
    const chip = bank.chips[device];
    this.#unitFault = undefined;
    if (fault === undefined || chip === undefined) return;
    const { unitOffset, unitEnd } = operation;
    if (fault === "bad-block") chip.damage("bad", unitOffset, unitEnd - unitOffset);
    else chip.failsNext = true;
  }

  #slotAt(device: number, offset: number): Slot | undefined {
    return this.#parts.profile.slots.find(
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

/** Why it is reset, by the name of the fault. */
function reasonOf(fault: string): ResetReason {
  return fault.startsWith("watchdog") ? ResetReason.WATCHDOG : ResetReason.EXTERNAL;
}

function rangeOf({ base, bytes }: CodeRange): AddressRange {
  return { first: base, last: base + bytes - 1 };
}

/** The hart is reset in the middle of an instruction. */
class HartReset extends Interruption {
  override readonly name = "HartReset";
}
const HART_RESET = new HartReset("the hart is reset");
