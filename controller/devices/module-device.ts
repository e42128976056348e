/**
 * A peripheral that somebody's own module is: between it and the machine, and nothing is believed of what it answers.
 *
 * Invariants: of its state nothing is kept here but in words: those that it asked for, its interrupt line, and the tick at
 * which it wants to be woken; what interrupts a unit of flash goes on its way whatever the module does about it; what
 * hangs on the time is told to the board as such.
 */
import type { ChipStart, FlashChip } from "../../emulator/flash/flash-chip.ts";
import { BUS_FAULT, InterruptBit } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";
import type { DeviceFlash, DeviceModule, DeviceParts, FlashRefusal, ModuleDevice } from "./device-module.ts";
import { makeUnit, tearUnit, type UnitHooks } from "./flash-units.ts";
import type { GuestMemory } from "./guest-memory.ts";
import type { StateWords } from "./state.ts";

export const MOST_MODULE_WORDS = 256;
/** So often in a row it may be woken at one tick. */
const MOST_WAKES = 10_000;
const SIZES: readonly number[] = [1, 2, 4];

/** A module does not keep to what it must; `message` is one sentence that names the device. */
export class DeviceModuleFault extends Error {
  override readonly name = "DeviceModuleFault";
}

/** A flash device that modules get at. */
export interface NamedFlash extends UnitHooks {
  readonly name: string;
  readonly chip: FlashChip;
  /** `isAccessing`: it was asked in an access of the hart's, so that the instruction is the one that asked for it. */
  readonly misused: (message: string, isAccessing: boolean) => void;
}

/**
 * Calls what somebody brings: whoever looks on sees when it does not come back, and what is thrown is told with the name.
 * Gives the same function.
 */
export type CallGuard = <A extends readonly unknown[], R>(
  name: string,
  call: (...args: A) => R,
) => (...args: A) => R;

export interface ModuleDeviceOptions {
  /** As the device file calls it. */
  readonly name: string;
  readonly bytes: number;
  readonly options: unknown;
  /** It has an interrupt line. */
  readonly interrupts: boolean;
  /** What was exported, which nobody has looked at. */
  readonly module: unknown;
  readonly guard: CallGuard;
  readonly flash: readonly NamedFlash[];
  readonly memory: GuestMemory;
}

/** What of a module is called. */
const CALLS = ["create", "load", "store", "reset", "nextEvent", "tick", "interrupt"] as const;

/** The names that a guard is given for the calls of a device. */
export function moduleCallsOf(device: string): readonly string[] {
  return CALLS.map((call) => callName(call, device));
}

function callName(call: (typeof CALLS)[number], device: string): string {
  return `${call} of the device ${device}`;
}

const enum OwnWord {
  INTERRUPT = 0,
  WORDS = 1,
}

/** What was asked for, when it is not there. */
const NONE: Readonly<Required<Pick<ModuleDevice, "nextEvent" | "interrupt">>> = {
  nextEvent: () => Number.POSITIVE_INFINITY,
  interrupt: () => false,
};

export class ModuleHost implements Device {
  readonly name: string;
  readonly accessBytes: number;
  readonly blockBytes: number;
  readonly pending?: () => number;
  /**
   * What it is asked and answers is summed up, with what its words then are; `renews`: and it is made anew before every
   * call, so that what it does can hang on its words alone.
   */
  #scrutiny: { readonly renews: boolean; sum: number } | undefined;
  readonly #options: ModuleDeviceOptions;
  readonly #board: Board;
  readonly #own: Int32Array;
  /** One more than the tick at which it wants to be woken; 0 for none. */
  readonly #due: Float64Array;
  readonly #state: Int32Array;
  readonly #create: () => ModuleDevice;
  readonly #load: (offset: number, byteCount: number) => unknown;
  readonly #store: (offset: number, value: number, byteCount: number) => unknown;
  readonly #reset: () => unknown;
  readonly #tick: (now: number) => unknown;
  readonly #nextEvent: () => unknown;
  readonly #interrupt: () => unknown;
  #device: ModuleDevice;
  /** What time it is in the call that is under way; undefined until it is asked. */
  #now: number | undefined;
  /** The call that is under way is an access of the hart's. */
  #isAccessing = false;
  /** What has come between, in the call that is under way, and is no affair of the module's. */
  #interruption: { readonly thrown: unknown } | undefined;

  /** Throws {@link DeviceModuleFault}, and what the guard makes of what the module throws. */
  constructor(state: StateWords, options: ModuleDeviceOptions, board: Board) {
    const { name, bytes, interrupts, guard } = options;
    this.name = name;
    this.blockBytes = bytes;
    this.#options = options;
    this.#board = board;
    const module = this.#checked(options.module);
    this.accessBytes = (module.accessBytes ?? [1, 2, 4]).reduce<number>((sum, size) => sum | size, 0);
    this.#own = state.words(OwnWord.WORDS);
    this.#due = state.doubles(1);
    const { buffer, byteOffset } = state.doubles(Math.ceil(module.stateWords / 2));
    this.#state = new Int32Array(buffer, byteOffset, module.stateWords);
    const watched = <A extends readonly unknown[], R>(
      call: (typeof CALLS)[number],
      made: (...args: A) => R,
    ) => guard(callName(call, name), made);
    const parts = this.#parts();
    this.#create = watched("create", () => module.create(parts));
    this.#load = watched("load", (offset: number, count: number) => this.#device.load(offset, count));
    this.#store = watched("store", (offset: number, value: number, count: number) =>
      this.#device.store(offset, value, count),
    );
    this.#reset = watched("reset", () => this.#device.reset?.());
    this.#tick = watched("tick", (now: number) => this.#device.tick?.(now));
    this.#nextEvent = watched("nextEvent", () =>
      (this.#device.nextEvent ?? NONE.nextEvent).call(this.#device),
    );
    this.#interrupt = watched("interrupt", () =>
      (this.#device.interrupt ?? NONE.interrupt).call(this.#device),
    );
    if (interrupts) this.pending = () => (this.#own[OwnWord.INTERRUPT] === 0 ? 0 : InterruptBit.EXTERNAL);
    this.#device = this.#made();
  }

  reset(): void {
    this.#called(undefined, () => this.#nothing("reset", this.#reset()));
    this.#ask();
  }

  /** Power goes: its words are those of a device that never ran. */
  powerOff(): void {
    this.#state.fill(0);
    this.#own.fill(0);
    this.#due[0] = 0;
  }

  nextEvent(): number {
    const due = this.#due[0] as number;
    return due === 0 ? Number.POSITIVE_INFINITY : due - 1;
  }

  tick(now: number): void {
    if (this.nextEvent() > now) return;
    for (let wakes = 0; this.nextEvent() <= now; wakes += 1) {
      if (wakes === MOST_WAKES)
        this.#fault(`wants to be woken at tick ${this.nextEvent()}, and it is ${now}`);
      this.#called(now, () => this.#nothing("tick", this.#tick(now)));
      this.#ask();
    }
    this.#board.changed(now);
  }

  load(offset: number, byteCount: number): number {
    const now = this.#catchUp();
    const value = this.#accessed(now, () => this.#load(offset, byteCount));
    this.#asked(now, value);
    if (value === "fault") return BUS_FAULT;
    const isWord = typeof value === "number" && Number.isInteger(value);
    if (!isWord || value < -(2 ** 31) || value >= 2 ** 32)
      this.#fault(
        `gave ${shown(value)} for a load at ${offset}: it must be a whole number of 32 bits, or "fault"`,
      );
    return value >>> 0;
  }

  store(offset: number, value: number, byteCount: number): number {
    const now = this.#catchUp();
    const stored = this.#accessed(now, () => this.#store(offset, value >>> 0, byteCount));
    this.#asked(now, stored);
    if (stored === "fault") return BUS_FAULT;
    return this.#nothing("store", stored);
  }

  /** Begins to sum up. */
  scrutinize(renews: boolean): void {
    this.#scrutiny = { renews, sum: 0 };
  }

  /** Ends it: the sum, the same for two runs in which the same was asked and answered. */
  scrutinized(): number {
    const sum = this.#scrutiny?.sum ?? 0;
    this.#scrutiny = undefined;
    return sum;
  }

  #note(answer: unknown): void {
    const scrutiny = this.#scrutiny;
    if (scrutiny === undefined) return;
    let { sum } = scrutiny;
    const add = (value: number): void => {
      sum = Math.imul(sum ^ value, 0x0100_0193) + 1;
    };
    add(typeof answer === "number" ? answer : -1);
    add(this.#due[0] as number);
    for (const word of this.#state) add(word);
    scrutiny.sum = sum;
  }

  // Calls ---------------------------------------------------------------------------------------------------

  /** What is due in it happens before. Undefined where nothing is: then nobody has looked at the clock. */
  #catchUp(): number | undefined {
    return this.nextEvent() === Number.POSITIVE_INFINITY ? undefined : this.#board.catchUp();
  }

  #accessed<R>(now: number | undefined, call: () => R): R {
    this.#isAccessing = true;
    try {
      return this.#called(now, call);
    } finally {
      this.#isAccessing = false;
    }
  }

  #called<R>(now: number | undefined, call: () => R): R {
    if (this.#scrutiny?.renews === true) this.#device = this.#made();
    this.#now = now;
    this.#interruption = undefined;
    try {
      const result = call();
      // Whatever the module has caught: power is gone, or the hart is reset.
      if (this.#interruption !== undefined) throw this.#interrupting();
      return result;
    } catch (error) {
      throw this.#interruption === undefined ? error : this.#interrupting();
    }
  }

  #interrupting(): unknown {
    const interruption = this.#interruption as { readonly thrown: unknown } | undefined;
    this.#interruption = undefined;
    return interruption?.thrown;
  }

  /** After a call by the hart: the board is told where the line or the next event is another. */
  #asked(now: number | undefined, answer: unknown): void {
    const [line, due] = [this.#own[OwnWord.INTERRUPT], this.#due[0]];
    this.#ask(answer);
    if (line !== this.#own[OwnWord.INTERRUPT] || due !== this.#due[0]) this.#board.changed(now);
  }

  /** @param answer of the call before */
  #ask(answer?: unknown): void {
    const due = this.#nextEvent();
    const isTick = due === Number.POSITIVE_INFINITY || (Number.isSafeInteger(due) && (due as number) >= 0);
    if (!isTick) this.#fault(`wants to be woken at ${shown(due)}: it must be a whole number, or Infinity`);
    this.#due[0] = due === Number.POSITIVE_INFINITY ? 0 : (due as number) + 1;
    // However it came to the tick: what follows hangs on what time it is.
    if (due !== Number.POSITIVE_INFINITY) this.#board.timeTold();
    const isRaised = this.#interrupt();
    if (typeof isRaised !== "boolean") this.#fault(`gave ${shown(isRaised)} for its interrupt line`);
    this.#own[OwnWord.INTERRUPT] = isRaised ? 1 : 0;
    this.#note(answer);
  }

  #nothing(call: string, value: unknown): 0 {
    if (value !== undefined) this.#fault(`gave ${shown(value)} for a ${call}, which gives nothing`);
    return 0;
  }

  #fault(what: string): never {
    throw new DeviceModuleFault(`the device ${this.name} ${what}`);
  }

  // Making --------------------------------------------------------------------------------------------------

  #checked(module: unknown): DeviceModule {
    if (typeof module !== "object" || module === null)
      this.#fault("is no object: its module exports one as device");
    const { stateWords, accessBytes, create } = module as Partial<Record<keyof DeviceModule, unknown>>;
    const isCount = Number.isInteger(stateWords) && (stateWords as number) >= 0;
    if (!isCount || (stateWords as number) > MOST_MODULE_WORDS)
      this.#fault(`has ${shown(stateWords)} for stateWords: it must be 0 to ${MOST_MODULE_WORDS}`);
    const isSizes =
      accessBytes === undefined ||
      (Array.isArray(accessBytes) &&
        accessBytes.length > 0 &&
        accessBytes.every((size) => SIZES.includes(size)));
    if (!isSizes) this.#fault("has accessBytes that are no list of 1, 2 or 4");
    if (typeof create !== "function") this.#fault("has no function create");
    return module as DeviceModule;
  }

  #made(): ModuleDevice {
    const device: unknown = this.#create();
    const { load, store, ...others } = (device ?? {}) as Partial<Record<keyof ModuleDevice, unknown>>;
    const given = { load, store };
    for (const [call, made] of Object.entries(given))
      if (typeof made !== "function") this.#fault(`has no function ${call} in what create gives`);
    for (const call of ["reset", "nextEvent", "tick", "interrupt"] as const)
      if (others[call] !== undefined && typeof others[call] !== "function")
        this.#fault(`has a ${call} in what create gives that is no function`);
    return device as ModuleDevice;
  }

  #parts(): DeviceParts {
    const { name, options = {}, memory } = this.#options;
    return {
      name,
      options,
      state: this.#state,
      now: () => this.#tellTime(),
      flash: (wanted) => this.#flash(wanted),
      readRam: (address, byteCount) => memory.read(address >>> 0, byteCount),
      writeRam: (address, bytes) => memory.store(address >>> 0, bytes),
    };
  }

  #tellTime(): number {
    this.#board.timeTold();
    this.#now ??= this.#board.nowTicks();
    return this.#now;
  }

  #flash(wanted: string): DeviceFlash {
    const found = this.#options.flash.find(({ name }) => name === wanted);
    if (found !== undefined) {
      const misused = (message: string): void => found.misused(message, this.#isAccessing);
      return this.#guarded(new ModuleFlash(found, misused));
    }
    const names = this.#options.flash.map(({ name }) => name).join(", ");
    throw new Error(`there is no flash device named ${wanted}: it must be one of ${names}`);
  }

  /** Notes what interrupts a unit. */
  #guarded(flash: ModuleFlash): DeviceFlash {
    const noting = <A extends readonly unknown[], R>(call: (...args: A) => R): ((...args: A) => R) => {
      return (...args) => {
        if (this.#interruption !== undefined) throw this.#interruption.thrown;
        try {
          return call(...args);
        } catch (thrown) {
          if (!(thrown instanceof RangeError)) this.#interruption = { thrown };
          throw thrown;
        }
      };
    };
    return {
      bytes: flash.chip.bytes,
      writeBlockBytes: flash.chip.geometry.writeBlockBytes,
      erasedValue: flash.chip.geometry.erasedByte,
      sectorAt: (offset) => flash.sectorAt(offset),
      read: (offset, byteCount) => flash.read(offset, byteCount),
      readFault: (offset, byteCount) => flash.readFault(offset, byteCount),
      erase: noting((offset: number, byteCount: number) => flash.erase(offset, byteCount)),
      program: noting((offset: number, bytes: Uint8Array) => flash.program(offset, bytes)),
      tearErase: noting((offset: number, byteCount: number) => flash.tearErase(offset, byteCount)),
      tearProgram: noting((offset: number, bytes: Uint8Array) => flash.tearProgram(offset, bytes)),
    };
  }
}

/** A flash device as a module gets at it. */
class ModuleFlash {
  readonly #flash: NamedFlash;
  readonly #misused: (message: string) => void;
  readonly chip: FlashChip;

  constructor(flash: NamedFlash, misused: (message: string) => void) {
    this.#flash = flash;
    this.#misused = misused;
    this.chip = flash.chip;
  }

  sectorAt(offset: number): { readonly offset: number; readonly bytes: number } | undefined {
    const sector = this.chip.sectors.at(offset);
    return sector && { offset: sector.offset, bytes: sector.bytes };
  }

  read(offset: number, byteCount: number): Uint8Array {
    this.#requireInside(offset, byteCount);
    return this.chip.contents(offset, byteCount);
  }

  readFault(offset: number, byteCount: number): number | undefined {
    this.#requireInside(offset, byteCount);
    return this.chip.readFault(offset, byteCount);
  }

  /** All of it is looked at before: what is refused changes nothing. */
  erase(offset: number, byteCount: number): FlashRefusal | undefined {
    const misuse = this.chip.eraseMisuse(offset, byteCount);
    if (misuse !== undefined) return this.#refuse(misuse);
    for (let at = offset; at < offset + byteCount; ) {
      const bytes = this.#sectorBytes(at);
      const refusal = this.#make(this.chip.erase(at, bytes));
      if (refusal !== undefined) return refusal;
      at += bytes;
    }
    return undefined;
  }

  program(offset: number, bytes: Uint8Array): FlashRefusal | undefined {
    const data = bytesOf(bytes);
    const misuse = this.chip.programMisuse(offset, data);
    if (misuse !== undefined) return this.#refuse(misuse);
    const { writeBlockBytes: block } = this.chip.geometry;
    for (let at = 0; at < data.length; at += block) {
      const refusal = this.#make(this.chip.program(offset + at, data.subarray(at, at + block)));
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  tearErase(offset: number, byteCount: number): void {
    if (this.chip.eraseMisuse(offset, byteCount) !== undefined) return;
    tearUnit(this.chip.erase(offset, this.#sectorBytes(offset)), this.#flash);
  }

  tearProgram(offset: number, bytes: Uint8Array): void {
    const data = bytesOf(bytes);
    if (this.chip.programMisuse(offset, data) !== undefined) return;
    tearUnit(this.chip.program(offset, data.subarray(0, this.chip.geometry.writeBlockBytes)), this.#flash);
  }

  #make(start: ChipStart): FlashRefusal | undefined {
    const wrong = makeUnit(start, this.#flash);
    return wrong && refusalOf(wrong);
  }

  #refuse(misuse: {
    readonly name: string;
    readonly offset: number;
    readonly message: string;
  }): FlashRefusal {
    this.#misused(`${this.#flash.name}: ${misuse.message}`);
    return refusalOf(misuse);
  }

  #sectorBytes(offset: number): number {
    return this.chip.sectors.at(offset)?.bytes ?? 0;
  }

  #requireInside(offset: number, byteCount: number): void {
    const isInside = offset >= 0 && byteCount >= 0 && offset <= this.chip.bytes - byteCount;
    if (Number.isInteger(offset) && Number.isInteger(byteCount) && isInside) return;
    throw new RangeError(
      `${byteCount} bytes at ${offset} are not within the ${this.chip.bytes} of ${this.#flash.name}`,
    );
  }
}

/** A block that is programmed once is not erased either. */
function refusalOf(wrong: {
  readonly name: string;
  readonly offset: number;
  readonly message: string;
}): FlashRefusal {
  const reason = (wrong.name === "programmed-twice" ? "not-erased" : wrong.name) as FlashRefusal["reason"];
  return { reason, offset: wrong.offset, message: wrong.message };
}

function bytesOf(bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  throw new RangeError(`${shown(bytes)} are no bytes: a program takes a Uint8Array`);
}

/** A value in a sentence. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
