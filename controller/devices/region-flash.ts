/**
 * The flash controller as the controller's board has it: device n is region n, which a version may write that is not the
 * primary, once it has begun to. docs/hardware.md.
 *
 * Invariants: no byte of a region is stored here: what is to be changed is posted (emulator/memory/flash-posts.ts), and
 * whoever carries it out looks up once more whether it may be. What is refused changes nothing, and STATUS tells why. One
 * post is open at a time, and a version that starts has none.
 */
import { Control } from "../../emulator/memory/control.ts";
import {
  FlashAction,
  FlashStatus,
  isRequest,
  mayWriteRegion,
  postFlash,
} from "../../emulator/memory/flash-posts.ts";
import type { MemoryConfig } from "../../emulator/memory/layout.ts";
import { BUS_FAULT, InterruptBit } from "../cpu/engine.ts";
import type { Board, Device } from "./device.ts";
import {
  FlashCommand,
  FlashRegister,
  TRAIT_ECC,
  TRAIT_ERASE_NEEDED,
  TRAIT_MAPPED,
  TRAIT_WRITE_ONCE,
} from "./flash-controller.ts";
import type { GuestMemory } from "./guest-memory.ts";
import type { StateWords } from "./state.ts";

const ERASED = 0xff;
/** Of a command that moves or compares data, so much in one go: after each the thread shows that it lives. */
const PIECE_BYTES = 16_384;

/** Values of REQUEST. */
export const enum FlashRequest {
  /** The region is invalid from now on, and may be written. */
  BEGIN = 1,
  /** It is written: valid if it verifies. */
  END = 2,
  /** The next start designates it. */
  ACTIVATE = 3,
}

const ACTIONS: ReadonlyMap<number, FlashAction> = new Map([
  [FlashRequest.BEGIN, FlashAction.BEGIN],
  [FlashRequest.END, FlashAction.END],
  [FlashRequest.ACTIVATE, FlashAction.ACTIVATE],
]);

export interface RegionFlashOptions {
  readonly config: MemoryConfig;
  /** How many regions the board has. */
  readonly regionCount: () => number;
  readonly control: Int32Array;
  readonly memory: GuestMemory;
  /** A copy of these bytes of a region. */
  readonly readRegion: (region: number, offset: number, byteCount: number) => Uint8Array;
  /** The first of these bytes that cannot be read; undefined where all can. */
  readonly readFault: (region: number, offset: number, byteCount: number) => number | undefined;
  /** An operation has ended: bytes may be readable that were not. */
  readonly regionsChanged: () => void;
  /** Somebody carries out what is posted. Where nobody does every request is refused. */
  readonly isServed: boolean;
  /** An operation is posted; a request rings the doorbell instead. */
  readonly posted: () => void;
  /** A command takes longer than instructions do. */
  readonly tookLong: () => void;
}

/** Registers and what is open, all 0 after a reset. */
const enum Word {
  DEVICE = 0,
  QUERY = 1,
  OFFSET = 2,
  LENGTH = 3,
  MEMORY = 4,
  STATUS = 5,
  FAIL_OFFSET = 6,
  INTERRUPT = 7,
  /** The post whose answer is awaited, 0 for none; 1 where it is a request. */
  AWAITED = 8,
  IS_REQUEST = 9,
  WORDS = 10,
}

export class RegionFlash implements Device {
  readonly name = "flash controller";
  readonly accessBytes = 4;
  readonly #words: Int32Array;
  /** By region, how many bytes from its start cannot be changed. */
  readonly #protected: Int32Array;
  readonly #options: RegionFlashOptions;
  readonly #board: Board;

  constructor(state: StateWords, options: RegionFlashOptions, board: Board) {
    this.#words = state.words(Word.WORDS);
    this.#protected = state.words(options.config.regions);
    this.#options = options;
    this.#board = board;
  }

  reset(): void {
    this.#words.fill(0);
    this.#protected.fill(0);
  }

  pending(): number {
    if (this.#get(Word.INTERRUPT) === 0) return 0;
    this.#collect();
    return this.#get(Word.STATUS) === FlashStatus.NONE ? 0 : InterruptBit.EXTERNAL;
  }

  load(offset: number): number {
    this.#collect();
    const { config } = this.#options;
    switch (offset) {
      case FlashRegister.DEVICE:
        return ((this.#options.regionCount() << 16) | this.#region) >>> 0;
      case FlashRegister.BYTES:
        return config.regionBytes;
      case FlashRegister.WRITE_BLOCK:
        return config.programUnitBytes;
      case FlashRegister.TRAITS:
        return ERASED | TRAIT_ERASE_NEEDED | TRAIT_MAPPED | (config.ecc ? TRAIT_WRITE_ONCE | TRAIT_ECC : 0);
      case FlashRegister.SECTOR_OFFSET:
        return this.#sectorOffset ?? 0;
      case FlashRegister.SECTOR_BYTES:
        return this.#sectorOffset === undefined ? 0 : config.sectorBytes;
      case FlashRegister.PROTECT:
        return (this.#protected[this.#region] as number) >>> 0;
      case FlashRegister.CORRECTED:
      case FlashRegister.CORRECTED_OFFSET:
        return 0;
      default: {
        const word = READABLE.get(offset);
        return word === undefined ? BUS_FAULT : this.#get(word);
      }
    }
  }

  store(offset: number, value: number): number {
    this.#collect();
    const isStored = this.#store(offset, value);
    this.#board.changed();
    return isStored ? 0 : BUS_FAULT;
  }

  /** False where no register takes it. */
  #store(offset: number, value: number): boolean {
    switch (offset) {
      case FlashRegister.DEVICE:
        if (value < 0 || value >= this.#options.regionCount()) return false;
        this.#set(Word.DEVICE, value);
        return true;
      case FlashRegister.COMMAND:
        this.#command(value);
        return true;
      case FlashRegister.REQUEST:
        this.#request(value);
        return true;
      case FlashRegister.STATUS:
        this.#set(Word.STATUS, FlashStatus.NONE);
        return true;
      case FlashRegister.PROTECT:
        if (value >>> 0 > (this.#protected[this.#region] as number) >>> 0)
          this.#protected[this.#region] = value;
        return true;
      case FlashRegister.INTERRUPT:
        this.#set(Word.INTERRUPT, value & 1);
        return true;
      case FlashRegister.KEY:
      case FlashRegister.CORRECTED:
        // It is always open: who writes has begun. Nothing is ever corrected.
        return true;
      default: {
        const word = WRITABLE.get(offset);
        if (word !== undefined) this.#set(word, value);
        return word !== undefined;
      }
    }
  }

  // What is asked -------------------------------------------------------------------------------------------

  #request(value: number): void {
    const action = ACTIONS.get(value);
    if (this.#isBusy || action === undefined || !this.#options.isServed) this.#end(FlashStatus.REFUSED, 0);
    else {
      this.#post(action);
      this.#board.ring();
    }
  }

  #command(command: number): void {
    const offset = this.#get(Word.OFFSET);
    // What is open goes on, and tells its end as well.
    if (this.#isBusy) this.#end(FlashStatus.REFUSED, offset);
    else if (command === FlashCommand.PROGRAM || command === FlashCommand.ERASE)
      this.#change(command, offset);
    else if (
      command === FlashCommand.READ ||
      command === FlashCommand.IS_ERASED ||
      command === FlashCommand.VERIFY
    )
      this.#look(command, offset);
    else this.#end(FlashStatus.REFUSED, offset);
  }

  #change(command: FlashCommand.PROGRAM | FlashCommand.ERASE, offset: number): void {
    const { config, control, isServed } = this.#options;
    const isErase = command === FlashCommand.ERASE;
    const length = this.#get(Word.LENGTH);
    const unitBytes = isErase ? config.sectorBytes : config.programUnitBytes;
    const isBegun = isServed && mayWriteRegion(control, this.#region, this.#board.bootEpoch);
    const isProtected = offset < (this.#protected[this.#region] as number) >>> 0;
    if (!isBegun || isProtected) this.#end(FlashStatus.REFUSED, offset);
    else if (length === 0 || offset % unitBytes !== 0 || length % unitBytes !== 0)
      this.#end(FlashStatus.MISALIGNED, offset);
    else if (!this.#isInRegion(offset, length)) this.#end(FlashStatus.RANGE, offset);
    else if (!isErase && !this.#isRam(this.#get(Word.MEMORY), length)) this.#end(FlashStatus.RANGE, offset);
    else {
      this.#post(isErase ? FlashAction.ERASE : FlashAction.PROGRAM);
      this.#options.posted();
    }
  }

  #post(action: FlashAction): void {
    this.#set(Word.STATUS, FlashStatus.NONE);
    this.#set(Word.IS_REQUEST, isRequest(action) ? 1 : 0);
    const ask = {
      action,
      region: this.#region,
      offset: this.#get(Word.OFFSET),
      length: this.#get(Word.LENGTH),
      memory: this.#get(Word.MEMORY),
      epoch: this.#board.bootEpoch,
    };
    this.#set(Word.AWAITED, postFlash(this.#options.control, ask));
  }

  /** The answer to what is open, once it is there. */
  #collect(): void {
    const awaited = this.#words[Word.AWAITED] as number;
    if (awaited === 0) return;
    const { control } = this.#options;
    const isAsked = this.#get(Word.IS_REQUEST) !== 0;
    if (Atomics.load(control, isAsked ? Control.FLASH_ANSWERED : Control.FLASH_ENDED) !== awaited) return;
    this.#set(Word.AWAITED, 0);
    if (isAsked) {
      this.#end(Atomics.load(control, Control.FLASH_ANSWER), 0);
      return;
    }
    this.#end(Atomics.load(control, Control.FLASH_STATUS), Atomics.load(control, Control.FLASH_FAIL_OFFSET));
    this.#options.regionsChanged();
  }

  // What is read, which takes no time -----------------------------------------------------------------------

  #look(command: FlashCommand.READ | FlashCommand.IS_ERASED | FlashCommand.VERIFY, offset: number): void {
    const length = this.#get(Word.LENGTH);
    const address = this.#get(Word.MEMORY);
    if (length === 0) this.#end(FlashStatus.MISALIGNED, offset);
    else if (
      !this.#isInRegion(offset, length) ||
      (command !== FlashCommand.IS_ERASED && !this.#isRam(address, length))
    )
      this.#end(FlashStatus.RANGE, offset);
    else {
      const fault = this.#options.readFault(this.#region, offset, length);
      if (command === FlashCommand.IS_ERASED)
        this.#endLook(FlashStatus.NOT_ERASED, this.#firstWrong(command, offset, address, fault) ?? fault);
      else if (fault !== undefined) this.#end(FlashStatus.ECC, fault);
      else this.#endLook(FlashStatus.DIFFERS, this.#firstWrong(command, offset, address, undefined));
    }
  }

  #endLook(status: FlashStatus, wrong: number | undefined): void {
    if (wrong === undefined) this.#end(FlashStatus.DONE, 0);
    else this.#end(status, wrong);
  }

  /** @param fault where what can be read ends; undefined where all of it can */
  #firstWrong(
    command: FlashCommand,
    offset: number,
    address: number,
    fault: number | undefined,
  ): number | undefined {
    const length = fault === undefined ? this.#get(Word.LENGTH) : fault - offset;
    for (let at = 0; at < length; at += PIECE_BYTES) {
      const wrong = this.#lookAt(command, offset + at, address + at, Math.min(PIECE_BYTES, length - at));
      if (length > PIECE_BYTES) this.#options.tookLong();
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  /** The first byte that is not as the command would have it. */
  #lookAt(command: FlashCommand, offset: number, address: number, byteCount: number): number | undefined {
    const { memory, readRegion } = this.#options;
    const held = readRegion(this.#region, offset, byteCount);
    if (command === FlashCommand.READ) {
      memory.store(address, held);
      return undefined;
    }
    const expected = command === FlashCommand.VERIFY ? memory.read(address, byteCount) : undefined;
    const wrong = held.findIndex((byte, at) => byte !== (expected === undefined ? ERASED : expected[at]));
    return wrong < 0 ? undefined : offset + wrong;
  }

  #isRam(address: number, byteCount: number): boolean {
    const { memory } = this.#options;
    return memory.read(address, 1) !== undefined && memory.read(address + byteCount - 1, 1) !== undefined;
  }

  #isInRegion(offset: number, length: number): boolean {
    const { regionBytes } = this.#options.config;
    return length <= regionBytes && offset <= regionBytes - length;
  }

  /** Where the sector begins that QUERY asked for. */
  get #sectorOffset(): number | undefined {
    const { regionBytes, sectorBytes } = this.#options.config;
    const asked = this.#get(Word.QUERY);
    return asked < regionBytes ? asked - (asked % sectorBytes) : undefined;
  }

  // Words ---------------------------------------------------------------------------------------------------

  #end(status: FlashStatus, failOffset: number): void {
    this.#set(Word.STATUS, status);
    this.#set(Word.FAIL_OFFSET, failOffset);
  }

  get #isBusy(): boolean {
    return this.#get(Word.AWAITED) !== 0;
  }

  get #region(): number {
    return this.#get(Word.DEVICE);
  }

  #get(word: Word): number {
    return (this.#words[word] as number) >>> 0;
  }

  #set(word: Word, value: number): void {
    this.#words[word] = value;
  }
}

const WRITABLE: ReadonlyMap<number, Word> = new Map([
  [FlashRegister.QUERY, Word.QUERY],
  [FlashRegister.OFFSET, Word.OFFSET],
  [FlashRegister.LENGTH, Word.LENGTH],
  [FlashRegister.MEMORY, Word.MEMORY],
]);

const READABLE: ReadonlyMap<number, Word> = new Map([
  [FlashRegister.OFFSET, Word.OFFSET],
  [FlashRegister.LENGTH, Word.LENGTH],
  [FlashRegister.MEMORY, Word.MEMORY],
  [FlashRegister.STATUS, Word.STATUS],
  [FlashRegister.FAIL_OFFSET, Word.FAIL_OFFSET],
  [FlashRegister.INTERRUPT, Word.INTERRUPT],
]);
