/**
 * A bank of parallel NOR with Intel's command set, as QEMU's `virt` has two: two 16-bit chips that get the same commands,
 * one in either half of a word. docs/hardware.md; data sheets of Intel StrataFlash 28F128J3 and P30.
 *
 * Its registers and its array lie in the same place: which answers, {@link CfiFlash.arrayReadable} tells, and the board is
 * told when it changes. Invariants: what is under way is in its words and its buffer; a unit of flash changes when its time
 * is over and never before; what firmware does that the chips do not is told as a value.
 */

import { hex } from "../../emulator/base/text.ts";
import type { FlashChip } from "../../emulator/flash/flash-chip.ts";
import { BUFFER_WORDS, cfiTable, DEVICE_ID, MANUFACTURER_ID } from "./cfi-table.ts";
import type { Board, Device } from "./device.ts";
import {
  type FlashTimes,
  makeUnit,
  type ResetEffect,
  tearUnit,
  type UnitHooks,
  unitTicks,
} from "./flash-units.ts";
import type { StateWords } from "./state.ts";

export type CfiMisuseName =
  /** A command for one of the two chips: the other does not get it, which QEMU does not know. */
  | "one-chip"
  | "unknown-command"
  | "command-sequence"
  | "busy"
  | "locked"
  /** A program that asks for bits to be set. */
  | "not-erased";

export interface CfiMisuse {
  readonly name: CfiMisuseName;
  readonly offset: number;
  /** One sentence for humans. */
  readonly message: string;
}

export interface CfiOptions extends UnitHooks {
  readonly times: FlashTimes;
  readonly atReset: ResetEffect;
  /** A reset of the hart is one of the chips, too: without, they stay in the mode that they are in. */
  readonly isResetWired: boolean;
  /** Blocks are locked after power-on and a reset, as on a P30; on QEMU they are not. */
  readonly isLockedAtReset?: boolean;
  /** Loads of the bank give the array from now on, or no longer do. */
  readonly modeChanged?: (arrayReadable: boolean) => void;
  readonly misused?: (misuse: CfiMisuse) => void;
  /** {@link CFI_BUFFER_WORDS} of them, where somebody puts them back who undoes what the bank did. */
  readonly buffer?: Int32Array;
}

export const CFI_BUFFER_WORDS = BUFFER_WORDS;

/** Commands, those of a second cycle included. */
const enum Command {
  LOCK_CONFIRM = 0x01,
  PROGRAM_ALTERNATE = 0x10,
  ERASE = 0x20,
  LOCK_DOWN_CONFIRM = 0x2f,
  PROGRAM = 0x40,
  CLEAR_STATUS = 0x50,
  LOCK = 0x60,
  READ_STATUS = 0x70,
  READ_ID = 0x90,
  QUERY = 0x98,
  SUSPEND = 0xb0,
  /** Confirm of an erase, a buffered program, an unlock; resume. */
  CONFIRM = 0xd0,
  BUFFERED_PROGRAM = 0xe8,
  READ_ARRAY = 0xff,
}

/** What loads give. */
const enum ReadMode {
  ARRAY = 0,
  STATUS = 1,
  ID = 2,
  QUERY = 3,
}

/** What the next store is. */
const enum Cycle {
  COMMAND = 0,
  PROGRAM_DATA = 1,
  ERASE_CONFIRM = 2,
  LOCK_CONFIRM = 3,
  BUFFER_COUNT = 4,
  BUFFER_DATA = 5,
  BUFFER_CONFIRM = 6,
}

const enum Activity {
  NONE = 0,
  RUNNING = 1,
  SUSPENDED = 2,
}

const STATUS_LOCKED = 1 << 1;
const STATUS_PROGRAM_SUSPENDED = 1 << 2;
const STATUS_PROGRAM_ERROR = 1 << 4;
const STATUS_ERASE_ERROR = 1 << 5;
const STATUS_ERASE_SUSPENDED = 1 << 6;
const STATUS_READY = 1 << 7;
const SEQUENCE_ERROR = STATUS_PROGRAM_ERROR | STATUS_ERASE_ERROR;

/** Words of its state, in front of those that tell which blocks are locked. All are 0 after power-on. */
const enum CfiWord {
  READ_MODE = 0,
  CYCLE = 1,
  /** Error bits of the status register. */
  ERRORS = 2,
  /** Of a buffered program: words that are still to come, where its first goes. */
  BUFFER_LEFT = 3,
  BUFFER_WORDS = 4,
  PROGRAM = 5,
  /** The bytes that the buffer is for, and where the unit is that is next. */
  PROGRAM_START = 6,
  PROGRAM_END = 7,
  PROGRAM_AT = 8,
  ERASE = 9,
  ERASE_AT = 10,
  WORDS = 11,
}

/** Doubles of its state: when the unit under way ends; how many ticks it has left where it is suspended. */
const enum CfiDouble {
  PROGRAM_DUE = 0,
  ERASE_DUE = 1,
  DOUBLES = 2,
}

/** Identifier codes, by the chip's address within a block. */
const ID_MANUFACTURER = 0;
const ID_DEVICE = 1;
const ID_LOCK = 2;
const IS_LOCKED = 1;
const IS_LOCKED_DOWN = 2;

/** A value of both chips. */
const both = (half: number): number => ((half << 16) | half) >>> 0;

export class CfiFlash implements Device {
  readonly name: string;
  readonly accessBytes = 1 + 2 + 4;
  readonly isSteady = true;
  readonly blockBytes: number;
  readonly chip: FlashChip;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  /** By block, a bit each: whether it is not as after a reset, and whether it is locked down. */
  readonly #lockChanged: Int32Array;
  readonly #lockedDown: Int32Array;
  readonly #buffer: Int32Array;
  readonly #table: Uint8Array;
  readonly #options: CfiOptions;
  /** Units are made as soon as they are begun. */
  readonly #isInstant: boolean;
  readonly #board: Board;

  /** @param chip with sectors of one size whose programs clear bits, and erases set them */
  constructor(state: StateWords, name: string, chip: FlashChip, options: CfiOptions, board: Board) {
    const { sectors, program, erasedByte } = chip.geometry;
    const [group, ...others] = sectors;
    if (group === undefined || others.length > 0 || program !== "and" || erasedByte !== 0xff) {
      throw new Error(`${name} cannot be a bank of parallel NOR: its chip is not of that kind`);
    }
    const { buffer = new Int32Array(CFI_BUFFER_WORDS) } = options;
    this.name = name;
    this.blockBytes = chip.bytes;
    this.chip = chip;
    this.#words = state.words(CfiWord.WORDS);
    this.#doubles = state.doubles(CfiDouble.DOUBLES);
    this.#lockChanged = state.words(Math.ceil(group.count / 32));
    this.#lockedDown = state.words(Math.ceil(group.count / 32));
    this.#buffer = buffer;
    this.#table = cfiTable(group);
    this.#options = options;
    this.#isInstant = options.times.eraseUs === 0 && options.times.programUs === 0;
    this.#board = board;
  }

  /** Loads give what the array holds: the bank may be read, and executed, as memory. */
  get arrayReadable(): boolean {
    return this.#get(CfiWord.READ_MODE) === ReadMode.ARRAY && !this.#isRunning;
  }

  /** An erase or a program is under way. */
  get isBusy(): boolean {
    return this.#isRunning;
  }

  /** The hart is reset. */
  reset(): void {
    const { atReset, isResetWired } = this.#options;
    this.#tellingMode(() => {
      if (atReset === "torn") this.#tearUnderWay(this.#options);
      if (atReset !== "goes-on") this.#drop();
      if (isResetWired) this.#resetChips();
    });
  }

  /** Power goes. @param tear what it does to a unit under way; absent: it has not begun */
  powerOff(tear?: UnitHooks["tearUnit"]): void {
    if (tear !== undefined) this.#tearUnderWay({ tearUnit: tear });
    this.#drop();
    this.#resetChips();
    // Its words may have been put back before by whoever cut the power, without a word about the mode.
    this.#options.modeChanged?.(this.arrayReadable);
  }

  nextEvent(): number {
    if (this.#get(CfiWord.PROGRAM) === Activity.RUNNING) return this.#due(CfiDouble.PROGRAM_DUE);
    if (this.#get(CfiWord.ERASE) === Activity.RUNNING) return this.#due(CfiDouble.ERASE_DUE);
    return Number.POSITIVE_INFINITY;
  }

  /** Makes the units whose time is over. */
  tick(now: number): void {
    if (this.nextEvent() > now) return;
    this.#tellingMode(() => this.#makeDue(now));
  }

  load(offset: number, byteCount: number): number {
    if (this.#isRunning) this.#board.catchUp();
    const word = this.#loadWord(offset & ~3);
    const value = word >>> (8 * (offset & 3));
    return byteCount === 4 ? value : value & (2 ** (8 * byteCount) - 1);
  }

  store(offset: number, value: number, byteCount: number): number {
    // Where operations take no time, none is under way, and the clock is nothing to it.
    if (this.#isInstant) {
      this.#tellingMode(() => this.#take(offset, value, byteCount, 0));
      return 0;
    }
    // Which may end what is under way, and tell so.
    const now = this.#board.catchUp();
    this.#tellingMode(() => this.#take(offset, value, byteCount, now));
    this.#board.changed(now);
    return 0;
  }

  // Loads ---------------------------------------------------------------------------------------------------

  #loadWord(offset: number): number {
    switch (this.#get(CfiWord.READ_MODE)) {
      case ReadMode.ID:
        return both(this.#identifier(offset));
      case ReadMode.QUERY:
        return both(this.#table[offset / 4] ?? 0);
      case ReadMode.ARRAY:
        // While the array is busy the data sheet leaves open what it reads.
        if (!this.#isRunning) return littleEndian(this.chip.contents(offset, 4));
        return both(this.#status);
      default:
        return both(this.#status);
    }
  }

  #identifier(offset: number): number {
    switch ((offset / 4) & 0xff) {
      case ID_MANUFACTURER:
        return MANUFACTURER_ID;
      case ID_DEVICE:
        return DEVICE_ID;
      case ID_LOCK:
        return (
          (this.#isLocked(offset) ? IS_LOCKED : 0) |
          (hasBit(this.#lockedDown, this.#block(offset)) ? IS_LOCKED_DOWN : 0)
        );
      default:
        return 0;
    }
  }

  /** While an operation runs no bit but READY is valid. */
  get #status(): number {
    if (this.#isRunning) return 0;
    const program = this.#get(CfiWord.PROGRAM) === Activity.SUSPENDED ? STATUS_PROGRAM_SUSPENDED : 0;
    const erase = this.#get(CfiWord.ERASE) === Activity.SUSPENDED ? STATUS_ERASE_SUSPENDED : 0;
    return STATUS_READY | this.#get(CfiWord.ERRORS) | program | erase;
  }

  // Stores --------------------------------------------------------------------------------------------------

  #take(offset: number, value: number, byteCount: number, now: number): void {
    const cycle = this.#get(CfiWord.CYCLE) as Cycle;
    const isData = cycle === Cycle.PROGRAM_DATA || cycle === Cycle.BUFFER_DATA;
    if (!isData) this.#lookAtHalves(offset, value, byteCount, cycle === Cycle.BUFFER_COUNT ? 0xffff : 0xff);
    switch (cycle) {
      case Cycle.COMMAND:
        this.#command(offset, value & 0xff, now);
        break;
      case Cycle.PROGRAM_DATA:
        this.#bufferFrom(offset, 1);
        this.#putData(offset, value, byteCount);
        this.#startProgram(now);
        break;
      case Cycle.ERASE_CONFIRM:
        if ((value & 0xff) === Command.CONFIRM) this.#startErase(offset, now);
        else this.#sequenceError(offset, "an erase without its confirm");
        break;
      case Cycle.LOCK_CONFIRM:
        this.#lock(offset, value & 0xff);
        break;
      case Cycle.BUFFER_COUNT:
        this.#takeCount(offset, value & 0xffff);
        break;
      case Cycle.BUFFER_DATA:
        this.#takeData(offset, value, byteCount);
        break;
      case Cycle.BUFFER_CONFIRM:
        if ((value & 0xff) === Command.CONFIRM) this.#startProgram(now);
        else this.#sequenceError(offset, "a buffered program without its confirm");
        break;
    }
  }

  /** Both chips must get a command, and the same; what is done is done by both, as on QEMU. */
  #lookAtHalves(offset: number, value: number, byteCount: number, mask: number): void {
    const isAlike = byteCount === 4 && ((value >>> 16) & mask) === (value & mask);
    if (!isAlike)
      this.#misuse("one-chip", offset, `${hex(value >>> 0)} is not the same command for both chips`);
  }

  #command(offset: number, command: number, now: number): void {
    const mode = READ_MODES.get(command);
    if (mode !== undefined) this.#set(CfiWord.READ_MODE, mode);
    else if (command === Command.SUSPEND) this.#suspend(now);
    else if (this.#isRunning) this.#misuse("busy", offset, `command ${hex(command)} while an operation runs`);
    else this.#commandOfReady(offset, command, now);
  }

  #commandOfReady(offset: number, command: number, now: number): void {
    switch (command) {
      case Command.PROGRAM:
      case Command.PROGRAM_ALTERNATE:
        this.#begin(offset, Cycle.PROGRAM_DATA, CfiWord.PROGRAM);
        break;
      case Command.BUFFERED_PROGRAM:
        this.#begin(offset, Cycle.BUFFER_COUNT, CfiWord.PROGRAM);
        break;
      case Command.ERASE:
        this.#begin(offset, Cycle.ERASE_CONFIRM, CfiWord.ERASE);
        break;
      case Command.LOCK:
        this.#set(CfiWord.CYCLE, Cycle.LOCK_CONFIRM);
        this.#set(CfiWord.READ_MODE, ReadMode.STATUS);
        break;
      case Command.CLEAR_STATUS:
        this.#set(CfiWord.ERRORS, 0);
        break;
      case Command.CONFIRM:
        this.#resume(offset, now);
        break;
      default:
        this.#misuse("unknown-command", offset, `${hex(command)} is no command`);
    }
  }

  /** From its first cycle on an operation has the status read. None begins while one of its kind is suspended. */
  #begin(offset: number, cycle: Cycle, activity: CfiWord.PROGRAM | CfiWord.ERASE): void {
    const isNested =
      this.#get(CfiWord.PROGRAM) === Activity.SUSPENDED || this.#get(activity) === Activity.SUSPENDED;
    if (isNested) {
      this.#sequenceError(offset, "an operation inside a suspended one that allows none");
      return;
    }
    this.#set(CfiWord.CYCLE, cycle);
    this.#set(CfiWord.READ_MODE, ReadMode.STATUS);
  }

  #sequenceError(offset: number, what: string): void {
    this.#set(CfiWord.CYCLE, Cycle.COMMAND);
    this.#set(CfiWord.READ_MODE, ReadMode.STATUS);
    this.#fail(SEQUENCE_ERROR);
    this.#misuse("command-sequence", offset, what);
  }

  // Locks ---------------------------------------------------------------------------------------------------

  #lock(offset: number, confirm: number): void {
    this.#set(CfiWord.CYCLE, Cycle.COMMAND);
    const block = this.#block(offset);
    switch (confirm) {
      case Command.LOCK_CONFIRM:
        this.#setLocked(block, true);
        break;
      case Command.LOCK_DOWN_CONFIRM:
        this.#setLocked(block, true);
        setBit(this.#lockedDown, block, true);
        break;
      case Command.CONFIRM:
        // What is locked down stays so until the chips are reset.
        if (hasBit(this.#lockedDown, block)) this.#refuseLocked(offset, 0);
        else this.#setLocked(block, false);
        break;
      default:
        this.#sequenceError(offset, `a lock command that goes on with ${hex(confirm)}`);
    }
  }

  #isLocked(offset: number): boolean {
    return hasBit(this.#lockChanged, this.#block(offset)) !== (this.#options.isLockedAtReset === true);
  }

  #setLocked(block: number, locked: boolean): void {
    setBit(this.#lockChanged, block, locked !== (this.#options.isLockedAtReset === true));
  }

  #refuseLocked(offset: number, error: number): void {
    this.#fail(STATUS_LOCKED | error);
    this.#misuse("locked", offset, `the block at ${hex(offset)} is locked`);
  }

  // The write buffer ----------------------------------------------------------------------------------------

  #takeCount(offset: number, lessOne: number): void {
    if (lessOne >= BUFFER_WORDS) {
      this.#sequenceError(
        offset,
        `a buffered program of ${lessOne + 1} words, of which the buffer has ${BUFFER_WORDS}`,
      );
      return;
    }
    this.#set(CfiWord.BUFFER_WORDS, lessOne + 1);
    this.#set(CfiWord.BUFFER_LEFT, lessOne + 1);
    this.#set(CfiWord.CYCLE, Cycle.BUFFER_DATA);
  }

  /** The first store says where the program begins; all lie in one block. */
  #takeData(offset: number, value: number, byteCount: number): void {
    const left = this.#get(CfiWord.BUFFER_LEFT);
    const words = this.#get(CfiWord.BUFFER_WORDS);
    if (left === words) this.#bufferFrom(offset, words);
    const start = this.#get(CfiWord.PROGRAM_START);
    const isInside = offset >= start && offset < this.#get(CfiWord.PROGRAM_END);
    if (!isInside || this.#block(offset) !== this.#block(start)) {
      this.#sequenceError(offset, `data for ${hex(offset)}, beyond its block or its buffer`);
      return;
    }
    this.#putData(offset, value, byteCount);
    this.#set(CfiWord.BUFFER_LEFT, left - 1);
    if (left === 1) this.#set(CfiWord.CYCLE, Cycle.BUFFER_CONFIRM);
  }

  #bufferFrom(offset: number, words: number): void {
    const start = offset & ~3;
    this.#buffer.fill(-1);
    this.#set(CfiWord.PROGRAM_START, start);
    this.#set(CfiWord.PROGRAM_END, start + 4 * words);
  }

  /** What an access does not reach stays as it is: its bits are 1. */
  #putData(offset: number, value: number, byteCount: number): void {
    const mask = byteCount === 4 ? -1 : (2 ** (8 * byteCount) - 1) << (8 * (offset & 3));
    const index = ((offset & ~3) - this.#get(CfiWord.PROGRAM_START)) / 4;
    const before = this.#buffer[index] as number;
    this.#buffer[index] = (before & ~mask) | ((value << (8 * (offset & 3))) & mask);
  }

  // Operations ----------------------------------------------------------------------------------------------

  get #isRunning(): boolean {
    return this.#get(CfiWord.PROGRAM) === Activity.RUNNING || this.#get(CfiWord.ERASE) === Activity.RUNNING;
  }

  #startErase(offset: number, now: number): void {
    this.#set(CfiWord.CYCLE, Cycle.COMMAND);
    if (this.#isLocked(offset)) {
      this.#refuseLocked(offset, STATUS_ERASE_ERROR);
      return;
    }
    this.#set(CfiWord.ERASE_AT, this.chip.sectors.at(offset)?.offset ?? 0);
    this.#set(CfiWord.ERASE, Activity.RUNNING);
    this.#doubles[CfiDouble.ERASE_DUE] = now + unitTicks(this.#options.times, "erase");
    this.#makeDue(now);
  }

  /** What is in the buffer. */
  #startProgram(now: number): void {
    this.#set(CfiWord.CYCLE, Cycle.COMMAND);
    const start = this.#get(CfiWord.PROGRAM_START);
    if (this.#isLocked(start)) {
      this.#refuseLocked(start, STATUS_PROGRAM_ERROR);
      return;
    }
    const isErasing = this.#get(CfiWord.ERASE) === Activity.SUSPENDED;
    if (isErasing && this.#block(this.#get(CfiWord.ERASE_AT)) === this.#block(start)) {
      this.#sequenceError(start, "a program of the block whose erase is suspended");
      return;
    }
    this.#tellUnset();
    const { writeBlockBytes } = this.chip.geometry;
    this.#set(CfiWord.PROGRAM_AT, Math.floor(start / writeBlockBytes) * writeBlockBytes);
    this.#set(CfiWord.PROGRAM, Activity.RUNNING);
    this.#doubles[CfiDouble.PROGRAM_DUE] = now + unitTicks(this.#options.times, "program");
    this.#makeDue(now);
  }

  /** Makes the units whose time is over: of a program first, inside which no erase runs. */
  #makeDue(now: number): void {
    while (this.nextEvent() <= now) {
      if (this.#get(CfiWord.PROGRAM) === Activity.RUNNING) this.#programUnit();
      else this.#eraseUnit();
    }
  }

  #eraseUnit(): void {
    const wrong = makeUnit(this.#eraseStart(), this.#options);
    this.#endErase();
    if (wrong?.name === "protected") this.#refuseLocked(wrong.offset, STATUS_ERASE_ERROR);
    else if (wrong !== undefined) this.#fail(STATUS_ERASE_ERROR);
  }

  #programUnit(): void {
    const at = this.#get(CfiWord.PROGRAM_AT);
    const wrong = makeUnit(this.#programStart(), this.#options);
    const next = at + this.chip.geometry.writeBlockBytes;
    this.#set(CfiWord.PROGRAM_AT, next);
    this.#doubles[CfiDouble.PROGRAM_DUE] =
      this.#due(CfiDouble.PROGRAM_DUE) + unitTicks(this.#options.times, "program");
    if (wrong !== undefined || next >= this.#get(CfiWord.PROGRAM_END)) this.#endProgram();
    if (wrong?.name === "protected") this.#refuseLocked(wrong.offset, STATUS_PROGRAM_ERROR);
    else if (wrong !== undefined) this.#fail(STATUS_PROGRAM_ERROR);
  }

  #eraseStart() {
    const at = this.#get(CfiWord.ERASE_AT);
    return this.chip.erase(at, this.chip.sectors.at(at)?.bytes ?? 0);
  }

  /** What the buffer has for a byte of the program. Bytes of 1s are what no access reached, or padding: they ask for nothing. */
  #wanted(offset: number): number {
    const word = this.#buffer[(offset - this.#get(CfiWord.PROGRAM_START)) >> 2] as number;
    return (word >>> (8 * (offset & 3))) & 0xff;
  }

  /** A bit at 0 that is to be 1, the first of them, at the command that asks for it. */
  #tellUnset(): void {
    const [start, end] = [this.#get(CfiWord.PROGRAM_START), this.#get(CfiWord.PROGRAM_END)];
    for (const [index, held] of this.chip.contents(start, end - start).entries()) {
      const offset = start + index;
      const byte = this.#wanted(offset);
      if ((byte & ~held) === 0 || byte === 0xff) continue;
      const message = `the flash is not erased at ${hex(offset)}: a program cannot set bits`;
      this.#misuse("not-erased", offset, message);
      return;
    }
  }

  /** The chips clear what is to be cleared, and leave a bit at 0 that is to be 1. */
  #programStart() {
    const at = this.#get(CfiWord.PROGRAM_AT);
    const [start, end] = [this.#get(CfiWord.PROGRAM_START), this.#get(CfiWord.PROGRAM_END)];
    const data = this.chip.contents(at, this.chip.geometry.writeBlockBytes);
    for (const [index, held] of data.entries()) {
      const offset = at + index;
      if (offset >= start && offset < end) data[index] = held & this.#wanted(offset);
    }
    return this.chip.program(at, data);
  }

  #suspend(now: number): void {
    this.#set(CfiWord.READ_MODE, ReadMode.STATUS);
    const suspend = (activity: CfiWord, due: CfiDouble): void => {
      this.#set(activity, Activity.SUSPENDED);
      this.#doubles[due] = Math.max(0, this.#due(due) - now);
    };
    if (this.#get(CfiWord.PROGRAM) === Activity.RUNNING) suspend(CfiWord.PROGRAM, CfiDouble.PROGRAM_DUE);
    else if (this.#get(CfiWord.ERASE) === Activity.RUNNING) suspend(CfiWord.ERASE, CfiDouble.ERASE_DUE);
  }

  /** The last that was suspended is the first to go on. */
  #resume(offset: number, now: number): void {
    const resume = (activity: CfiWord, due: CfiDouble): void => {
      this.#set(activity, Activity.RUNNING);
      this.#set(CfiWord.READ_MODE, ReadMode.STATUS);
      this.#doubles[due] = this.#due(due) + now;
    };
    if (this.#get(CfiWord.PROGRAM) === Activity.SUSPENDED) resume(CfiWord.PROGRAM, CfiDouble.PROGRAM_DUE);
    else if (this.#get(CfiWord.ERASE) === Activity.SUSPENDED) resume(CfiWord.ERASE, CfiDouble.ERASE_DUE);
    else this.#misuse("unknown-command", offset, "a confirm or resume with nothing to confirm or resume");
  }

  // Resets --------------------------------------------------------------------------------------------------

  /** An operation that is suspended has been in its unit, and leaves it torn as well. */
  #tearUnderWay(hooks: UnitHooks): void {
    if (this.#get(CfiWord.PROGRAM) !== Activity.NONE) tearUnit(this.#programStart(), hooks);
    if (this.#get(CfiWord.ERASE) !== Activity.NONE) tearUnit(this.#eraseStart(), hooks);
  }

  #drop(): void {
    this.#endProgram();
    this.#endErase();
  }

  /** Nothing of it stays, when it was due neither. */
  #endProgram(): void {
    this.#set(CfiWord.PROGRAM, Activity.NONE);
    this.#doubles[CfiDouble.PROGRAM_DUE] = 0;
  }

  #endErase(): void {
    this.#set(CfiWord.ERASE, Activity.NONE);
    this.#doubles[CfiDouble.ERASE_DUE] = 0;
  }

  #resetChips(): void {
    this.#set(CfiWord.READ_MODE, ReadMode.ARRAY);
    this.#set(CfiWord.CYCLE, Cycle.COMMAND);
    this.#set(CfiWord.ERRORS, 0);
    this.#lockChanged.fill(0);
    this.#lockedDown.fill(0);
  }

  // Inside --------------------------------------------------------------------------------------------------

  /** Tells the board if the array can be read now and could not before, or the other way round. */
  #tellingMode(act: () => void): void {
    const before = this.arrayReadable;
    act();
    const now = this.arrayReadable;
    if (now !== before) this.#options.modeChanged?.(now);
  }

  #block(offset: number): number {
    return this.chip.sectors.at(offset)?.index ?? 0;
  }

  #misuse(name: CfiMisuseName, offset: number, message: string): void {
    this.#options.misused?.({ name, offset, message: `${this.name}: ${message}` });
  }

  #fail(errors: number): void {
    this.#set(CfiWord.ERRORS, this.#get(CfiWord.ERRORS) | errors);
  }

  #due(double: CfiDouble): number {
    return this.#doubles[double] as number;
  }

  #get(word: CfiWord): number {
    return this.#words[word] as number;
  }

  #set(word: CfiWord, value: number): void {
    this.#words[word] = value;
  }
}

const READ_MODES: ReadonlyMap<number, ReadMode> = new Map([
  [Command.READ_ARRAY, ReadMode.ARRAY],
  [Command.READ_STATUS, ReadMode.STATUS],
  [Command.READ_ID, ReadMode.ID],
  [Command.QUERY, ReadMode.QUERY],
]);

function littleEndian(bytes: Uint8Array): number {
  return new DataView(bytes.buffer).getUint32(0, true);
}

function hasBit(words: Int32Array, bit: number): boolean {
  return (((words[bit >> 5] as number) >>> (bit & 31)) & 1) !== 0;
}

function setBit(words: Int32Array, bit: number, value: boolean): void {
  const mask = 1 << (bit & 31);
  const before = words[bit >> 5] as number;
  words[bit >> 5] = value ? before | mask : before & ~mask;
}
