/**
 * A hart with its memory, devices and clock: everything of a controller but threads, files and wall time.
 *
 * One class for three shells: the controller worker (live), the virtual device of the sweep, `flipside run`.
 * Invariants: all state but memory, and that of registers of chips that are not there, is in the hart's and the devices'
 * words, so {@link Machine.saveState} is two copies; between two runs MIP is what the devices say; a stop, once told, stays until the next reset, and
 * nothing retires after it.
 */
import { UnreadableBlocks } from "../emulator/flash/unreadable-blocks.ts";
import { Control, controlTimes, controlWords } from "../emulator/memory/control.ts";
import { Evidence } from "../emulator/memory/evidence.ts";
import { type Layout, PAGE_BYTES } from "../emulator/memory/layout.ts";
import { CLINT_BASE, INSTRUCTIONS_PER_TICK, NS_PER_TICK } from "../emulator/memory/map.ts";
import type { BoardParts, BoardPlan } from "./boards.ts";
import { DeviceBus } from "./bus.ts";
import { type Clock, LiveClock, VirtualClock } from "./clock.ts";
import { AccessGuard, type AccessWatcher } from "./cpu/access-guard.ts";
import { Access, kindsAt, NO_ZONES, type Zones, zonesFrom } from "./cpu/access-zones.ts";
import { type AddressRange, isWithin } from "./cpu/address-range.ts";
import { AddressSpace, flagsOfPage, LineFlag } from "./cpu/address-space.ts";
import { advanceCounter, countInstructions, MSTATUSH_MDT } from "./cpu/csr.ts";
import { DataPath } from "./cpu/data-path.ts";
import { DecodedCode } from "./cpu/decoded-code.ts";
import {
  type AccessRecorder,
  BUS_FAULT,
  type Bus,
  type Cause,
  type Engine,
  InterruptBit,
  Stop,
  type StoreObserver,
} from "./cpu/engine.ts";
import { Hart, type Mode, resetHart, retiredInstructions } from "./cpu/hart.ts";
import { Interpreter, type InterpreterParts } from "./cpu/interpreter.ts";
import { Extension } from "./cpu/isa.ts";
import { forbiddenZones } from "./cpu/pmp.ts";
import { regionReadFaults } from "./cpu/read-faults.ts";
import { type ArmedRanges, Triggers } from "./cpu/triggers.ts";
import { Clint } from "./devices/clint.ts";
import type { Board, Device } from "./devices/device.ts";
import { DEVICE_STATE_WORDS, StateWords } from "./devices/state.ts";
import type { SerialLine } from "./devices/uart.ts";
import { PollingLoop } from "./polling-loop.ts";

/** Why {@link Machine.run} came back. */
export const enum MachineStop {
  /** The budget of instructions is used up. */
  BUDGET = 0,
  /** ATTENTION is set: another thread wants something. It stays set until the shell takes it. */
  ATTENTION = 1,
  /** The hart waits, in `wfi` or for memory, for an event that only time or the outside can bring. */
  IDLE = 2,
  /** The tick given as the horizon has come. */
  HORIZON = 3,
  /** The hart has stopped for good: {@link Machine.evidence} tells why. */
  STOPPED = 4,
  /** The next instruction is one of those that {@link Machine.awaitFetch} was given. */
  FETCH = 5,
}

export interface MachineOptions {
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
  /** Worker slot whose block holds the hart. */
  readonly slot: number;
  readonly plan: BoardPlan;
  /** Absent: the virtual clock. */
  readonly liveClock?: { readonly nowNs: () => number };
  readonly line?: SerialLine;
  /** As {@link BoardParts} has them. */
  readonly epochNs?: bigint;
  readonly onReset?: () => void;
  readonly servesFlash?: boolean;
  readonly onFlashPost?: () => void;
  /** Called when the firmware has news for the outside (ready, confirm, a posted completion). */
  readonly ring?: () => void;
  /**
   * Rounds of a loop that waits for a device, or for nothing, are counted and not executed, under the virtual clock: what
   * comes of it is the same.
   */
  readonly countsRounds?: boolean;
  /** Called at least every few milliseconds while a run is under way, unless the thread is stuck. */
  readonly showLife?: () => void;
  /** Called when the hart takes a synchronous exception, before anything of it can be seen: what mcause and mtval are to be. */
  readonly onException?: (cause: number, value: number) => void;
  /** Builds the engine; the interpreter is given for what another engine leaves to it. */
  readonly engine?: (
    parts: InterpreterParts,
    interpreter: Interpreter,
    memory: WebAssembly.Memory,
    slot: number,
  ) => Engine;
}

/**
 * The last tick that the virtual clock can tell exactly, after three years: beyond, rounding would swallow the step to
 * an event, and a waiting hart would step for ever. What lies there never comes, whichever the clock.
 */
const LAST_TICK = Math.floor(Number.MAX_SAFE_INTEGER / INSTRUCTIONS_PER_TICK);

/** Instructions until it is looked whether the hart is in a loop that waits: at first, and at the most. */
const LEAST_UNTIL_LOOK = 2 ** 14;
const MOST_UNTIL_LOOK = 2 ** 20;
/** And so many loads from devices at the most: what computes for long asks nobody. */
const LOADS_UNTIL_LOOK = 256;
/** Counters take so many at once at the most. */
const MOST_COUNTED = 2 ** 31;

/** Words that {@link Machine.saveState} fills at the most, whatever the board. */
export const STATE_WORDS = Hart.WORDS + DEVICE_STATE_WORDS;

/** The machine's own words of state. */
const enum OwnWord {
  /** {@link Evidence} of the stop, 0 while there is none; its code; 1 if it is the finisher's pass. */
  STOP_EVIDENCE = 0,
  STOP_CODE = 1,
  STOP_PASSED = 2,
  /** Boot epoch of this run, latched when it starts; 0 before. */
  BOOT_EPOCH = 3,
  WORDS = 4,
}

type Interrupting = Device & Required<Pick<Device, "pending">>;
type Timed = Device & Required<Pick<Device, "nextEvent">>;
type Ticking = Device & Required<Pick<Device, "tick">>;

const isInterrupting = (device: Device): device is Interrupting => device.pending !== undefined;
const isTimed = (device: Device): device is Timed => device.nextEvent !== undefined;
const isTicking = (device: Device): device is Ticking => device.tick !== undefined;

export class Machine {
  readonly space: AddressSpace;
  readonly hart: Int32Array;
  readonly clock: Clock;
  readonly interpreter: Interpreter;
  readonly #engine: Engine;
  readonly #code: DecodedCode;
  readonly #data: DataPath;
  readonly #triggers: Triggers | undefined;
  readonly #guard: AccessGuard;
  readonly #bus = new DeviceBus();
  readonly #state: StateWords;
  readonly #own: Int32Array;
  readonly #control: Int32Array;
  readonly #unreadable: UnreadableBlocks;
  readonly #clint: Clint;
  readonly #devices: Device[] = [];
  readonly #interrupting: Interrupting[] = [];
  readonly #timed: Timed[] = [];
  readonly #ticking: Ticking[] = [];
  readonly #showLife: () => void;
  #serveHostCall: (pc: number) => boolean = () => false;
  /** What memory itself refuses, and fetches that somebody waits for; each is a second look. */
  #refused: Zones = NO_ZONES;
  #awaited: Zones = NO_ZONES;
  #fetchCame = false;
  /** Where the next instruction reads memory that is busy, and waits for it. */
  #stalledAt: number | undefined;
  readonly #hasPmp: boolean;
  #recorded: Zones = NO_ZONES;
  readonly #loop: PollingLoop | undefined;
  #untilLook = LEAST_UNTIL_LOOK;
  #sinceLook = 0;
  #loadsSinceLook = 0;
  /** How often something was asked that is no memory, or did something by itself: a device, a CSR, a trap. */
  asked = 0;
  #countersAsked = 0;
  #timeTold = 0;
  /** Tick at which the run that is under way is to end. */
  #horizon = Number.POSITIVE_INFINITY;
  /** How long the shell was told that it may park the hart. */
  #parkedTicks = 0;
  /** When the clock was last looked at, and how many instructions had retired. */
  #lookedTick = 0;
  #retiredAtLook = 0;

  constructor(options: MachineOptions) {
    const { memory, layout, slot, plan } = options;
    this.space = new AddressSpace(memory, layout, slot, plan.memory(layout));
    const slotOffset = layout.slots[slot] as number;
    this.hart = new Int32Array(memory.buffer, slotOffset, Hart.WORDS);
    this.#state = new StateWords(memory, slotOffset);
    this.#own = this.#state.words(OwnWord.WORDS);
    this.#control = controlWords(memory, layout);
    this.#unreadable = new UnreadableBlocks(memory, layout);
    // Whichever the clock: the devices' words lie in the same place.
    this.clock = createClock(options, this.hart, this.#state.timeDoubles(1));
    const ring = options.ring ?? (() => undefined);
    this.#showLife = options.showLife ?? (() => undefined);
    const board = this.#board(ring);
    this.#clint = new Clint(this.#state, board, plan.isVirt);
    this.attach(CLINT_BASE, this.#clint);
    const parts: BoardParts = {
      ...options,
      state: this.#state,
      control: this.#control,
      board,
      readRam: (address, byteCount) => this.space.ram(address, byteCount)?.slice(),
      storeRam: (address, bytes) => this.#storeRam(address, bytes),
      regionCount: () => this.space.regionCount,
      readRegion: (region, offset, byteCount) => this.space.readRegion(region, offset, byteCount),
      readFault: (region, offset, byteCount) => this.#unreadable.firstIn(region, offset, byteCount),
      regionsChanged: () => this.refuseUnreadable(),
      tookLong: () => this.tookLong(),
      answers: (base, answers) => this.space.setAnswering(base, answers),
      stalls: (base, stalls) => this.space.setStalled(base, stalls),
    };
    for (const [base, device, source] of plan.devices(parts)) this.attach(base, device, source);
    const bus = this.#engineBus(options.onException ?? (() => undefined));
    const { hart: features } = plan;
    this.#hasPmp = features.pmpEntries > 0;
    const pmp: AccessWatcher = { forbids: true, zones: (mode) => forbiddenZones(this.hart, mode) };
    const hasTriggers = (plan.extensions & Extension.SDTRIG) !== 0;
    this.#triggers = hasTriggers
      ? new Triggers(this.hart, features.userMode, (was, now) => this.#watch(was, now))
      : undefined;
    const watchers: AccessWatcher[] = [
      ...(features.pmpEntries > 0 ? [pmp] : []),
      ...(this.#triggers ? [this.#triggers] : []),
      { forbids: true, zones: () => this.#refused },
      { forbids: true, zones: () => this.#awaited },
      { forbids: false, zones: () => this.#recorded },
    ];
    this.#guard = new AccessGuard(this.hart, this.space, watchers);
    this.#data = new DataPath(this.space, this.hart, bus, this.#guard);
    this.#code = new DecodedCode(this.space, plan.extensions);
    this.#data.addCodeCache(this.#code);
    // What an engine armed that had the slot before is no longer.
    this.#triggers?.refresh();
    const engineParts = {
      hart: this.hart,
      space: this.space,
      code: this.#code,
      data: this.#data,
      bus,
      extensions: plan.extensions,
      guard: this.#guard,
      features,
      triggers: this.#triggers,
    };
    this.interpreter = new Interpreter(engineParts);
    this.#engine = options.engine?.(engineParts, this.interpreter, memory, slot) ?? this.interpreter;
    const countsRounds = options.countsRounds === true && options.liveClock === undefined;
    this.#loop = countsRounds
      ? new PollingLoop(this.hart, this.space, plan.extensions, (address) => this.#bus.isSteady(address))
      : undefined;
    this.reset(0);
  }

  /** Builds a further peripheral in. @param source of the board's PLIC, where its interrupt line goes there */
  attach(base: number, device: Device, source?: number): void {
    this.#bus.attach(base, device);
    this.#devices.push(device);
    if (isInterrupting(device) && source === undefined) this.#interrupting.push(device);
    if (isTimed(device)) this.#timed.push(device);
    if (isTicking(device)) this.#ticking.push(device);
  }

  // Starting ------------------------------------------------------------------------------------------------

  /** Reset of hart and devices, execution to begin at `pc`. mtime goes on; memory stays as it is. */
  reset(pc: number): void {
    this.clock.hartReset();
    resetHart(this.hart, pc);
    this.#triggers?.refresh();
    this.#guard.zonesChanged();
    this.#retiredAtLook = 0;
    this.#own.fill(0);
    for (const device of this.#devices) device.reset?.();
    this.#data.fenceInstructions();
  }

  /** Points the window at `region`. Between runs only. */
  setRegion(region: number): void {
    this.space.setRegion(region);
    this.refuseUnreadable();
  }

  /** From here on memory refuses what of the regions cannot be read by now. Between runs, or by a device's access. */
  refuseUnreadable(): void {
    if (this.#unreadable.isWithoutEcc) return;
    const zones = regionReadFaults(this.space, this.#unreadable);
    if (zones !== NO_ZONES || this.#refused !== NO_ZONES) this.refuse(zones);
  }

  /** Has the first `count` of the layout's regions alone. Between runs only, the window on one of these. */
  limitRegions(count: number): void {
    this.space.limitRegions(count);
  }

  /** Decodes the first `bytes` of a region before they are needed: an image that is about to be a standby. */
  decodeAhead(region: number, bytes: number): void {
    this.#code.decodeAhead(region, bytes);
  }

  /**
   * Bytes of a region changed: what was decoded from it is dropped.
   * @param part the addresses of the window at which they lie; anywhere in it where it is absent
   */
  regionChanged(region: number, part?: AddressRange): void {
    this.#data.regionChanged(region, part);
  }

  /** Bytes of RAM changed by another hand than the hart's: what was decoded from RAM is dropped. */
  ramChanged(): void {
    this.#data.fenceInstructions();
  }

  /** Stores a word of memory for another hand than the hart's while this executes, as a host does that it asked. */
  storeWord(address: number, value: number): void {
    this.#data.storeUnchecked(address, 4, value);
  }

  /** As {@link storeWord}, of any number of bytes. */
  storeBytes(address: number, bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; ) {
      const whole = ((address + at) & 3) === 0 && at + 4 <= bytes.length;
      if (whole) this.#data.storeUnchecked(address + at, 4, view.getInt32(at, true));
      else this.#data.storeUnchecked(address + at, 1, bytes[at] as number);
      at += whole ? 4 : 1;
    }
  }

  #storeRam(address: number, bytes: Uint8Array): boolean {
    const isThere = this.space.ram(address, bytes.length) !== undefined;
    if (isThere) this.storeBytes(address, bytes);
    return isThere;
  }

  /** Has `serve` carry out what a program asks of its host by `ebreak`: true if the one at `pc` is such a call. */
  serveHostCalls(serve: (pc: number) => boolean): void {
    this.#serveHostCall = serve;
  }

  /** Memory refuses these accesses, as flash does whose cells have no valid ECC. Between runs, or by a device's store. */
  refuse(zones: Zones): void {
    this.#refused = zones;
    this.#zonesChanged();
  }

  /** Has {@link run} come back, as FETCH, before the next instruction in these ranges; once. Between runs only. */
  awaitFetch(ranges: readonly AddressRange[]): void {
    this.#awaited =
      ranges.length === 0
        ? NO_ZONES
        : zonesFrom(
            ranges.flatMap(({ first, last }) => [first, last + 1]),
            (address) => (isWithin(ranges, address) ? Access.FETCH : 0),
          );
    this.#zonesChanged();
  }

  /**
   * Tells `recorder` of every load and store in these zones, but of those of RAM only where the line has its flags LOAD_M and
   * STORE_M, which are the recorder's to set; undefined: of none any more. Between runs only.
   */
  record(zones: Zones, recorder: AccessRecorder | undefined): void {
    this.#recorded = zones;
    this.#data.recorder = recorder;
    this.#zonesChanged();
  }

  /**
   * Puts in place what the next `instructions` come to: registers and the program counter. Memory is the shell's to
   * change. Between runs only.
   * @param registers x0 to x31, SINK and PC
   */
  fastForward(registers: Int32Array, instructions: number): void {
    const { hart } = this;
    hart.set(registers, Hart.X);
    this.#count(instructions);
  }

  /** How often what time it is, or how much was executed, was asked. */
  get timeAsked(): number {
    return this.#countersAsked + this.#bus.timeLoads + this.#timeTold;
  }

  /** Nothing will happen in a device by itself. Between runs only. */
  get isUntimed(): boolean {
    return this.#nextEvent(this.#lookedTick) === Number.POSITIVE_INFINITY;
  }

  /** Somebody looks at loads and stores besides a recorder: PMP, triggers, memory that refuses or is not there at the moment. */
  get isGuarded(): boolean {
    const mode = this.hart[Hart.MODE] as Mode;
    const isProtected = this.#hasPmp && forbiddenZones(this.hart, mode) !== NO_ZONES;
    const { execute = [], load = [], store = [] } = this.#triggers?.armed ?? {};
    const isWatched = execute.length + load.length + store.length > 0;
    return isProtected || isWatched || this.#refused !== NO_ZONES || this.space.hasHidden;
  }

  /** So many instructions retire at the most before a device does something by itself. Between runs only. */
  get instructionsToEvent(): number {
    return this.#instructionsToEvent(this.#update());
  }

  #zonesChanged(): void {
    this.#guard.zonesChanged();
    Atomics.store(this.hart, Hart.LIMIT, 0);
  }

  /** Has `observer` told of stores to NVRAM, host memory and watched pages of RAM. */
  observeStores(observer: StoreObserver | undefined): void {
    this.#data.observer = observer;
  }

  /** Has the observer told of stores to the page of RAM at this host offset, or no longer. */
  watchPage(offset: number, watched: boolean): void {
    const page = Math.floor((offset - this.space.ramOffset) / PAGE_BYTES);
    const flags = flagsOfPage(this.space, page);
    if (flags.length === 0) throw new Error(`there is no page of RAM at offset ${offset}`);
    flags.forEach((flag, line) => {
      flags[line] = watched ? flag | LineFlag.WATCHED : flag & ~LineFlag.WATCHED;
    });
  }

  // Running -------------------------------------------------------------------------------------------------

  /**
   * Executes at most `maxInstructions`, and not past the tick `horizon`. Where the hart waits, by `wfi` or for memory that is
   * busy, the virtual clock jumps to the next event; live it comes back as IDLE, and the shell waits {@link parkNs} at most.
   */
  run(maxInstructions: number, horizon = Number.POSITIVE_INFINITY): MachineStop {
    this.#horizon = horizon;
    this.#latchEpoch();
    let remaining = maxInstructions;
    for (;;) {
      this.#showLife();
      const now = this.#update();
      if (this.stopped) return MachineStop.STOPPED;
      if (Atomics.load(this.hart, Hart.ATTENTION) !== 0) return MachineStop.ATTENTION;
      if (remaining <= 0) return MachineStop.BUDGET;
      if (now >= horizon) return MachineStop.HORIZON;
      const limit = Math.min(remaining, this.#instructionsToEvent(now));
      const before = retiredInstructions(this.hart);
      const stop = this.#loop === undefined ? this.#engine.run(limit) : this.#runOrCount(limit, this.#loop);
      remaining -= retiredInstructions(this.hart) - before;
      if (stop === Stop.WFI && !this.#passTime()) return MachineStop.IDLE;
      if (stop === Stop.CRITICAL_ERROR || stop === Stop.TRAP_LOOP) this.#stopByTrap();
      // At once, without a look at the clock: somebody waits for this.
      if (this.stopped) return MachineStop.STOPPED;
      if (this.#fetchCame) return this.#takeFetch();
      if (!this.#passStall()) return MachineStop.IDLE;
    }
  }

  /** A device has thrown out of the run that was under way: what had retired until then has. */
  leaveRun(): void {
    this.interpreter.finish();
  }

  /** Executes `limit` instructions at the most, or counts them: in turns, so that a wait that begins meanwhile is soon found. */
  #runOrCount(limit: number, loop: PollingLoop): Stop {
    const { hart } = this;
    const before = retiredInstructions(hart);
    const stop = this.#engine.run(Math.min(limit, this.#untilLook));
    const executed = retiredInstructions(hart) - before;
    this.#sinceLook += executed;
    const isDue = this.#sinceLook >= this.#untilLook || this.#loadsSinceLook >= LOADS_UNTIL_LOOK;
    if (stop !== Stop.LIMIT || !isDue) return stop;
    this.#loadsSinceLook = 0;
    if (limit - executed < LEAST_UNTIL_LOOK) return stop;
    this.#sinceLook = 0;
    return this.#countRounds(limit - executed, loop);
  }

  /** A device is asked: so many times, and whoever asks may be waiting. */
  #countLoad(): void {
    if (this.#loop === undefined) return;
    this.#loadsSinceLook += 1;
    if (this.#loadsSinceLook === LOADS_UNTIL_LOOK) this.#endRunSoon();
  }

  /** Looks whether the hart is in a loop that waits, and counts its rounds. */
  #countRounds(limit: number, loop: PollingLoop): Stop {
    const before = retiredInstructions(this.hart);
    let stop = Stop.LIMIT;
    const round = loop.round(() => {
      stop = this.#engine.run(1);
    });
    if (Atomics.load(this.hart, Hart.ATTENTION) !== 0) return stop;
    if (round === 0 || stop !== Stop.LIMIT) {
      this.#untilLook = Math.min(2 * this.#untilLook, MOST_UNTIL_LOOK);
      return stop;
    }
    this.#untilLook = LEAST_UNTIL_LOOK;
    const left = limit - (retiredInstructions(this.hart) - before);
    const rounds = Math.floor(
      Math.min(left, this.#instructionsToEvent(this.#update()), MOST_COUNTED) / round,
    );
    this.#count(rounds * round);
    return stop;
  }

  /** So many instructions have retired that left everything else as it was. */
  #count(instructions: number): void {
    const { hart } = this;
    countInstructions(hart, instructions);
    hart[Hart.COUNTED] = 0;
    advanceCounter(hart, Hart.RETIRED_LO, instructions);
  }

  /** Lets virtual time pass to the next event where the hart waits for memory. False if time is real, and it waits on. */
  #passStall(): boolean {
    const address = this.#stalledAt;
    if (address === undefined) return true;
    this.#stalledAt = undefined;
    const now = this.#update();
    return this.stopped || !this.space.isStalled(address) || this.#skipToEvent(now);
  }

  #takeFetch(): MachineStop {
    this.#fetchCame = false;
    this.awaitFetch([]);
    return MachineStop.FETCH;
  }

  /** What the hart does takes longer than instructions do: shows life, and ends a run that is under way. */
  tookLong(): void {
    this.#showLife();
    this.#endRunSoon();
  }

  #endRunSoon(): void {
    Atomics.store(this.hart, Hart.LIMIT, 0);
  }

  /**
   * Goes through the motions of a start and retires nothing: what {@link run} will need is in the caches then, which a
   * thread finds cold after it has slept. Changes nothing that anybody can see.
   */
  rehearse(): void {
    this.ramChanged();
    this.#update();
    this.#engine.run(0);
  }

  /** How long a waiting hart may be parked, in nanoseconds, at most `maxNs`: until the next event of its devices. */
  parkNs(maxNs = Number.POSITIVE_INFINITY): number {
    const now = this.clock.now();
    const until = Math.min(now + maxNs / NS_PER_TICK, this.#nextEvent(this.#lookedTick));
    // It waits since the last look: were that forgiven, a watchdog would come nearer for ever and never expire. But it
    // does not wait beyond the event, however late this is.
    this.#parkedTicks = Math.max(0, until - this.#lookedTick);
    return Math.max(0, until - now) * NS_PER_TICK;
  }

  // By another hand than the hart's, between two runs -----------------------------------------------------------

  /** The hart takes an exception in place of the instruction that is next, as if that had trapped. */
  takeException(cause: Cause, value: number): void {
    if (this.stopped) return;
    const stop = this.interpreter.takeException(cause, value);
    if (stop === Stop.CRITICAL_ERROR || stop === Stop.TRAP_LOOP) this.#stopByTrap();
  }

  /** The hart goes on at `pc`. */
  jump(pc: number): void {
    this.hart[Hart.WAITING] = 0;
    this.hart[Hart.PC] = pc;
  }

  /** Of the instruction that is next, where memory holds it; 4 where nothing can be fetched. */
  get instructionBytes(): number {
    const offset = this.space.executable(this.hart[Hart.PC] as number, 2);
    return offset < 0 || ((this.space.bytes[offset] as number) & 3) === 3 ? 4 : 2;
  }

  /** The hart waits and nothing wakes it: no instruction retires any more, and time passes for its devices. */
  hold(): void {
    this.hart[Hart.MIE] = 0;
    this.hart[Hart.WAITING] = 1;
  }

  // What stands -----------------------------------------------------------------------------------------------

  get stopped(): boolean {
    return this.#own[OwnWord.STOP_EVIDENCE] !== Evidence.NONE;
  }

  /** Why the hart stopped; NONE while it has not. */
  get evidence(): Evidence {
    return this.#own[OwnWord.STOP_EVIDENCE] as Evidence;
  }

  /** Code of the stop: the finisher's, the panic's, the bad kick's value, mcause of the last trap. */
  get stopCode(): number {
    return this.#own[OwnWord.STOP_CODE] as number;
  }

  /** The hart is in the handler of a synchronous exception. */
  get handlesException(): boolean {
    const inHandler = ((this.hart[Hart.MSTATUSH] as number) & MSTATUSH_MDT) !== 0;
    return inHandler && (this.hart[Hart.MCAUSE] as number) >= 0;
  }

  /** A trap stopped it: one that nobody handled, or one whose handler gave up. */
  get #stoppedByTrap(): boolean {
    const { evidence } = this;
    return evidence === Evidence.TRAP || (evidence === Evidence.PANIC && this.handlesException);
  }

  /** Where: the instruction that trapped, else the one that would have been next. */
  get stopPc(): number {
    return this.hart[this.#stoppedByTrap ? Hart.MEPC : Hart.PC] as number;
  }

  /** mtval of the trap that stopped the hart; 0 if none did. */
  get stopTval(): number {
    if (this.#stoppedByTrap) return this.hart[Hart.MTVAL] as number;
    return this.evidence === Evidence.DOUBLE_TRAP ? (this.hart[Hart.TRAP_TVAL] as number) : 0;
  }

  /** True if the finisher said pass. */
  get passed(): boolean {
    return this.#own[OwnWord.STOP_PASSED] === 1;
  }

  /** What somebody outside may do at any time would wake the hart. */
  get awaitsInput(): boolean {
    const isOpen = ((this.hart[Hart.MIE] as number) & InterruptBit.EXTERNAL) !== 0;
    return isOpen && this.#interrupting.some((device) => device.awaitsInput?.() === true);
  }

  get retired(): number {
    return retiredInstructions(this.hart);
  }

  /** Stops the hart: nothing retires any more before the next reset. The first stop counts. */
  stop(evidence: Evidence, code: number, passed = false): void {
    if (this.stopped) return;
    this.#own[OwnWord.STOP_EVIDENCE] = evidence;
    this.#own[OwnWord.STOP_CODE] = code;
    this.#own[OwnWord.STOP_PASSED] = passed ? 1 : 0;
  }

  /** Words that {@link saveState} fills on this board. */
  get stateWords(): number {
    return Hart.WORDS + this.#state.all.length;
  }

  /** Copies hart and devices, which is all state but memory, into {@link stateWords} words. Between runs only. */
  saveState(into: Int32Array): void {
    into.set(this.hart, 0);
    into[Hart.LIMIT] = 0; // The last run's, and no state of the machine.
    into.set(this.#state.all, Hart.WORDS);
  }

  /** As {@link saveState}, without what time it is and how much was executed. */
  saveTimeless(into: Int32Array): void {
    this.saveState(into);
    into.fill(0, Hart.RETIRED_LO, Hart.RETIRED_HI + 1);
    into.fill(0, Hart.MCYCLE_LO, Hart.MINSTRET_HI + 1);
    into.fill(0, Hart.LAST_TRAP_LO, Hart.LAST_TRAP_HI + 1);
    this.#state.clearTimes(into, Hart.WORDS);
  }

  /** Puts a saved state back. The shell puts memory back, and says what code changed. */
  restoreState(from: Int32Array): void {
    this.hart.set(from.subarray(0, Hart.WORDS));
    this.#triggers?.refresh();
    this.#code.rewatch();
    this.#guard.zonesChanged();
    const state = this.#state.all;
    state.set(from.subarray(Hart.WORDS, Hart.WORDS + state.length));
  }

  // Inside --------------------------------------------------------------------------------------------------

  #board(ring: () => void): Board {
    const own = this.#own;
    return {
      get bootEpoch() {
        return own[OwnWord.BOOT_EPOCH] as number;
      },
      nowTicks: () => this.clock.now(),
      catchUp: () => this.#update(),
      timeTold: () => {
        this.#timeTold += 1;
      },
      changed: (now) => this.#changed(now),
      stop: (evidence, code, passed) => this.stop(evidence, code, passed),
      ring,
    };
  }

  /** Triggers are armed elsewhere than they were. */
  #watch(was: ArmedRanges, now: ArmedRanges): void {
    this.#guard.zonesChanged();
    this.#data.watchExecution(now.execute, was.execute);
  }

  #engineBus(exception: (cause: number, value: number) => void): Bus {
    const machine = this;
    return {
      load: (address, size) => {
        this.#countLoad();
        return this.#answered(this.#bus.load(address, size));
      },
      store: (address, size, value) => this.#answered(this.#bus.store(address, size, value)),
      get stopRequested() {
        return machine.stopped;
      },
      timeLow: () => this.#clint.timeLow(this.clock.now()),
      timeHigh: () => this.#clint.timeHigh(this.clock.now()),
      exception,
      hostCall: (pc) => this.#hostCall(pc),
      asksBesides: (csr) => {
        this.asked += 1;
        if (csr !== undefined && isCounter(csr)) this.#countersAsked += 1;
      },
      fetchAwaited: (pc) => {
        this.#fetchCame = (kindsAt(this.#awaited, pc >>> 0) & Access.FETCH) !== 0;
        return this.#fetchCame;
      },
      stalls: (address) => {
        if (!this.space.isStalled(address)) return false;
        this.#stalledAt = address;
        this.asked += 1;
        return true;
      },
      tookLong: () => this.tookLong(),
    };
  }

  #hostCall(pc: number): boolean {
    const isServed = this.#serveHostCall(pc);
    if (isServed) this.#answered(0);
    return isServed;
  }

  /** A device was asked: what traps around that is not all that happens, unless no register answered. */
  #answered(result: number): number {
    this.asked += 1;
    if (result !== BUS_FAULT) this.hart[Hart.TRAPS_ALIKE] = 0;
    return result;
  }

  /** Says as which version this run speaks, once per reset: when it starts, not when it was prepared. */
  #latchEpoch(): void {
    const own = this.#own;
    if (own[OwnWord.BOOT_EPOCH] === 0) {
      own[OwnWord.BOOT_EPOCH] = Atomics.load(this.#control, Control.BOOT_EPOCH);
    }
  }

  /** Brings MIP and the devices up to the present, which it returns. */
  #update(): number {
    const now = this.clock.now();
    this.#lookedTick = now;
    const retired = retiredInstructions(this.hart) + (this.hart[Hart.RUN_RETIRED] as number);
    const stolen = this.clock.stolenTicks(now, retired - this.#retiredAtLook, this.#parkedTicks);
    this.#retiredAtLook = retired;
    this.#parkedTicks = 0;
    this.#raiseInterrupts(now);
    for (const device of this.#ticking) device.tick(now, stolen);
    return now;
  }

  #raiseInterrupts(now: number): void {
    let pending = 0;
    for (const device of this.#interrupting) pending |= device.pending(now);
    this.hart[Hart.MIP] = pending;
  }

  /**
   * In the middle of a run: a device's line or next event changed, so the run may have to end earlier.
   * @param lookedAt tick of the look at the clock that the access was done by
   */
  #changed(lookedAt?: number): void {
    this.asked += 1;
    const now = lookedAt ?? this.#update();
    if (lookedAt !== undefined) this.#raiseInterrupts(now);
    const retired = this.hart[Hart.RUN_RETIRED] as number;
    const limit = retired + this.#instructionsToEvent(now);
    if (limit >= Atomics.load(this.hart, Hart.LIMIT)) return;
    Atomics.store(this.hart, Hart.LIMIT, limit);
    // Another thread sets ATTENTION before it stores 0 to LIMIT: one of the two sees the other.
    if (Atomics.load(this.hart, Hart.ATTENTION) !== 0) Atomics.store(this.hart, Hart.LIMIT, 0);
  }

  #instructionsToEvent(now: number): number {
    return this.clock.instructionsUntil(Math.min(this.#nextEvent(now), this.#horizon), now);
  }

  /** Tick of the next event; Infinity if there is none, or none that the clock can reach. */
  #nextEvent(now: number): number {
    let tick = Number.POSITIVE_INFINITY;
    for (const device of this.#timed) tick = Math.min(tick, device.nextEvent(now));
    return tick > LAST_TICK ? Number.POSITIVE_INFINITY : tick;
  }

  /** The hart waits: lets virtual time pass to the next event. False if there is none, or time is real. */
  #passTime(): boolean {
    const now = this.#update();
    if (((this.hart[Hart.MIP] as number) & (this.hart[Hart.MIE] as number)) !== 0) return true;
    return this.#skipToEvent(now);
  }

  #skipToEvent(now: number): boolean {
    const tick = Math.min(this.#nextEvent(now), this.#horizon);
    return tick !== Number.POSITIVE_INFINITY && this.clock.skipTo(tick);
  }

  /** With no handler installed the first trap counts, which led here; else the one that hit the handler. */
  #stopByTrap(): void {
    const { hart } = this;
    if (hart[Hart.MTVEC] === 0) this.stop(Evidence.TRAP, hart[Hart.MCAUSE] as number);
    else this.stop(Evidence.DOUBLE_TRAP, hart[Hart.TRAP_CAUSE] as number);
  }
}

/** mcycle, minstret, cycle, time and instret, with their upper halves. */
function isCounter(csr: number): boolean {
  const block = csr & 0xf00;
  return block === 0xb00 || block === 0xc00;
}

function createClock(options: MachineOptions, hart: Int32Array, base: Float64Array): Clock {
  if (options.liveClock === undefined) return new VirtualClock(hart, base);
  const powerOnNs = controlTimes(options.memory, options.layout)[Control.POWER_ON_NS_F64] ?? 0;
  return new LiveClock(options.liveClock.nowNs, powerOnNs);
}
