/**
 * A bare machine that runs one ELF file in RAM, as an emulator does: `flipside run`.
 *
 * The program ends by the test finisher or by HTIF (htif.ts), by its budget of instructions, or because it can do
 * nothing any more. A reset by the finisher is no end: what was loaded is loaded again, the rest of RAM stays, and the
 * program begins at its entry.
 */

import { hex32 } from "../../emulator/base/text.ts";
import {
  createMemory,
  DEFAULT_MEMORY_CONFIG,
  type Layout,
  planLayout,
} from "../../emulator/memory/layout.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";
import { BARE_BOARD } from "../boards.ts";
import { Hart, Mode } from "../cpu/hart.ts";
import { alignmentBits, type Extensions, formatIsa } from "../cpu/isa.ts";
import type { SerialLine } from "../devices/uart.ts";
import { Machine, type MachineOptions, MachineStop } from "../machine.ts";
import { flattenTree } from "./device-tree.ts";
import type { ElfFile } from "./elf.ts";
import type { ElfPart } from "./elf-parts.ts";
import { GuestRam } from "./guest-ram.ts";
import { Htif } from "./htif.ts";
import { LoadError, park, type RunReport, reportOf } from "./run-report.ts";
import { isSemihostingCall, Semihosting, type SemihostingHost } from "./semihosting.ts";
import { virtTree } from "./virt-tree.ts";

export interface RunOptions {
  readonly ramBytes: number;
  readonly clock: "live" | "virtual";
  readonly line: SerialLine;
  /** Monotonic nanoseconds. */
  readonly nowNs: () => number;
  /** Nanoseconds since 1970, for the real-time clock; 0 where it is absent. */
  readonly epochNs?: bigint;
  readonly engine?: MachineOptions["engine"];
  /** The hart's instructions; all that there are where it is absent. */
  readonly extensions?: Extensions;
  /** Absent: a semihosting call is an ordinary breakpoint. */
  readonly semihosting?: SemihostingHost;
}

export class BareMachine {
  readonly machine: Machine;
  readonly #layout: Layout;
  readonly #nowNs: () => number;
  readonly #line: SerialLine;
  readonly #ram: GuestRam;
  /** Of a program that has the symbol `tohost`. */
  #htif: Htif | undefined;
  /** The machine's device tree. */
  readonly #tree: Uint8Array;
  /** Where it lies; 0 for nowhere. */
  #treeAt = 0;
  #program: ElfFile | undefined;
  #resetAsked = false;
  /** Before the last reset. */
  #retiredBefore = 0;
  readonly #epochNs: bigint;
  /** Bits that no instruction's address has. */
  readonly #alignment: number;
  readonly #semihostingHost: SemihostingHost | undefined;
  #semihosting: Semihosting | undefined;
  #unservedCall: number | null = null;

  constructor(options: RunOptions) {
    // The segments that a bare machine does not show are as small as they may be.
    const config = {
      ...DEFAULT_MEMORY_CONFIG,
      regionBytes: 65_536,
      hostBytes: 65_536,
      ramBytes: options.ramBytes,
    };
    this.#layout = planLayout(config, 1);
    const { extensions = BARE_BOARD.extensions } = options;
    this.#tree = flattenTree(virtTree({ ramBytes: options.ramBytes, isa: treeIsa(extensions) }));
    this.#alignment = alignmentBits(extensions);
    this.#nowNs = options.nowNs;
    this.#line = options.line;
    this.#epochNs = options.epochNs ?? 0n;
    this.#semihostingHost = options.semihosting;
    const memory = createMemory(this.#layout);
    this.machine = new Machine({
      memory,
      layout: this.#layout,
      slot: 0,
      plan: { ...BARE_BOARD, extensions },
      line: options.line,
      onReset: () => {
        this.#resetAsked = true;
      },
      ...(options.epochNs !== undefined && { epochNs: options.epochNs }),
      ...(options.clock === "live" && { liveClock: { nowNs: options.nowNs } }),
      ...(options.engine && { engine: options.engine }),
    });
    this.machine.clock.powerOn();
    this.#ram = new GuestRam(this.machine);
  }

  /** Loads the program and puts the hart at its entry. Throws {@link LoadError}. */
  load(elf: ElfFile): void {
    this.#place(elf);
    this.#requireEntry(elf);
    this.#program = elf;
    this.#start(elf);
    const tohost = elf.symbols.get("tohost");
    if (tohost !== undefined) this.#serveHost(tohost, elf.symbols.get("fromhost"));
    this.#serveSemihosting(elf);
  }

  #place(elf: ElfFile): void {
    const { bytes } = this.machine.space;
    // Notes are for tools: linkers put them wherever there is room.
    const parts = elf.parts.filter(
      (part) => part.kind !== "note" || this.#ram.has(part.address, part.memoryBytes),
    );
    const totalBytes = parts.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
    if (totalBytes > this.#layout.config.ramBytes && parts.length > 1) {
      throw new LoadError(`its ${parts.length} parts of ${totalBytes} bytes do not fit the RAM together`);
    }
    for (const { kind, address, data, memoryBytes } of parts) {
      const offset = this.#ramOffset(`a ${kind}`, address, memoryBytes);
      bytes.set(data, offset);
      bytes.fill(0, offset + data.length, offset + memoryBytes);
    }
  }

  /** Runs to the program's end, or until `maxInstructions` have retired. */
  run(maxInstructions: number): RunReport {
    const startNs = this.#nowNs();
    let stop = MachineStop.IDLE;
    for (;;) {
      stop = this.machine.run(maxInstructions - this.#retired);
      if (stop === MachineStop.STOPPED && this.#resetAsked) this.#restart();
      else if (stop !== MachineStop.IDLE || !park(this.machine, this.#line)) break;
    }
    return this.#report(stop, (this.#nowNs() - startNs) / 1e9);
  }

  get #retired(): number {
    return this.#retiredBefore + this.machine.retired;
  }

  #restart(): void {
    this.#resetAsked = false;
    this.#retiredBefore += this.machine.retired;
    if (this.#program === undefined) throw new Error("nothing has been loaded");
    this.#place(this.#program);
    this.#start(this.#program);
  }

  /** The hart at the entry, with its number in a0 and the address of the device tree in a1, as QEMU's loader leaves it. */
  #start(elf: ElfFile): void {
    this.machine.reset(elf.entry | 0);
    this.machine.hart[Hart.X + A0] = 0;
    this.#treeAt = this.#placeTree(elf);
    this.machine.hart[Hart.X + A1] = this.#treeAt;
  }

  /** The tree's address; 0, and no tree, where the program itself lies. */
  #placeTree({ parts }: ElfFile): number {
    const tree = this.#tree;
    const from = treeAddress(this.#layout.config.ramBytes, tree.length);
    const lies = ({ address, memoryBytes }: ElfPart): boolean =>
      address < from + tree.length && address + memoryBytes > from;
    if (from < RAM_BASE || parts.some(lies)) return 0;
    this.machine.space.bytes.set(tree, from - RAM_BASE + this.#layout.ram);
    return from;
  }

  /** Bytes of RAM. Throws {@link LoadError} when they lie outside. */
  readRam(what: string, address: number, byteCount: number): Uint8Array {
    const offset = this.#ramOffset(what, address, byteCount);
    return this.machine.space.bytes.slice(offset, offset + byteCount);
  }

  /** Where there is nothing to execute, a program would end in its first trap, as if it had done something. */
  #requireEntry({ entry, parts }: ElfFile): void {
    if (!this.#ram.has(entry, 2)) {
      throw new LoadError(
        `its entry ${hex32(entry)} lies outside the RAM from ${hex32(RAM_BASE)} to ${hex32(this.#ram.end)}`,
      );
    }
    if ((entry & this.#alignment) !== 0) {
      throw new LoadError(`its entry ${hex32(entry)} is no multiple of 4, and the hart has no C`);
    }
    if (parts.some(({ address, data }) => entry >= address && entry < address + data.length)) return;
    throw new LoadError(`it has no code at its entry ${hex32(entry)}`);
  }

  #ramOffset(what: string, address: number, byteCount: number): number {
    const offset = this.#ram.offsetOf(address, byteCount);
    if (offset !== undefined) return offset;
    throw new LoadError(
      `${what} of ${byteCount} bytes at ${hex32(address)} lies outside the RAM from ${hex32(RAM_BASE)} to ${hex32(this.#ram.end)}`,
    );
  }

  #serveHost(tohost: number, fromhost: number | undefined): void {
    this.#ramOffset("tohost", tohost, 4);
    if (fromhost !== undefined) this.#ramOffset("fromhost", fromhost, 4);
    this.#htif = new Htif(this.machine, this.#line, this.#ram, tohost, fromhost);
  }

  #serveSemihosting(elf: ElfFile): void {
    const host = this.#semihostingHost;
    const freeFrom = this.#endOf(elf);
    const freeTo = this.#treeAt > freeFrom ? this.#treeAt : this.#ram.end;
    const found = { freeFrom, freeTo, epochNs: this.#epochNs };
    const semihosting = host && new Semihosting(this.machine, this.#ram, host, found);
    this.#semihosting = semihosting;
    this.machine.serveHostCalls((pc) => {
      // As QEMU has it: user mode's are for the program's own handler.
      const isOwn = this.machine.hart[Hart.MODE] === Mode.MACHINE;
      if (!isOwn || !isSemihostingCall(this.#ram, pc)) return false;
      if (semihosting === undefined) this.#unservedCall ??= pc >>> 0;
      semihosting?.call();
      return semihosting !== undefined;
    });
  }

  /** Behind the last byte of RAM that is loaded. */
  #endOf({ parts }: ElfFile): number {
    const loaded = parts.filter(({ address, memoryBytes }) => this.#ram.has(address, memoryBytes));
    return loaded.reduce((end, { address, memoryBytes }) => Math.max(end, address + memoryBytes), RAM_BASE);
  }

  #report(stop: MachineStop, seconds: number): RunReport {
    return reportOf(this.machine, stop, {
      retiredInstructions: this.#retired,
      seconds,
      refusedHostCalls: [...(this.#htif?.refused ?? []), ...(this.#semihosting?.refused ?? [])],
      semihostingReason: this.#semihosting?.exitReason ?? null,
      unservedCall: this.#unservedCall,
    });
  }
}

/** Registers by their use in the calling convention. */
const A0 = 10;
const A1 = 11;

/** With what every hart has, as the tree's readers ask for it. */
function treeIsa(extensions: Extensions): string {
  const [letters, ...long] = formatIsa(extensions).split("_");
  return [letters, "zicsr", "zifencei", ...long].join("_");
}

/** QEMU keeps so much room for the tree at the end of RAM, and aligns it to twice that. */
const TREE_ROOM_BYTES = 1024 * 1024;

/** Where the tree goes: where QEMU puts it, or, in RAM that is too small for that, at its end. */
function treeAddress(ramBytes: number, treeBytes: number): number {
  const inRam = Math.floor((ramBytes - TREE_ROOM_BYTES) / (2 * TREE_ROOM_BYTES)) * 2 * TREE_ROOM_BYTES;
  return RAM_BASE + (inRam > 0 ? inRam : Math.floor((ramBytes - treeBytes) / 8) * 8);
}
