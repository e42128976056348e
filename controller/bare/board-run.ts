/**
 * A machine that runs somebody's own boot loader live, on the board of a profile: `flipside run --device`.
 *
 * A reset of the hart, whoever asks for it, is no end: flash, counters, RAM and retained words stay as they are, and the
 * loader begins anew. Invariants: flash changes in the units of its chips alone; whoever keeps its bytes is told of every
 * change by the time that the run comes back, and every {@link SLICE} instructions, for a run may have no end of its own.
 */
import { hex32 } from "../../emulator/base/text.ts";
import { BytesFlashPort } from "../../emulator/flash/flash.ts";
import { FlashChip } from "../../emulator/flash/flash-chip.ts";
import { createMemory, type Layout, PAGE_BYTES, planBoardLayout } from "../../emulator/memory/layout.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";
import { Cause } from "../cpu/engine.ts";
import { Hart } from "../cpu/hart.ts";
import type { HartConfig } from "../cpu/hart-config.ts";
import { COUNTER_BLOCK_WORDS } from "../devices/counters.ts";
import { PlainWords } from "../devices/persistent-words.ts";
import { ResetReason } from "../devices/reset-block.ts";
import type { SerialLine } from "../devices/uart.ts";
import { Machine, type MachineOptions, MachineStop } from "../machine.ts";
import { type BoardProfile, EXECUTED_DEVICE, executedAt, flashAt } from "../profile.ts";
import { type BroughtModules, type ProfileBoard, profileBoard, watchdogReset } from "../profile-board.ts";
import { accessPlace, NamedProgram } from "./named-program.ts";
import { LoadError, park, type RunReport, reportOf } from "./run-report.ts";

/** After so many instructions what has changed in flash is told: some tenths of a second. */
const SLICE = 20_000_000;
/** Sentences about misuse of flash that are kept; a loop would make more of them than anybody reads. */
const MAX_MISUSES = 8;

/** A page of a flash device that has changed. */
export interface ChangedPage {
  readonly device: number;
  readonly offset: number;
  /** What it holds now. */
  readonly bytes: Uint8Array;
}

export interface BoardRunOptions {
  readonly profile: BoardProfile;
  readonly hart: HartConfig;
  readonly clock: "live" | "virtual";
  readonly line: SerialLine;
  /** Monotonic nanoseconds. */
  readonly nowNs: () => number;
  /** Nanoseconds since 1970, for the real-time clock; 0 where it is absent. */
  readonly epochNs?: bigint;
  readonly engine?: MachineOptions["engine"];
  /** Of the board's devices, where it has some. */
  readonly modules?: BroughtModules;
  /** The program's file, for names. */
  readonly elf?: Uint8Array | undefined;
  /** Keeps what flash holds. */
  readonly keep?: (page: ChangedPage) => void;
}

export interface BoardRunReport extends RunReport {
  /** Resets of the hart, by watchdog or firmware. */
  readonly resets: number;
  /** What firmware asked of its flash and no such flash does, as sentences that tell where; none said twice. */
  readonly flashMisuses: readonly string[];
}

export class BoardMachine {
  readonly machine: Machine;
  readonly #options: BoardRunOptions;
  readonly #layout: Layout;
  readonly #board: ProfileBoard;
  /** By device, what its cells hold. */
  readonly #flash: readonly Uint8Array[];
  /** By device, pages that changed and were not told yet. */
  readonly #changed: readonly Set<number>[];
  /** By misuse and instruction, what is told of it. */
  readonly #misuses = new Map<string, string>();
  /** The program's file, once somebody has asked for names. */
  #program: { readonly named: NamedProgram | undefined } | undefined;
  #resetAsked = false;
  #resets = 0;
  /** Before the last reset. */
  #retiredBefore = 0;

  constructor(options: BoardRunOptions) {
    const { profile, hart, clock, line, nowNs, epochNs, engine, modules } = options;
    this.#options = options;
    const sizes = profile.flash.map(({ bytes }) => bytes);
    this.#layout = planBoardLayout(profile.ramBytes, sizes);
    const memory = createMemory(this.#layout);
    this.#flash = sizes.map(
      (bytes, device) => new Uint8Array(memory.buffer, this.#layout.regions[device] as number, bytes),
    );
    this.#changed = sizes.map(() => new Set<number>());
    for (const [device, bytes] of this.#flash.entries())
      bytes.fill(profile.flash[device]?.geometry.erasedByte ?? 0xff);
    this.#board = profileBoard(profile, hart, {
      chips: this.#makeChips(),
      ...(modules && { modules }),
      beforeUnit: () => undefined,
      counters: new PlainWords(new Int32Array(COUNTER_BLOCK_WORDS)),
      misused: (message, isAccessing) => this.#misused(message, isAccessing),
      onReset: () => {
        this.#resetAsked = true;
      },
    });
    this.machine = new Machine({
      memory,
      layout: this.#layout,
      slot: 0,
      plan: this.#board.plan,
      line,
      countsRounds: true,
      onException: (cause, value) => this.#excepted(cause, value),
      ...(epochNs !== undefined && { epochNs }),
      ...(clock === "live" && { liveClock: { nowNs } }),
      ...(engine && { engine }),
    });
    this.machine.clock.powerOn();
    this.#board.powerOn();
  }

  /** What a flash device holds; to be changed before the start alone. */
  flash(device: number): Uint8Array {
    const bytes = this.#flash[device];
    if (bytes === undefined) throw new RangeError(`there is no flash device ${device}`);
    return bytes;
  }

  /** Puts bytes into RAM before the start. Throws {@link LoadError} where they are not in it. */
  placeInRam(address: number, bytes: Uint8Array): void {
    this.#ram("a program", address, bytes.length).set(bytes);
  }

  /** A copy of what RAM or flash holds, whichever way the device answers. Throws {@link LoadError} where neither is. */
  read(what: string, address: number, byteCount: number): Uint8Array {
    const place = flashAt(this.#options.profile, address);
    if (place === undefined) return this.#ram(what, address, byteCount).slice();
    const bytes = this.flash(place.device);
    if (place.offset + byteCount > bytes.length) throw this.#outside(what, address, byteCount);
    return bytes.slice(place.offset, place.offset + byteCount);
  }

  /** Runs from power-on to the end, or until `maxInstructions` have retired. */
  run(maxInstructions: number): BoardRunReport {
    const { nowNs } = this.#options;
    const startNs = nowNs();
    this.#start(ResetReason.POWER);
    for (;;) {
      const left = maxInstructions - this.#retired;
      const stop = this.#slice(Math.min(SLICE, left));
      const reason = stop === MachineStop.STOPPED ? this.#resetReason() : undefined;
      if (reason !== undefined) this.#restart(reason);
      else if (!this.#goesOn(stop, maxInstructions)) return this.#report(stop, (nowNs() - startNs) / 1e9);
    }
  }

  #slice(instructions: number): MachineStop {
    try {
      return this.machine.run(instructions);
    } finally {
      // A module of the board's may have thrown: what has changed before has changed.
      this.#keepChanges();
    }
  }

  #goesOn(stop: MachineStop, maxInstructions: number): boolean {
    if (stop === MachineStop.BUDGET) return this.#retired < maxInstructions;
    return stop === MachineStop.IDLE && park(this.machine, this.#options.line);
  }

  get #retired(): number {
    return this.#retiredBefore + this.machine.retired;
  }

  #start(reason: ResetReason): void {
    this.#resetAsked = false;
    this.#board.start(this.machine, reason);
  }

  #restart(reason: ResetReason): void {
    this.#retiredBefore += this.machine.retired;
    this.#resets += 1;
    this.#start(reason);
  }

  /** Undefined where the stop is an end. */
  #resetReason(): ResetReason | undefined {
    return this.#resetAsked ? ResetReason.SOFTWARE : watchdogReset(this.machine.evidence);
  }

  #excepted(cause: number, value: number): void {
    const misuse =
      cause === Cause.INSTRUCTION_ACCESS_FAULT ? this.#board.fetchMisuse(value >>> 0) : undefined;
    if (misuse !== undefined) this.#misused(misuse, true, value >>> 0);
  }

  /** @param pc of the instruction that is at fault */
  #misused(message: string, isAccessing: boolean, pc = (this.machine.hart[Hart.PC] as number) >>> 0): void {
    const key = isAccessing ? `${message} ${pc}` : message;
    if (this.#misuses.size >= MAX_MISUSES || this.#misuses.has(key)) return;
    this.#program ??= { named: NamedProgram.of(this.#options.elf) };
    const place = isAccessing ? `, at ${accessPlace(this.machine, this.#program.named, pc)}` : "";
    this.#misuses.set(key, `${message}${place}`);
  }

  #makeChips(): readonly FlashChip[] {
    return this.#options.profile.flash.map(({ geometry }, device) => {
      const port = new BytesFlashPort(this.flash(device), (offset, byteCount) =>
        this.#changes(device, offset, byteCount),
      );
      return new FlashChip(port, geometry);
    });
  }

  /** Bytes of a device are about to change: what is decoded of them is dropped, and they are to be kept. */
  #changes(device: number, offset: number, byteCount: number): void {
    const executed = executedAt(this.#options.profile, device, offset, byteCount);
    if (executed !== undefined) this.machine.regionChanged(EXECUTED_DEVICE, executed);
    const first = Math.floor(offset / PAGE_BYTES);
    for (let page = first; page * PAGE_BYTES < offset + byteCount; page += 1)
      this.#changed[device]?.add(page);
  }

  #keepChanges(): void {
    for (const [device, pages] of this.#changed.entries()) {
      for (const page of pages) {
        const offset = page * PAGE_BYTES;
        const bytes = this.flash(device).subarray(offset, offset + PAGE_BYTES);
        this.#options.keep?.({ device, offset, bytes });
      }
      pages.clear();
    }
  }

  #report(stop: MachineStop, seconds: number): BoardRunReport {
    const report = reportOf(this.machine, stop, {
      retiredInstructions: this.#retired,
      seconds,
      refusedHostCalls: [],
      semihostingReason: null,
      unservedCall: null,
    });
    return { ...report, resets: this.#resets, flashMisuses: [...this.#misuses.values()] };
  }

  #ram(what: string, address: number, byteCount: number): Uint8Array {
    const bytes = this.machine.space.ram(address, byteCount);
    if (bytes === undefined) throw this.#outside(what, address, byteCount);
    return bytes;
  }

  #outside(what: string, address: number, byteCount: number): LoadError {
    const ram = `RAM from ${hex32(RAM_BASE)} to ${hex32(RAM_BASE + this.#options.profile.ramBytes)}`;
    return new LoadError(
      `${what} of ${byteCount} bytes at ${hex32(address)} lies neither in ${ram} nor in a mapped flash device`,
    );
  }
}
