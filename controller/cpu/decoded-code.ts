/**
 * Code decoded once for the interpreter, straight from the bytes of the regions and of RAM.
 *
 * Two words for each half-word of executable memory: `operation | rd << 8 | rs1 << 14 | rs2 << 19 | length << 24`
 * and an operand (immediate, or for a jump within its segment the index of the target's entry). A segment's
 * entries lie at `entryBase + offset`, so an index is an address but for a constant, and one entry more says
 * that the segment ended. An entry of 0 is not decoded yet. The array is as large as the address space needs;
 * the system gives it pages only where code was decoded.
 *
 * Invariant: an entry that is not 0 is what its bytes decode to. Whoever changes bytes says so here, or, for
 * the hart's own stores, finds LineFlag.CODE on the line.
 */
import { LINE_SHIFT, PAGE_BYTES } from "../../emulator/memory/layout.ts";
import { RAM_BASE, WINDOW_BASE } from "../../emulator/memory/map.ts";
import { type AddressSpace, flagsOfPage, LineFlag } from "./address-space.ts";
import type { CodeSegment } from "./code-segment.ts";
import { decode, emptyInstruction, type Instruction, instructionLength, Op } from "./decode.ts";
import type { CodeCache } from "./engine.ts";
import { Hart } from "./hart.ts";
import { Micro } from "./stride.ts";

/** Entries behind each segment: the one that ends it, two words, and padding to keep indices even. */
const SEGMENT_END_ENTRIES = 4;

/** Operations that become another one, or an index. The rest of Micro.* stands for the Op.* of its name. */
const MICRO: Readonly<Record<Op, Micro>> = {
  [Op.ILLEGAL]: Micro.ILLEGAL,
  [Op.LUI]: Micro.LI,
  [Op.AUIPC]: Micro.LI,
  [Op.JAL]: Micro.JAL,
  [Op.JALR]: Micro.JALR,
  [Op.BEQ]: Micro.BEQ,
  [Op.BNE]: Micro.BNE,
  [Op.BLT]: Micro.BLT,
  [Op.BGE]: Micro.BGE,
  [Op.BLTU]: Micro.BLTU,
  [Op.BGEU]: Micro.BGEU,
  [Op.LB]: Micro.LB,
  [Op.LH]: Micro.LH,
  [Op.LW]: Micro.LW,
  [Op.LBU]: Micro.LBU,
  [Op.LHU]: Micro.LHU,
  [Op.SB]: Micro.SB,
  [Op.SH]: Micro.SH,
  [Op.SW]: Micro.SW,
  [Op.ADDI]: Micro.ADDI,
  [Op.SLTI]: Micro.SLTI,
  [Op.SLTIU]: Micro.SLTIU,
  [Op.XORI]: Micro.XORI,
  [Op.ORI]: Micro.ORI,
  [Op.ANDI]: Micro.ANDI,
  [Op.SLLI]: Micro.SLLI,
  [Op.SRLI]: Micro.SRLI,
  [Op.SRAI]: Micro.SRAI,
  [Op.ADD]: Micro.ADD,
  [Op.SUB]: Micro.SUB,
  [Op.SLL]: Micro.SLL,
  [Op.SLT]: Micro.SLT,
  [Op.SLTU]: Micro.SLTU,
  [Op.XOR]: Micro.XOR,
  [Op.SRL]: Micro.SRL,
  [Op.SRA]: Micro.SRA,
  [Op.OR]: Micro.OR,
  [Op.AND]: Micro.AND,
  [Op.MUL]: Micro.MUL,
  [Op.MULH]: Micro.MULH,
  [Op.MULHSU]: Micro.MULHSU,
  [Op.MULHU]: Micro.MULHU,
  [Op.DIV]: Micro.DIV,
  [Op.DIVU]: Micro.DIVU,
  [Op.REM]: Micro.REM,
  [Op.REMU]: Micro.REMU,
  [Op.LR_W]: Micro.LR_W,
  [Op.SC_W]: Micro.SC_W,
  [Op.AMOSWAP_W]: Micro.AMO,
  [Op.AMOADD_W]: Micro.AMO,
  [Op.AMOXOR_W]: Micro.AMO,
  [Op.AMOAND_W]: Micro.AMO,
  [Op.AMOOR_W]: Micro.AMO,
  [Op.AMOMIN_W]: Micro.AMO,
  [Op.AMOMAX_W]: Micro.AMO,
  [Op.AMOMINU_W]: Micro.AMO,
  [Op.AMOMAXU_W]: Micro.AMO,
  [Op.CSRRW]: Micro.CSR,
  [Op.CSRRS]: Micro.CSR,
  [Op.CSRRC]: Micro.CSR,
  [Op.CSRRWI]: Micro.CSR,
  [Op.CSRRSI]: Micro.CSR,
  [Op.CSRRCI]: Micro.CSR,
  [Op.FENCE]: Micro.NOP,
  [Op.FENCE_I]: Micro.FENCE_I,
  [Op.ECALL]: Micro.ECALL,
  [Op.EBREAK]: Micro.EBREAK,
  [Op.MRET]: Micro.MRET,
  [Op.WFI]: Micro.WFI,
  [Op.COUNT]: Micro.ILLEGAL,
};

function holds({ base, bytes }: CodeSegment, pc: number): boolean {
  const offset = (pc >>> 0) - base;
  return offset >= 0 && offset < bytes;
}

/** An entry's first word. */
function pack(micro: Micro, rd: number, rs1: number, rs2: number, length: number): number {
  return micro | (rd << 8) | (rs1 << 14) | (rs2 << 19) | (length << 24);
}

export class DecodedCode implements CodeCache {
  readonly entries: Int32Array;
  readonly ram: CodeSegment;
  /** By region: what may stand behind the window. */
  readonly regions: readonly CodeSegment[];
  readonly #roms: readonly CodeSegment[];
  /** Raised when entries are dropped or a mark is taken away: whoever marked entries marks them again. */
  generation = 0;
  readonly #space: AddressSpace;
  readonly #instruction: Instruction = emptyInstruction();

  constructor(space: AddressSpace) {
    this.#space = space;
    let entryBase = 0;
    const segment = (offset: number, bytes: number, base: number): CodeSegment => {
      const decodedPages = new Uint8Array(Math.ceil(bytes / PAGE_BYTES));
      const result = { offset, bytes, base, entryBase, decodedPages, decodedList: [] };
      entryBase += bytes + SEGMENT_END_ENTRIES;
      return result;
    };
    this.ram = segment(space.ramOffset, space.ramBytes, RAM_BASE);
    const { regions, config } = space.layout;
    this.regions = space.hasWindow
      ? regions.map((offset) => segment(offset, config.regionBytes, WINDOW_BASE))
      : [];
    this.#roms = space.ranges
      .filter(({ kind }) => kind === "rom")
      .map(({ offset, bytes, base }) => segment(offset, bytes, base));
    // Shared only because V8 zeroes a large unshared array by hand, and so touches every page of it.
    this.entries = new Int32Array(new SharedArrayBuffer(entryBase * 4));
    for (const { entryBase: base, bytes } of [this.ram, ...this.regions, ...this.#roms]) {
      this.entries[base + bytes] = Micro.SEGMENT_END;
    }
  }

  /** Decodes the instruction at the entry `index` of `segment`. */
  decodeEntry(segment: CodeSegment, index: number): void {
    const offset = index - segment.entryBase;
    const parcel = this.#parcel(segment, offset);
    const length = instructionLength(parcel);
    if (offset + length > segment.bytes) {
      this.#enter(segment, index, pack(Micro.RAGGED, 0, 0, 0, length), 0);
      return;
    }
    const bits = length === 2 ? parcel : parcel | (this.#parcel(segment, offset + 2) << 16);
    decode(bits, this.#instruction);
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
    for (const rom of this.#roms) if (holds(rom, pc)) return rom;
    return undefined;
  }

  /** Has the interpreter come back, if it is asked to, before it executes the entry `index`. */
  markEntry(index: number): void {
    this.entries[index] = Micro.ENTRY;
  }

  unmarkEntry(index: number): void {
    if (this.entries[index] !== Micro.ENTRY) return;
    this.entries[index] = Micro.UNDECODED;
    this.generation++;
  }

  /** Whether nothing decoded would have to be dropped if these bytes of RAM changed. */
  isFreeOfCode(offset: number, bytes: number): boolean {
    const { offset: ram, entryBase, bytes: size } = this.ram;
    const first = Math.max(((offset - ram) & ~1) - 2, 0);
    const last = Math.min((offset - ram + bytes - 1) & ~1, size - 2);
    for (let at = first; at <= last; at += 2) {
      if (this.entries[entryBase + at] !== Micro.UNDECODED) return false;
    }
    return true;
  }

  /** Bytes of RAM changed: their entries are dropped, as is a 4-byte instruction that began before them. */
  ramChanged(offset: number, bytes: number): void {
    this.#drop(this.ram, offset - this.ram.offset, bytes);
  }

  /** Drops everything decoded from RAM. */
  dropRam(): void {
    this.#dropSegment(this.ram);
  }

  /** Drops everything decoded from a region. */
  dropRegion(region: number): void {
    const segment = this.regions[region];
    if (segment !== undefined) this.#dropSegment(segment);
  }

  #parcel(segment: CodeSegment, offset: number): number {
    return this.#space.halves[(segment.offset + offset) >>> 1] as number;
  }

  #translate(segment: CodeSegment, index: number): void {
    const { op, rs1, rs2, length, imm } = this.#instruction;
    const rd = this.#instruction.rd === 0 ? Hart.SINK : this.#instruction.rd;
    let micro = MICRO[op];
    let operand = imm;
    if (op === Op.AUIPC) operand = (segment.base + index - segment.entryBase + imm) | 0;
    if (op === Op.ADDI && rs1 === 0) micro = Micro.LI;
    if (op === Op.JAL || (op >= Op.BEQ && op <= Op.BGEU)) {
      operand = index + imm;
      const target = operand - segment.entryBase;
      if (op === Op.JAL && rd === Hart.SINK) micro = Micro.J;
      if (target < 0 || target >= segment.bytes) micro = Micro.JUMP_OUT;
    }
    // The rare groups of one shape share an operation and keep their Op above the operand's 12 bits.
    if (micro === Micro.CSR || micro === Micro.AMO) operand = imm | (op << 12);
    this.#enter(segment, index, pack(micro, rd, rs1, rs2, length), operand);
  }

  #enter(segment: CodeSegment, index: number, first: number, operand: number): void {
    const offset = index - segment.entryBase;
    // An instruction may reach into the next line: a store there must find it, too.
    this.#mark(segment, offset);
    this.#mark(segment, Math.min(offset + 2, segment.bytes - 2));
    this.entries[index] = first;
    this.entries[index + 1] = operand;
  }

  #mark(segment: CodeSegment, offset: number): void {
    if (segment === this.ram) {
      const line = offset >>> LINE_SHIFT;
      this.#space.ramFlags[line] = (this.#space.ramFlags[line] as number) | LineFlag.CODE;
    }
    const page = Math.floor(offset / PAGE_BYTES);
    if (segment.decodedPages[page] !== 0) return;
    segment.decodedPages[page] = 1;
    segment.decodedList.push(page);
  }

  #drop(segment: CodeSegment, offset: number, bytes: number): void {
    this.generation++;
    const first = Math.max((offset & ~1) - 2, 0);
    const last = Math.min((offset + bytes - 1) & ~1, segment.bytes - 2);
    for (let at = first; at <= last; at += 2) this.entries[segment.entryBase + at] = Micro.UNDECODED;
  }

  #dropSegment(segment: CodeSegment): void {
    const { decodedPages, decodedList, entryBase, bytes } = segment;
    if (decodedList.length === 0) return;
    this.generation++;
    for (let page = decodedList.pop(); page !== undefined; page = decodedList.pop()) {
      const start = entryBase + page * PAGE_BYTES;
      this.entries.fill(Micro.UNDECODED, start, Math.min(start + PAGE_BYTES, entryBase + bytes));
      decodedPages[page] = 0;
      if (segment !== this.ram) continue;
      const flags = flagsOfPage(this.#space, page);
      flags.forEach((flag, line) => {
        flags[line] = flag & ~LineFlag.CODE;
      });
    }
  }
}
