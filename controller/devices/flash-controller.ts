/**
 * Flash controller of a boot loader's board: several flash devices of any geometry behind one set of registers, which moves
 * data from and to RAM by itself. docs/hardware.md.
 *
 * Invariants: what is asked and not done changes nothing of any flash, and STATUS tells why; what is under way is in its
 * words; a unit of flash changes when its time is over and never before. Of several devices one is busy at a time.
 */
import { hex } from "../../emulator/base/text.ts";
import type { ChipFailure, ChipMisuse, ChipStart, FlashChip } from "../../emulator/flash/flash-chip.ts";
import { FlashStatus } from "../../emulator/memory/flash-posts.ts";
import { BUS_FAULT, InterruptBit } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";
import {
  type FlashTimes,
  makeUnit,
  type ResetEffect,
  tearUnit,
  type UnitHooks,
  unitTicks,
} from "./flash-units.ts";
import type { GuestMemory } from "./guest-memory.ts";
import type { StateWords } from "./state.ts";

/** Offsets. */
export const enum FlashRegister {
  DEVICE = 0x00,
  BYTES = 0x04,
  WRITE_BLOCK = 0x08,
  TRAITS = 0x0c,
  QUERY = 0x10,
  SECTOR_OFFSET = 0x14,
  SECTOR_BYTES = 0x18,
  KEY = 0x1c,
  OFFSET = 0x20,
  LENGTH = 0x24,
  MEMORY = 0x28,
  COMMAND = 0x2c,
  STATUS = 0x30,
  FAIL_OFFSET = 0x34,
  PROTECT = 0x38,
  INTERRUPT = 0x3c,
  REQUEST = 0x40,
  CORRECTED = 0x44,
  CORRECTED_OFFSET = 0x48,
  BUSY = 0x4c,
}

export const enum FlashCommand {
  PROGRAM = 1,
  ERASE = 2,
  READ = 3,
  IS_ERASED = 4,
  VERIFY = 5,
}

export const FLASH_KEYS = [0x4567_0123, 0xcdef_89ab] as const;

/** What loads of mapped flash give while it is busy: the array, or they take until it is not, or they fault. */
export const READS_WHILE_BUSY = ["ready", "stall", "fault"] as const;
export type ReadsWhileBusy = (typeof READS_WHILE_BUSY)[number];

export interface ControlledFlash {
  readonly chip: FlashChip;
  readonly times: FlashTimes;
  readonly whileBusy: ReadsWhileBusy;
  /** The hart's loads reach it, too. */
  readonly isMapped: boolean;
}

export type FlashMisuseName = ChipMisuse["name"] | "key" | "memory" | "unknown-command";

/** What firmware asked for and did not get. */
export interface FlashMisuse {
  readonly name: FlashMisuseName;
  readonly device: number;
  readonly offset: number;
  /** One sentence for humans. */
  readonly message: string;
  /** It was found at the end of a unit, and not at the access that asked for it. */
  readonly isLate?: true;
}

export interface FlashControllerOptions extends UnitHooks {
  readonly devices: readonly ControlledFlash[];
  readonly memory: GuestMemory;
  readonly atReset: ResetEffect;
  /** Programs and erases without the key. */
  readonly isAlwaysOpen?: boolean;
  /** Called before flash is read by a command: somebody may have its unstable cells read otherwise. */
  readonly beforeRead?: (chip: FlashChip) => void;
  readonly misused?: (misuse: FlashMisuse) => void;
  /** A device is busy from now on, or no longer; not told of operations that take no time. */
  readonly busyChanged?: (device: number, isBusy: boolean) => void;
}

/** Registers, all 0 after a reset. */
const enum FlashWord {
  DEVICE = 0,
  SECTOR_OFFSET = 1,
  SECTOR_BYTES = 2,
  /** Of the two keys, how many were given in their order. */
  KEYS = 3,
  OFFSET = 4,
  LENGTH = 5,
  MEMORY = 6,
  STATUS = 7,
  FAIL_OFFSET = 8,
  INTERRUPT = 9,
  CORRECTED = 10,
  CORRECTED_OFFSET = 11,
  WORDS = 12,
}

/** What is under way, which a reset may leave alone. */
const enum RunningWord {
  /** {@link FlashCommand}, 0 for nothing. */
  COMMAND = 0,
  DEVICE = 1,
  /** Where the unit is that is next; where the last one ends. */
  AT = 2,
  END = 3,
  /** Where in RAM the data of the next unit is. */
  MEMORY = 4,
  WORDS = 5,
}

export const TRAIT_ERASE_NEEDED = 1 << 8;
export const TRAIT_WRITE_ONCE = 1 << 9;
export const TRAIT_ECC = 1 << 10;
const TRAIT_WHILE_BUSY_SHIFT = 11;
export const TRAIT_MAPPED = 1 << 16;

export class FlashController implements Device {
  readonly name = "flash controller";
  readonly accessBytes = 4;
  readonly isSteady = true;
  readonly #words: Int32Array;
  readonly #running: Int32Array;
  /** Tick at which the unit under way ends. */
  readonly #due: Float64Array;
  /** By device, how many bytes from its start cannot be changed. */
  readonly #protected: Int32Array;
  readonly #options: FlashControllerOptions;
  readonly #board: Board;

  constructor(state: StateWords, options: FlashControllerOptions, board: Board) {
    this.#words = state.words(FlashWord.WORDS);
    this.#running = state.words(RunningWord.WORDS);
    this.#due = state.doubles(1);
    this.#protected = state.words(options.devices.length);
    this.#options = options;
    this.#board = board;
  }

  /** The hart is reset. */
  reset(): void {
    const { atReset } = this.#options;
    if (atReset === "torn") this.#tearUnderWay(this.#options);
    if (atReset !== "goes-on") this.#tellingBusy(() => this.#drop());
    this.#words.fill(0);
    this.#protected.fill(0);
  }

  /** Power goes. @param tear what it does to a unit under way; absent: it has not begun */
  powerOff(tear?: UnitHooks["tearUnit"]): void {
    if (tear !== undefined) this.#tearUnderWay({ tearUnit: tear });
    this.#drop();
    this.#words.fill(0);
    this.#protected.fill(0);
  }

  #drop(): void {
    this.#running.fill(0);
    this.#due[0] = 0;
  }

  pending(): number {
    const isRaised = this.#get(FlashWord.INTERRUPT) !== 0 && this.#get(FlashWord.STATUS) !== 0;
    return isRaised ? InterruptBit.EXTERNAL : 0;
  }

  nextEvent(): number {
    return this.#isBusy ? (this.#due[0] as number) : Number.POSITIVE_INFINITY;
  }

  /** Makes the units whose time is over. */
  tick(now: number): void {
    if (this.nextEvent() > now) return;
    this.#tellingBusy(() => {
      while (this.nextEvent() <= now) this.#unit();
    });
    this.#board.changed(now);
  }

  /** Whether any of these bytes was protected by firmware: for whoever gets at the device otherwise. */
  isProtected(device: number, offset: number): boolean {
    return offset < (this.#protected[device] as number) >>> 0;
  }

  /** An erase or a program of this device is under way. */
  isBusy(device: number): boolean {
    return this.#isBusy && this.#running[RunningWord.DEVICE] === device;
  }

  /** The first of the bytes that cannot be read; what was corrected is told by CORRECTED. */
  readFault(device: number, offset: number, byteCount: number): number | undefined {
    const chip = this.#options.devices[device]?.chip;
    if (chip === undefined) return offset;
    const corrected = chip.readCorrected(offset, byteCount);
    if (corrected !== undefined) {
      this.#set(FlashWord.CORRECTED, 1);
      this.#set(FlashWord.CORRECTED_OFFSET, corrected);
    }
    return chip.readFault(offset, byteCount);
  }

  load(offset: number): number {
    if (this.#isBusy) this.#board.catchUp();
    const { devices } = this.#options;
    switch (offset) {
      case FlashRegister.DEVICE:
        return ((devices.length << 16) | this.#device) >>> 0;
      case FlashRegister.BYTES:
        return this.#selected.chip.bytes;
      case FlashRegister.WRITE_BLOCK:
        return this.#selected.chip.geometry.writeBlockBytes;
      case FlashRegister.TRAITS:
        return traitsOf(this.#selected);
      case FlashRegister.BUSY:
        return this.#isBusy ? 1 : 0;
      case FlashRegister.PROTECT:
        return (this.#protected[this.#device] as number) >>> 0;
      default: {
        const word = READABLE.get(offset);
        return word === undefined ? BUS_FAULT : this.#get(word);
      }
    }
  }

  store(offset: number, value: number): number {
    const now = this.#board.catchUp();
    const isStored = this.#store(offset, value, now);
    this.#board.changed(now);
    return isStored ? 0 : BUS_FAULT;
  }

  /** False where no register takes it. */
  #store(offset: number, value: number, now: number): boolean {
    switch (offset) {
      case FlashRegister.DEVICE:
        if (value < 0 || value >= this.#options.devices.length) return false;
        this.#set(FlashWord.DEVICE, value);
        return true;
      case FlashRegister.QUERY:
        this.#query(value >>> 0);
        return true;
      case FlashRegister.KEY:
        this.#key(value >>> 0);
        return true;
      case FlashRegister.COMMAND:
        this.#tellingBusy(() => this.#command(value, now));
        return true;
      case FlashRegister.STATUS:
        this.#set(FlashWord.STATUS, FlashStatus.NONE);
        return true;
      case FlashRegister.PROTECT:
        if (value >>> 0 > (this.#protected[this.#device] as number) >>> 0) {
          this.#protected[this.#device] = value;
        }
        return true;
      case FlashRegister.INTERRUPT:
        this.#set(FlashWord.INTERRUPT, value & 1);
        return true;
      case FlashRegister.CORRECTED:
        if ((value & 1) !== 0) this.#set(FlashWord.CORRECTED, 0);
        return true;
      default: {
        const word = WRITABLE.get(offset);
        if (word !== undefined) this.#set(word, value);
        return word !== undefined;
      }
    }
  }

  #query(offset: number): void {
    const sector = this.#selected.chip.sectors.at(offset);
    this.#set(FlashWord.SECTOR_OFFSET, sector?.offset ?? 0);
    this.#set(FlashWord.SECTOR_BYTES, sector?.bytes ?? 0);
  }

  /** Two stores in their order open it; any other locks it again. */
  #key(value: number): void {
    const given = this.#get(FlashWord.KEYS);
    this.#set(FlashWord.KEYS, value === FLASH_KEYS[given] ? given + 1 : 0);
  }

  // Commands ------------------------------------------------------------------------------------------------

  #command(command: number, now: number): void {
    const offset = this.#get(FlashWord.OFFSET);
    const length = this.#get(FlashWord.LENGTH);
    // What is under way goes on, and tells its end as well.
    if (this.#isBusy) {
      this.#refuse(FlashStatus.REFUSED, "busy", offset, `command ${command} while another one is under way`);
      return;
    }
    this.#set(FlashWord.STATUS, FlashStatus.NONE);
    switch (command) {
      case FlashCommand.PROGRAM:
        this.#program(offset, length, now);
        break;
      case FlashCommand.ERASE:
        this.#erase(offset, length, now);
        break;
      case FlashCommand.READ:
      case FlashCommand.IS_ERASED:
      case FlashCommand.VERIFY:
        this.#look(command, offset, length);
        break;
      default:
        this.#refuse(FlashStatus.REFUSED, "unknown-command", offset, `there is no command ${command}`);
    }
  }

  #program(offset: number, length: number, now: number): void {
    if (!this.#mayChange(offset)) return;
    const { chip } = this.#selected;
    const misplaced = chip.placeMisuse(offset, length);
    if (misplaced !== undefined) {
      this.#refuseMisuse(misplaced);
      return;
    }
    const data = this.#fromMemory(this.#get(FlashWord.MEMORY), length);
    if (data === undefined) {
      this.#refuseMemory(offset, length);
      return;
    }
    const misuse = chip.programMisuse(offset, data);
    if (misuse !== undefined) this.#refuseMisuse(misuse);
    else this.#begin(FlashCommand.PROGRAM, offset, length, now);
  }

  #erase(offset: number, length: number, now: number): void {
    if (!this.#mayChange(offset)) return;
    const misuse = this.#selected.chip.eraseMisuse(offset, length);
    if (misuse !== undefined) this.#refuseMisuse(misuse);
    else this.#begin(FlashCommand.ERASE, offset, length, now);
  }

  #mayChange(offset: number): boolean {
    if (this.#options.isAlwaysOpen !== true && this.#get(FlashWord.KEYS) !== FLASH_KEYS.length) {
      this.#refuse(FlashStatus.LOCKED, "key", offset, "a program or an erase without the key");
      return false;
    }
    const misuse = this.#protection(this.#device, offset);
    if (misuse !== undefined) this.#refuseMisuse(misuse);
    return misuse === undefined;
  }

  /** Reads, which takes no time. */
  #look(
    command: FlashCommand.READ | FlashCommand.IS_ERASED | FlashCommand.VERIFY,
    offset: number,
    length: number,
  ): void {
    const { chip } = this.#selected;
    if (length === 0) this.#refuse(FlashStatus.MISALIGNED, "empty", offset, "a read of 0 bytes does nothing");
    else if (offset + length > chip.bytes) {
      const message = `${length} bytes at ${hex(offset)} are not within the chip's ${chip.bytes}`;
      this.#refuse(FlashStatus.RANGE, "out-of-range", offset, message);
    } else {
      this.#options.beforeRead?.(chip);
      if (command === FlashCommand.IS_ERASED) {
        this.#end(FlashStatus.NOT_ERASED, chip.notErased(offset, length));
      } else this.#readOut(command, offset, length);
    }
  }

  #readOut(command: FlashCommand.READ | FlashCommand.VERIFY, offset: number, length: number): void {
    const { chip } = this.#selected;
    const address = this.#get(FlashWord.MEMORY);
    const expected = this.#fromMemory(address, length);
    const fault = this.readFault(this.#device, offset, length);
    if (expected === undefined) this.#refuseMemory(offset, length);
    else if (fault !== undefined) this.#end(FlashStatus.ECC, fault);
    else {
      const held = chip.contents(offset, length);
      if (command === FlashCommand.READ) this.#options.memory.store(address, held);
      const wrong = command === FlashCommand.READ ? -1 : held.findIndex((byte, at) => byte !== expected[at]);
      this.#end(FlashStatus.DIFFERS, wrong < 0 ? undefined : offset + wrong);
    }
  }

  #fromMemory(address: number, length: number): Uint8Array | undefined {
    return this.#options.memory.read(address, length);
  }

  /** @param wrong where what the command looks for is not; undefined where all is well */
  #end(status: FlashStatus, wrong: number | undefined): void {
    this.#set(FlashWord.STATUS, wrong === undefined ? FlashStatus.DONE : status);
    if (wrong !== undefined) this.#set(FlashWord.FAIL_OFFSET, wrong);
  }

  // What is refused -----------------------------------------------------------------------------------------

  #refuse(status: FlashStatus, name: FlashMisuseName, offset: number, message: string): void {
    this.#end(status, offset);
    this.#options.misused?.({ name, device: this.#device, offset, message });
  }

  #refuseMisuse(misuse: ChipMisuse): void {
    this.#end(STATUS_OF_MISUSE[misuse.name], misuse.offset);
    this.#options.misused?.({ ...misuse, device: this.#device });
  }

  #refuseLate(misuse: ChipMisuse, device: number): void {
    this.#end(STATUS_OF_MISUSE[misuse.name], misuse.offset);
    this.#options.misused?.({ ...misuse, device, isLate: true });
  }

  #protection(device: number, offset: number): ChipMisuse | undefined {
    if (!this.isProtected(device, offset)) return undefined;
    return { name: "protected", offset, message: `the flash at ${hex(offset)} is protected` };
  }

  #refuseMemory(offset: number, length: number): void {
    const address = this.#get(FlashWord.MEMORY);
    this.#refuse(FlashStatus.RANGE, "memory", offset, `${length} bytes at ${hex(address)} are not in RAM`);
  }

  // Units ---------------------------------------------------------------------------------------------------

  /** Tells if another device is busy afterwards than before, or none. */
  #tellingBusy(act: () => void): void {
    const busy = (): number | undefined => (this.#isBusy ? this.#ran(RunningWord.DEVICE) : undefined);
    const before = busy();
    act();
    const now = busy();
    if (before === now) return;
    if (before !== undefined) this.#options.busyChanged?.(before, false);
    if (now !== undefined) this.#options.busyChanged?.(now, true);
  }

  get #isBusy(): boolean {
    return this.#running[RunningWord.COMMAND] !== 0;
  }

  #begin(
    command: FlashCommand.PROGRAM | FlashCommand.ERASE,
    offset: number,
    length: number,
    now: number,
  ): void {
    this.#run(RunningWord.COMMAND, command);
    this.#run(RunningWord.DEVICE, this.#device);
    this.#run(RunningWord.AT, offset);
    this.#run(RunningWord.END, offset + length);
    this.#run(RunningWord.MEMORY, this.#get(FlashWord.MEMORY));
    this.#due[0] = now + this.#unitTicks;
    while (this.nextEvent() <= now) this.#unit();
  }

  /** Makes the next unit. */
  #unit(): void {
    const [at, end] = [this.#ran(RunningWord.AT), this.#ran(RunningWord.END)];
    const bytes = this.#unitBytes(at);
    const device = this.#ran(RunningWord.DEVICE);
    // Firmware may have protected it since the command.
    const wrong = this.#protection(device, at) ?? makeUnit(this.#unitStart(), this.#options);
    this.#run(RunningWord.AT, at + bytes);
    this.#run(RunningWord.MEMORY, this.#ran(RunningWord.MEMORY) + bytes);
    this.#due[0] = (this.#due[0] as number) + this.#unitTicks;
    if (wrong === undefined && at + bytes < end) return;
    this.#run(RunningWord.COMMAND, 0);
    this.#due[0] = 0;
    if (wrong === undefined) this.#end(FlashStatus.DONE, undefined);
    else if (isMisuse(wrong)) this.#refuseLate(wrong, device);
    else this.#end(FlashStatus.FAILED, wrong.offset);
  }

  /** The unit under way as an operation. RAM is read when its unit is made, as whoever moves data by itself does. */
  #unitStart(): ChipStart {
    const at = this.#ran(RunningWord.AT);
    const { chip } = this.#target;
    const bytes = this.#unitBytes(at);
    if (this.#ran(RunningWord.COMMAND) === FlashCommand.ERASE) return chip.erase(at, bytes);
    return chip.program(at, this.#fromMemory(this.#ran(RunningWord.MEMORY), bytes) ?? new Uint8Array(bytes));
  }

  #unitBytes(at: number): number {
    const { chip } = this.#target;
    if (this.#ran(RunningWord.COMMAND) === FlashCommand.PROGRAM) return chip.geometry.writeBlockBytes;
    return chip.sectors.at(at)?.bytes ?? 0;
  }

  get #unitTicks(): number {
    const kind = this.#ran(RunningWord.COMMAND) === FlashCommand.ERASE ? "erase" : "program";
    return unitTicks(this.#target.times, kind);
  }

  #tearUnderWay(hooks: UnitHooks): void {
    if (this.#isBusy) tearUnit(this.#unitStart(), hooks);
  }

  // Words ---------------------------------------------------------------------------------------------------

  get #device(): number {
    return this.#get(FlashWord.DEVICE);
  }

  get #selected(): ControlledFlash {
    return this.#at(this.#device);
  }

  /** The device that is busy. */
  get #target(): ControlledFlash {
    return this.#at(this.#ran(RunningWord.DEVICE));
  }

  #at(device: number): ControlledFlash {
    const flash = this.#options.devices[device];
    if (flash === undefined) throw new RangeError(`there is no flash device ${device}`);
    return flash;
  }

  #get(word: FlashWord): number {
    return (this.#words[word] as number) >>> 0;
  }

  #set(word: FlashWord, value: number): void {
    this.#words[word] = value;
  }

  #ran(word: RunningWord): number {
    return (this.#running[word] as number) >>> 0;
  }

  #run(word: RunningWord, value: number): void {
    this.#running[word] = value;
  }
}

const WRITABLE: ReadonlyMap<number, FlashWord> = new Map([
  [FlashRegister.OFFSET, FlashWord.OFFSET],
  [FlashRegister.LENGTH, FlashWord.LENGTH],
  [FlashRegister.MEMORY, FlashWord.MEMORY],
]);

const READABLE: ReadonlyMap<number, FlashWord> = new Map([
  ...WRITABLE,
  [FlashRegister.SECTOR_OFFSET, FlashWord.SECTOR_OFFSET],
  [FlashRegister.SECTOR_BYTES, FlashWord.SECTOR_BYTES],
  [FlashRegister.STATUS, FlashWord.STATUS],
  [FlashRegister.FAIL_OFFSET, FlashWord.FAIL_OFFSET],
  [FlashRegister.INTERRUPT, FlashWord.INTERRUPT],
  [FlashRegister.CORRECTED, FlashWord.CORRECTED],
  [FlashRegister.CORRECTED_OFFSET, FlashWord.CORRECTED_OFFSET],
]);

const STATUS_OF_MISUSE: Readonly<Record<ChipMisuse["name"], FlashStatus>> = {
  empty: FlashStatus.MISALIGNED,
  misaligned: FlashStatus.MISALIGNED,
  "out-of-range": FlashStatus.RANGE,
  protected: FlashStatus.REFUSED,
  busy: FlashStatus.REFUSED,
  "not-erased": FlashStatus.NOT_ERASED,
  "programmed-twice": FlashStatus.NOT_ERASED,
};

function isMisuse(wrong: ChipMisuse | ChipFailure): wrong is ChipMisuse {
  return wrong.name in STATUS_OF_MISUSE;
}

function traitsOf({ chip, whileBusy, isMapped }: ControlledFlash): number {
  const { erasedByte, program } = chip.geometry;
  return (
    erasedByte |
    (program === "overwrite" ? 0 : TRAIT_ERASE_NEEDED) |
    (program === "once" || program === "ecc" ? TRAIT_WRITE_ONCE : 0) |
    (program === "ecc" ? TRAIT_ECC : 0) |
    (READS_WHILE_BUSY.indexOf(whileBusy) << TRAIT_WHILE_BUSY_SHIFT) |
    (isMapped ? TRAIT_MAPPED : 0)
  );
}
