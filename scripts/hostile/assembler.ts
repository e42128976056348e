/** A small assembler, of RV32IMAC with Zba, Zbb, Zbc and Zbs, for programs of tests and of the hostile run: encoders by instruction format, and programs with labels. */

const R_TYPE = {
  add: [0, 0x00],
  sub: [0, 0x20],
  sll: [1, 0x00],
  slt: [2, 0x00],
  sltu: [3, 0x00],
  xor: [4, 0x00],
  srl: [5, 0x00],
  sra: [5, 0x20],
  or: [6, 0x00],
  and: [7, 0x00],
  mul: [0, 0x01],
  mulh: [1, 0x01],
  mulhsu: [2, 0x01],
  mulhu: [3, 0x01],
  div: [4, 0x01],
  divu: [5, 0x01],
  rem: [6, 0x01],
  remu: [7, 0x01],
} as const;
/** Zba, Zbb, Zbc and Zbs: register operations, those on one register, and those with a bit's number or an amount. */
const BIT_OPERATIONS = {
  sh1add: [2, 0x10],
  sh2add: [4, 0x10],
  sh3add: [6, 0x10],
  andn: [7, 0x20],
  orn: [6, 0x20],
  xnor: [4, 0x20],
  max: [6, 0x05],
  maxu: [7, 0x05],
  min: [4, 0x05],
  minu: [5, 0x05],
  rol: [1, 0x30],
  ror: [5, 0x30],
  clmul: [1, 0x05],
  clmulr: [2, 0x05],
  clmulh: [3, 0x05],
  bclr: [1, 0x24],
  bext: [5, 0x24],
  binv: [1, 0x34],
  bset: [1, 0x14],
} as const;
const UNARY = {
  clz: [0x13, 1, 0x600],
  ctz: [0x13, 1, 0x601],
  cpop: [0x13, 1, 0x602],
  "sext.b": [0x13, 1, 0x604],
  "sext.h": [0x13, 1, 0x605],
  "zext.h": [0x33, 4, 0x080],
  "orc.b": [0x13, 5, 0x287],
  rev8: [0x13, 5, 0x698],
} as const;
const BIT_IMMEDIATES = {
  rori: [5, 0x30],
  bclri: [1, 0x24],
  bexti: [5, 0x24],
  binvi: [1, 0x34],
  bseti: [1, 0x14],
} as const;
const I_TYPE = { addi: 0, slti: 2, sltiu: 3, xori: 4, ori: 6, andi: 7 } as const;
const SHIFTS = { slli: [1, 0x00], srli: [5, 0x00], srai: [5, 0x20] } as const;
const LOADS = { lb: 0, lh: 1, lw: 2, lbu: 4, lhu: 5 } as const;
const STORES = { sb: 0, sh: 1, sw: 2 } as const;
const BRANCHES = { beq: 0, bne: 1, blt: 4, bge: 5, bltu: 6, bgeu: 7 } as const;
const AMOS = {
  "lr.w": 0x02,
  "sc.w": 0x03,
  "amoswap.w": 0x01,
  "amoadd.w": 0x00,
  "amoxor.w": 0x04,
  "amoand.w": 0x0c,
  "amoor.w": 0x08,
  "amomin.w": 0x10,
  "amomax.w": 0x14,
  "amominu.w": 0x18,
  "amomaxu.w": 0x1c,
} as const;
const CSR_TYPE = { csrrw: 1, csrrs: 2, csrrc: 3, csrrwi: 5, csrrsi: 6, csrrci: 7 } as const;

export type RMnemonic = keyof typeof R_TYPE;
export type BitMnemonic = keyof typeof BIT_OPERATIONS;
export type UnaryMnemonic = keyof typeof UNARY;
export type BitImmediateMnemonic = keyof typeof BIT_IMMEDIATES;
export type IMnemonic = keyof typeof I_TYPE;
export type ShiftMnemonic = keyof typeof SHIFTS;
export type LoadMnemonic = keyof typeof LOADS;
export type StoreMnemonic = keyof typeof STORES;
export type BranchMnemonic = keyof typeof BRANCHES;
export type AmoMnemonic = keyof typeof AMOS;
export type CsrMnemonic = keyof typeof CSR_TYPE;

function mnemonics<K extends string>(table: Readonly<Record<K, unknown>>): readonly K[] {
  return Object.keys(table) as K[];
}
export const R_MNEMONICS = mnemonics(R_TYPE);
export const BIT_MNEMONICS = mnemonics(BIT_OPERATIONS);
export const UNARY_MNEMONICS = mnemonics(UNARY);
export const BIT_IMMEDIATE_MNEMONICS = mnemonics(BIT_IMMEDIATES);
export const I_MNEMONICS = mnemonics(I_TYPE);
export const SHIFT_MNEMONICS = mnemonics(SHIFTS);
export const LOAD_MNEMONICS = mnemonics(LOADS);
export const STORE_MNEMONICS = mnemonics(STORES);
export const BRANCH_MNEMONICS = mnemonics(BRANCHES);
export const AMO_MNEMONICS = mnemonics(AMOS);

/** The instruction formats, for tests that choose operations by number. Source: volume I, instruction formats. */
export const rType = (op: number, f3: number, f7: number, rd: number, rs1: number, rs2: number): number =>
  (f7 << 25) | (rs2 << 20) | (rs1 << 15) | (f3 << 12) | (rd << 7) | op;
export const iType = (op: number, f3: number, rd: number, rs1: number, imm: number): number =>
  (imm << 20) | (rs1 << 15) | (f3 << 12) | (rd << 7) | op;
export const sType = (f3: number, rs1: number, rs2: number, imm: number): number =>
  ((imm >> 5) << 25) | (rs2 << 20) | (rs1 << 15) | (f3 << 12) | ((imm & 31) << 7) | 0x23;
export const bType = (f3: number, rs1: number, rs2: number, offset: number): number =>
  (((offset >> 12) & 1) << 31) |
  (((offset >> 5) & 0x3f) << 25) |
  (rs2 << 20) |
  (rs1 << 15) |
  (f3 << 12) |
  (((offset >> 1) & 0xf) << 8) |
  (((offset >> 11) & 1) << 7) |
  0x63;

/** rd, rs1, rs2 are register numbers; immediates are signed, offsets relative to the instruction. */
export function r(name: RMnemonic, rd: number, rs1: number, rs2: number): number {
  const [funct3, funct7] = R_TYPE[name];
  return rType(0x33, funct3, funct7, rd, rs1, rs2);
}
export function bit(name: BitMnemonic, rd: number, rs1: number, rs2: number): number {
  const [funct3, funct7] = BIT_OPERATIONS[name];
  return rType(0x33, funct3, funct7, rd, rs1, rs2);
}
export function unary(name: UnaryMnemonic, rd: number, rs1: number): number {
  const [opcode, funct3, funct12] = UNARY[name];
  return iType(opcode, funct3, rd, rs1, funct12);
}
export function bitImmediate(name: BitImmediateMnemonic, rd: number, rs1: number, amount: number): number {
  const [funct3, funct7] = BIT_IMMEDIATES[name];
  return rType(0x13, funct3, funct7, rd, rs1, amount);
}
export function i(name: IMnemonic, rd: number, rs1: number, imm: number): number {
  return iType(0x13, I_TYPE[name], rd, rs1, imm);
}
export function shift(name: ShiftMnemonic, rd: number, rs1: number, amount: number): number {
  const [funct3, funct7] = SHIFTS[name];
  return rType(0x13, funct3, funct7, rd, rs1, amount);
}
export function load(name: LoadMnemonic, rd: number, imm: number, rs1: number): number {
  return iType(0x03, LOADS[name], rd, rs1, imm);
}
export function store(name: StoreMnemonic, rs2: number, imm: number, rs1: number): number {
  return sType(STORES[name], rs1, rs2, imm);
}
export function branch(name: BranchMnemonic, rs1: number, rs2: number, offset: number): number {
  return bType(BRANCHES[name], rs1, rs2, offset);
}
export function jal(rd: number, offset: number): number {
  return (
    (((offset >> 20) & 1) << 31) |
    (((offset >> 1) & 0x3ff) << 21) |
    (((offset >> 11) & 1) << 20) |
    (offset & 0xf_f000) |
    (rd << 7) |
    0x6f
  );
}
export function jalr(rd: number, rs1: number, imm: number): number {
  return iType(0x67, 0, rd, rs1, imm);
}
/** `imm` is the whole 32-bit value; its low 12 bits are dropped. */
export function lui(rd: number, imm: number): number {
  return (imm & ~0xfff) | (rd << 7) | 0x37;
}
export function auipc(rd: number, imm: number): number {
  return (imm & ~0xfff) | (rd << 7) | 0x17;
}
export function amo(name: AmoMnemonic, rd: number, rs2: number, rs1: number): number {
  return rType(0x2f, 2, AMOS[name] << 2, rd, rs1, rs2);
}
/** `source` is a register, or the 5-bit immediate of the forms that end in i. */
export function csr(name: CsrMnemonic, rd: number, number: number, source: number): number {
  return iType(0x73, CSR_TYPE[name], rd, source, number);
}
export const NOP = i("addi", 0, 0, 0);
export const ECALL = 0x0000_0073;
export const EBREAK = 0x0010_0073;
export const MRET = 0x3020_0073;
export const WFI = 0x1050_0073;
export const FENCE = 0x0ff0_000f;
export const FENCE_I = 0x0000_100f;
/** Two halves of zeros: illegal, whichever half is executed. */
export const ILLEGAL = 0;

/** CSR numbers. */
export const SATP = 0x180;
export const MSTATUS = 0x300;
export const MISA = 0x301;
export const MIE = 0x304;
export const MTVEC = 0x305;
export const MSTATUSH = 0x310;
export const MCOUNTINHIBIT = 0x320;
export const MSCRATCH = 0x340;
export const MEPC = 0x341;
export const MCAUSE = 0x342;
export const MTVAL = 0x343;
export const MIP = 0x344;
export const MCYCLE = 0xb00;
export const MINSTRET = 0xb02;
export const MCYCLEH = 0xb80;
export const MINSTRETH = 0xb82;
export const TIME = 0xc01;
export const MHARTID = 0xf14;

interface Fixup {
  readonly at: number;
  readonly label: string;
  readonly encode: (offset: number) => number;
}

/** Instructions in order, with labels; {@link Program.bytes} resolves them. */
export class Program {
  readonly #halves: number[] = [];
  readonly #labels = new Map<string, number>();
  readonly #fixups: Fixup[] = [];

  /** Offset in bytes of what comes next. */
  get offset(): number {
    return this.#halves.length * 2;
  }

  words(...words: readonly number[]): this {
    for (const word of words) this.#halves.push(word & 0xffff, word >>> 16);
    return this;
  }

  /** Compressed instructions. */
  parcels(...parcels: readonly number[]): this {
    this.#halves.push(...parcels);
    return this;
  }

  label(name: string): this {
    this.#labels.set(name, this.offset);
    return this;
  }

  align(byteCount: number): this {
    while (this.offset % byteCount !== 0) this.#halves.push(0x0001); // c.nop
    return this;
  }

  branch(name: BranchMnemonic, rs1: number, rs2: number, label: string): this {
    return this.#fix(label, (offset) => branch(name, rs1, rs2, offset));
  }

  jal(rd: number, label: string): this {
    return this.#fix(label, (offset) => jal(rd, offset));
  }

  /** Two instructions, whatever the value. */
  li(rd: number, value: number): this {
    const low = (value << 20) >> 20;
    return this.words(lui(rd, value - low), i("addi", rd, rd, low));
  }

  /** The address of a label, by auipc and addi. */
  la(rd: number, label: string): this {
    const low = (offset: number): number => (offset << 20) >> 20;
    this.#fix(label, (offset) => auipc(rd, offset - low(offset)));
    return this.#fix(label, (offset) => i("addi", rd, rd, low(offset + 4)));
  }

  offsetOf(label: string): number {
    const offset = this.#labels.get(label);
    if (offset === undefined) throw new Error(`there is no label ${label}`);
    return offset;
  }

  bytes(): Uint8Array {
    const halves = Uint16Array.from(this.#halves);
    for (const { at, label, encode } of this.#fixups) {
      const word = encode(this.offsetOf(label) - at);
      halves[at / 2] = word & 0xffff;
      halves[at / 2 + 1] = word >>> 16;
    }
    return new Uint8Array(halves.buffer);
  }

  #fix(label: string, encode: (offset: number) => number): this {
    this.#fixups.push({ at: this.offset, label, encode });
    return this.words(0);
  }
}
