/**
 * Code decoded once for the interpreter, straight from the bytes of the regions and of RAM.
 *
 * An entry (micro.ts) for each half-word of executable memory, in the slot's part of the shared memory, where the inner
 * loop finds it. A segment's entries lie at `entryBase + offset`, so an index is an address but for a constant, and
 * behind them stands that the segment ended. An entry of 0 is not decoded yet. There is room for all code of regions and
 * RAM; the system gives it pages only where code was decoded. What is beyond, in very large RAM, and ROM are decoded into
 * a segment that moves to where execution is.
 *
 * Invariants: an entry that is not 0 is what its bytes decode to; all entries are 0 in pages that are not marked as
 * decoded. Whoever changes bytes says so here, or, for the hart's own stores, finds LineFlag.CODE on the line.
 */
import { decodedCodeBytes, LINE_SHIFT, MOVING_CODE_BYTES, PAGE_BYTES } from "../../emulator/memory/layout.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";
import { type AddressRange, isWithin } from "./address-range.ts";
import { type AddressSpace, flagsOfPage, LineFlag } from "./address-space.ts";
import { constantOf } from "./bit-manipulation.ts";
import type { CodeRange, CodeSegment } from "./code-segment.ts";
import { decode, emptyInstruction, type Instruction, instructionLength, Op } from "./decode.ts";
import type { CodeCache } from "./engine.ts";
import { Hart } from "./hart.ts";
import { alignmentBits, type Extensions } from "./isa.ts";
import { type EntryOp, Micro, packEntry } from "./micro.ts";

/** Words behind each segment: an end where it ends, and one where an instruction that crosses that does. */
const SEGMENT_END_WORDS = 4;

/** By {@link Op}: what the entry of its instruction does, which for most is the operation itself. */
const ENTRY_OPS = Uint8Array.from({ length: Op.COUNT }, (_, op) => op);
const OTHER_ENTRY_OPS: readonly (readonly [Op, EntryOp])[] = [
  [Op.ILLEGAL, Micro.ILLEGAL],
  [Op.LUI, Micro.LI],
  [Op.AUIPC, Micro.LI],
  [Op.ZEXT_H, Op.ANDI],
  [Op.BCLRI, Op.ANDI],
  [Op.BINVI, Op.XORI],
  [Op.BSETI, Op.ORI],
  [Op.FENCE, Micro.NOP],
];
for (const [op, entryOp] of OTHER_ENTRY_OPS) ENTRY_OPS[op] = entryOp;
// The rare groups of one shape share an operation.
ENTRY_OPS.fill(Micro.AMO, Op.AMOSWAP_W, Op.AMOMAXU_W + 1);
ENTRY_OPS.fill(Micro.CSR, Op.CSRRW, Op.CSRRCI + 1);

/** Offsets of the first and behind the last entry of a segment that the bytes at `offset` of it are part of. */
function entriesTouched(segment: CodeSegment, offset: number, bytes: number): readonly [number, number] {
  const first = Math.max((offset & ~1) - 2, 0);
  return [first, Math.min(((offset + bytes - 1) & ~1) + 2, segment.bytes)];
}

function holds({ base, bytes }: CodeRange, pc: number): boolean {
  const offset = (pc >>> 0) - base;
  return offset >= 0 && offset < bytes;
}

export class DecodedCode implements CodeCache {
  /** Host offset of the entries. */
  readonly entriesOffset: number;
  readonly entries: Int32Array;
  /** RAM, or as much of it as there is room for. */
  readonly ram: CodeSegment;
  /** By region: what may stand behind the window. */
  readonly regions: readonly CodeSegment[];
  /** What has no segment of its own: the rest of RAM, and ROM. */
  readonly #others: readonly CodeRange[];
  #moving: CodeSegment;
  /** Raised when entries are dropped or a mark is taken away: whoever marked entries marks them again. */
  generation = 0;
  readonly #space: AddressSpace;
  readonly #extensions: Extensions;
  readonly #alignment: number;
  readonly #pages: Uint8Array;
  readonly #instruction: Instruction = emptyInstruction();
  /** Where an instruction's entry is a Micro.TRIGGER. */
  #watched: readonly AddressRange[] = [];
  /** Entries in there that are decoded for the time being. */
  readonly #passed = new Set<number>();

  constructor(space: AddressSpace, extensions: Extensions) {
    this.#space = space;
    this.#extensions = extensions;
    this.#alignment = alignmentBits(extensions);
    const { layout, slot, memory, ramBytes, ramOffset, ranges, hasWindow, windowBase, windowBytes } = space;
    const start = layout.decoded[slot] as number;
    const codeBytes = decodedCodeBytes(layout.config);
    this.#pages = new Uint8Array(memory.buffer, start, codeBytes / PAGE_BYTES);
    this.entriesOffset = start + Math.ceil(this.#pages.length / PAGE_BYTES) * PAGE_BYTES;
    let entryBase = 0;
    let firstPage = 0;
    const segment = (offset: number, bytes: number, base: number): CodeSegment => {
      const result = this.#segment({ offset, bytes, base }, entryBase, firstPage);
      entryBase += bytes + SEGMENT_END_WORDS;
      firstPage += Math.ceil(bytes / PAGE_BYTES);
      return result;
    };
    const regions = hasWindow ? layout.regions : [];
    const room = codeBytes - MOVING_CODE_BYTES - regions.length * windowBytes;
    this.ram = segment(ramOffset, Math.min(ramBytes, room), RAM_BASE);
    this.regions = regions.map((offset) => segment(offset, windowBytes, windowBase));
    this.#moving = segment(ramOffset, MOVING_CODE_BYTES, RAM_BASE);
    const { bytes: decoded } = this.ram;
    const rest = { offset: ramOffset + decoded, bytes: ramBytes - decoded, base: RAM_BASE + decoded };
    this.#others = [rest, ...ranges.filter(({ kind }) => kind === "rom")];
    this.entries = new Int32Array(memory.buffer, this.entriesOffset, entryBase);
    for (const each of [this.ram, ...this.regions, this.#moving]) {
      this.#dropSegment(each);
      this.#endSegment(each, Micro.SEGMENT_END);
    }
    // It is nowhere yet.
    this.#moving = { ...this.#moving, bytes: 0 };
  }

  /** Decodes the instruction at the entry `index` of `segment`. */
  decodeEntry(segment: CodeSegment, index: number): void {
    const isWatched =
      this.#watched.length > 0 && isWithin(this.#watched, segment.base + index - segment.entryBase);
    if (isWatched) this.#enter(segment, index, packEntry(Micro.TRIGGER, 0, 0, 0, 2), 0);
    else this.#decode(segment, index);
  }

  /** Decodes what stands at an entry that is a Micro.TRIGGER, up to {@link rewatch}. */
  passTrigger(segment: CodeSegment, index: number): void {
    this.#passed.add(index);
    this.#decode(segment, index);
  }

  /** Entries that were passed are a Micro.TRIGGER again. */
  rewatch(): void {
    for (const index of this.#passed) this.entries[index] = Micro.UNDECODED;
    if (this.#passed.size > 0) this.generation++;
    this.#passed.clear();
  }

  watchExecution(now: readonly AddressRange[], was: readonly AddressRange[]): void {
    this.#watched = now;
    this.rewatch();
    for (const range of [...now, ...was]) {
      for (const segment of [this.ram, this.#moving, ...this.regions]) this.#dropDecoded(segment, range);
    }
  }

  #decode(segment: CodeSegment, index: number): void {
    const offset = index - segment.entryBase;
    const parcel = this.#parcel(segment, offset);
    const length = instructionLength(parcel);
    if (offset + length > segment.bytes && this.#space.executable(segment.base + offset, length) < 0) {
      this.#enter(segment, index, packEntry(Micro.RAGGED, 0, 0, 0, length), 0);
      return;
    }
    const bits = length === 2 ? parcel : parcel | (this.#parcel(segment, offset + 2) << 16);
    decode(bits, this.#instruction, this.#extensions);
    this.#translate(segment, index);
  }

  /**
   * Decodes what is not decoded yet in the first `bytes` of a region, at every half-word, so that what starts
   * there later finds it done.
   */
  decodeAhead(region: number, bytes: number): void {
    const segment = this.regions[region];
    if (segment === undefined) throw new Error(`there is no region ${region}`);
    const end = segment.entryBase + Math.min(bytes, segment.bytes);
    for (let index = segment.entryBase; index < end; index += 2) {
      if (this.entries[index] === Micro.UNDECODED) this.decodeEntry(segment, index);
    }
  }

  /** Index of the entry for an executable pc, or -1. */
  indexOf(pc: number): number {
    const segment = this.segmentAt(pc);
    return segment === undefined ? -1 : (pc >>> 0) - segment.base + segment.entryBase;
  }

  /** What may be executed at `pc`, or undefined. */
  segmentAt(pc: number): CodeSegment | undefined {
    if (holds(this.ram, pc)) return this.ram;
    const window = this.regions[this.#space.region];
    if (window !== undefined && holds(window, pc)) return window;
    return holds(this.#moving, pc) ? this.#moving : undefined;
  }

  /** The same, once the segment that moves has moved there if it must. */
  segmentFor(pc: number): CodeSegment | undefined {
    const known = this.segmentAt(pc);
    if (known !== undefined) return known;
    const range = this.#others.find((each) => holds(each, pc));
    if (range === undefined) return undefined;
    this.rewatch();
    this.#endSegment(this.#moving, Micro.UNDECODED);
    this.#dropSegment(this.#moving);
    // So that half of it at least is ahead.
    const half = MOVING_CODE_BYTES / 2;
    const from = Math.floor(((pc >>> 0) - range.base) / half) * half;
    const bytes = Math.min(MOVING_CODE_BYTES, range.bytes - from);
    const place = { offset: range.offset + from, bytes, base: range.base + from };
    this.#moving = { ...this.#moving, ...place };
    this.#endSegment(this.#moving, Micro.SEGMENT_END);
    if (bytes < MOVING_CODE_BYTES) this.#mark(this.#moving, bytes);
    return this.#moving;
  }

  /** Has the interpreter come back, if it is asked to, before it executes the instruction at `pc`. */
  markEntry(pc: number): void {
    const segment = this.segmentAt(pc);
    if (segment === undefined) return;
    const offset = (pc >>> 0) - segment.base;
    this.#mark(segment, offset);
    this.entries[segment.entryBase + offset] = Micro.ENTRY;
  }

  unmarkEntry(index: number): void {
    if (this.entries[index] !== Micro.ENTRY) return;
    this.entries[index] = Micro.UNDECODED;
    this.generation++;
  }

  /** Whether nothing decoded would have to be dropped if these bytes of RAM changed. */
  isFreeOfCode(offset: number, bytes: number): boolean {
    return [this.ram, this.#moving].every((segment) => this.#isFree(segment, offset - segment.offset, bytes));
  }

  /** Bytes of RAM changed: their entries are dropped, as is a 4-byte instruction that began before them. */
  ramChanged(offset: number, bytes: number): void {
    for (const segment of [this.ram, this.#moving]) this.#drop(segment, offset - segment.offset, bytes);
  }

  /** Drops everything decoded from RAM. */
  dropRam(): void {
    this.#dropSegment(this.ram);
    this.#dropSegment(this.#moving);
  }

  /** Drops everything decoded from a region, or from a part of it. */
  dropRegion(region: number, part?: AddressRange): void {
    const segment = this.regions[region];
    if (segment === undefined) return;
    if (part === undefined) this.#dropSegment(segment);
    // An instruction of four bytes may begin before it.
    else this.#dropDecoded(segment, { first: part.first - 2, last: part.last });
  }

  #segment(range: CodeRange, entryBase: number, firstPage: number): CodeSegment {
    const pageCount = Math.ceil(range.bytes / PAGE_BYTES);
    const decodedPages = this.#pages.subarray(firstPage, firstPage + pageCount);
    // What another engine left that had the slot before.
    const decodedList: number[] = [];
    for (let page = decodedPages.indexOf(1); page >= 0; page = decodedPages.indexOf(1, page + 1))
      decodedList.push(page);
    return { ...range, entryBase, decodedPages, decodedList };
  }

  #endSegment({ entryBase, bytes }: CodeSegment, micro: Micro): void {
    this.entries[entryBase + bytes] = micro;
    this.entries[entryBase + bytes + 2] = micro;
  }

  #isFree(segment: CodeSegment, offset: number, bytes: number): boolean {
    const [first, behind] = entriesTouched(segment, offset, bytes);
    for (let at = first; at < behind; at += 2) {
      if (this.entries[segment.entryBase + at] !== Micro.UNDECODED) return false;
    }
    return true;
  }

  #parcel(segment: CodeSegment, offset: number): number {
    return this.#space.halves[(segment.offset + offset) >>> 1] as number;
  }

  #translate(segment: CodeSegment, index: number): void {
    const { op, rs1, rs2, length, imm } = this.#instruction;
    const rd = this.#instruction.rd === 0 ? Hart.SINK : this.#instruction.rd;
    let entryOp: EntryOp = ENTRY_OPS[op] as EntryOp;
    let operand = imm;
    if (op === Op.AUIPC) operand = (segment.base + index - segment.entryBase + imm) | 0;
    if (op === Op.ADDI && rs1 === 0) entryOp = Micro.LI;
    operand = constantOf(op, imm) ?? operand;
    if (op === Op.JAL || (op >= Op.BEQ && op <= Op.BGEU)) {
      const target = index - segment.entryBase + imm;
      operand = this.entriesOffset + (index + imm) * 4;
      if (op === Op.JAL && rd === Hart.SINK) entryOp = Micro.J;
      if (target < 0 || target >= segment.bytes || (imm & this.#alignment) !== 0) entryOp = Micro.JUMP_OUT;
    }
    // Which of the group it is stands above the operand's 12 bits.
    if (entryOp === Micro.CSR || entryOp === Micro.AMO) operand = imm | (op << 12);
    this.#enter(segment, index, packEntry(entryOp, rd, rs1, rs2, length), operand);
  }

  #enter(segment: CodeSegment, index: number, first: number, operand: number): void {
    const offset = index - segment.entryBase;
    this.#mark(segment, offset);
    // An instruction may reach into the next line: a store there must find it, too.
    this.#flag(segment, offset);
    this.#flag(segment, offset + 2);
    this.entries[index] = first;
    this.entries[index + 1] = operand;
  }

  #flag({ base }: CodeSegment, offset: number): void {
    const { ramBytes, ramFlags } = this.#space;
    const inRam = base + offset - RAM_BASE;
    if (inRam < 0 || inRam >= ramBytes) return;
    const line = inRam >>> LINE_SHIFT;
    ramFlags[line] = (ramFlags[line] as number) | LineFlag.CODE;
  }

  #mark({ decodedPages, decodedList }: CodeSegment, offset: number): void {
    const page = Math.floor(offset / PAGE_BYTES);
    if (decodedPages[page] !== 0) return;
    decodedPages[page] = 1;
    decodedList.push(page);
  }

  #drop(segment: CodeSegment, offset: number, bytes: number): void {
    const [first, behind] = entriesTouched(segment, offset, bytes);
    if (first >= behind) return;
    this.generation++;
    for (let at = first; at < behind; at += 2) this.entries[segment.entryBase + at] = Micro.UNDECODED;
  }

  /** Drops entries of instructions that begin in the range, going through no more than was decoded. */
  #dropDecoded({ base, bytes, entryBase, decodedList }: CodeSegment, { first, last }: AddressRange): void {
    for (const page of decodedList) {
      // Entries begin at even offsets.
      const from = Math.max(page * PAGE_BYTES, first - base + ((first - base) & 1));
      const to = Math.min((page + 1) * PAGE_BYTES, bytes, last + 1 - base);
      if (from < to) this.entries.fill(Micro.UNDECODED, entryBase + from, entryBase + to);
    }
    this.generation++;
  }

  #dropSegment(segment: CodeSegment): void {
    const { decodedPages, decodedList, entryBase, bytes } = segment;
    if (decodedList.length === 0) return;
    this.generation++;
    for (let page = decodedList.pop(); page !== undefined; page = decodedList.pop()) {
      const start = entryBase + page * PAGE_BYTES;
      this.entries.fill(Micro.UNDECODED, start, Math.min(start + PAGE_BYTES, entryBase + bytes));
      decodedPages[page] = 0;
      // Of the others translated code may have lines.
      if (segment !== this.ram) continue;
      const flags = flagsOfPage(this.#space, page);
      flags.forEach((flag, line) => {
        flags[line] = flag & ~LineFlag.CODE;
      });
    }
  }
}
