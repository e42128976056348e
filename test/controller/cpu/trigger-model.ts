/**
 * A trigger module as simple as the debug specification's text: what it says of a value written, and of one access. It shares
 * nothing with the hart's own but the numbers of the CSRs.
 */
import { type Instruction, Op } from "../../../controller/cpu/decode.ts";

const TRIGGERS = 4;
const [TSELECT, TDATA1, TDATA2, TDATA3, TINFO, TCONTROL] = [0x7a0, 0x7a1, 0x7a2, 0x7a3, 0x7a4, 0x7a5];
const SIZES: readonly (number | undefined)[] = [undefined, 1, 2, 4];

interface Fields {
  readonly type: number;
  readonly match: number;
  readonly size: number;
  readonly hit: boolean;
  readonly accesses: readonly Kind[];
  readonly m: boolean;
  readonly u: boolean;
}

type Kind = "load" | "store" | "execute";

const DISABLED: Fields = { type: 15, match: 0, size: 0, hit: false, accesses: [], m: false, u: false };
const KINDS: readonly Kind[] = ["load", "store", "execute"];

function bits(value: number, low: number, count: number): number {
  return Math.floor((value >>> 0) / 2 ** low) % 2 ** count;
}

/** A range of 2^32 bytes, which is none. */
const isEverything = (tdata2: number): boolean => bits(tdata2, 0, 31) === 2 ** 31 - 1;

function parse(value: number, tdata2: number): Fields {
  const type = bits(value, 28, 4);
  if (type !== 2 && type !== 6) return DISABLED;
  const match = bits(value, 7, 4);
  const napot = match === 1 && type === 6 && !isEverything(tdata2);
  const size = bits(value, 16, type === 2 ? 2 : 3);
  return {
    type,
    match: napot || match === 2 || match === 3 ? match : 0,
    size: size > 3 ? 0 : size,
    hit: bits(value, type === 2 ? 20 : 22, 1) === 1,
    accesses: KINDS.filter((_, at) => bits(value, at, 1) === 1),
    m: bits(value, 6, 1) === 1,
    u: bits(value, 3, 1) === 1,
  };
}

function format({ type, match, size, hit, accesses, m, u }: Fields): number {
  const enabled = KINDS.reduce((sum, kind, at) => sum + (accesses.includes(kind) ? 2 ** at : 0), 0);
  const hitBit = hit ? 2 ** (type === 2 ? 20 : 22) : 0;
  return (
    (type * 2 ** 28 + hitBit + size * 2 ** 16 + match * 2 ** 7 + (m ? 64 : 0) + (u ? 8 : 0) + enabled) | 0
  );
}

function matches(match: number, tdata2: number, address: number): boolean {
  const [wanted, given] = [tdata2 >>> 0, address >>> 0];
  if (match === 2) return given >= wanted;
  if (match === 3) return given < wanted;
  if (match === 0) return given === wanted;
  // The top M bits, M being 31 minus the index of the lowest bit that is 0.
  let lowest = 0;
  while (bits(wanted, lowest, 1) === 1) lowest++;
  return Math.floor(given / 2 ** (lowest + 1)) === Math.floor(wanted / 2 ** (lowest + 1));
}

/** What an instruction does to memory besides being fetched. */
function accessOf(insn: Instruction, registers: (index: number) => number) {
  const { op, rs1, imm } = insn;
  const base = registers(rs1);
  const at = (bytes: number, ...kinds: readonly Kind[]) => ({ address: (base + imm) >>> 0, bytes, kinds });
  if (op === Op.LB || op === Op.LBU) return at(1, "load");
  if (op === Op.LH || op === Op.LHU) return at(2, "load");
  if (op === Op.LW || op === Op.LR_W) return at(4, "load");
  if (op === Op.SB) return at(1, "store");
  if (op === Op.SH) return at(2, "store");
  if (op === Op.SW || op === Op.SC_W) return at(4, "store");
  return op >= Op.AMOSWAP_W && op <= Op.AMOMAXU_W ? at(4, "load", "store") : undefined;
}

export class TriggerModel {
  readonly #fields: Fields[] = new Array<Fields>(TRIGGERS).fill(DISABLED);
  readonly #tdata2: number[] = new Array<number>(TRIGGERS).fill(0);
  #selected = 0;
  #mte = false;
  #mpte = false;

  read(csr: number): number {
    switch (csr) {
      case TSELECT:
        return this.#selected;
      case TDATA1:
        return this.tdata1(this.#selected);
      case TDATA2:
        return this.#tdata2[this.#selected] ?? 0;
      case TDATA3:
        return 0;
      case TINFO:
        return 0x0100_8044;
      default:
        return (this.#mte ? 8 : 0) + (this.#mpte ? 128 : 0);
    }
  }

  tdata1(index: number): number {
    return format(this.#fields[index] ?? DISABLED);
  }

  write(csr: number, value: number): void {
    const index = this.#selected;
    switch (csr) {
      case TSELECT:
        this.#selected = value & 3;
        break;
      case TDATA1:
        this.#fields[index] = parse(value, this.#tdata2[index] ?? 0);
        break;
      case TDATA2: {
        const isNapot = this.#fields[index]?.match === 1;
        this.#tdata2[index] = isNapot && isEverything(value) ? value & ~(1 << 30) : value;
        break;
      }
      case TCONTROL:
        this.#mte = (value & 8) !== 0;
        this.#mpte = (value & 128) !== 0;
        break;
      default:
    }
  }

  /** A trap is taken. */
  trap(): void {
    this.#mpte = this.#mte;
    this.#mte = false;
  }

  mret(): void {
    this.#mte = this.#mpte;
  }

  /**
   * What fires in that mode before the instruction at `pc`, if anything: the address for mtval. Of the instruction that is
   * undefined which cannot be fetched.
   */
  fire(
    isUser: boolean,
    pc: number,
    insn: Instruction | undefined,
    registers: (index: number) => number,
  ): number | undefined {
    const execution = this.#fire(isUser, ["execute"], [pc >>> 0], insn?.length);
    if (execution !== undefined || insn === undefined) return execution;
    const access = accessOf(insn, registers);
    if (access === undefined) return undefined;
    const { address, bytes, kinds } = access;
    const addresses = Array.from({ length: bytes }, (_, at) => (address + at) >>> 0);
    return this.#fire(isUser, kinds, addresses, bytes);
  }

  /** In user mode tcontrol has no say: it keeps a handler in machine mode from firing what it is there for. */
  #fire(
    isUser: boolean,
    kinds: readonly Kind[],
    addresses: readonly number[],
    bytes: number | undefined,
  ): number | undefined {
    if (!isUser && !this.#mte) return undefined;
    let first: number | undefined;
    this.#fields.forEach((fields, index) => {
      const { m, u, accesses, size, match } = fields;
      if (!(isUser ? u : m) || !kinds.some((kind) => accesses.includes(kind))) return;
      if (SIZES[size] !== undefined && SIZES[size] !== bytes) return;
      const found = addresses.find((address) => matches(match, this.#tdata2[index] ?? 0, address));
      if (found === undefined) return;
      this.#fields[index] = { ...fields, hit: true };
      first ??= found;
    });
    return first;
  }
}
