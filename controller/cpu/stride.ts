/**
 * The interpreter's inner loop, as WebAssembly: decoded entries (micro.ts), one case of one branch table each.
 *
 * A case either does the whole instruction or leaves it, untouched, to the interpreter. The loop keeps the entry's host
 * offset and the count of retired instructions in locals; everything else lives in the flat hart state.
 *
 * Why WebAssembly: it is fast from the first thousand instructions on, where the same loop in JavaScript took V8 a tenth
 * of a second and twice the time afterwards. And the way to the next entry must not depend on what this one says, or
 * each instruction waits for the load of the one before it: so each operation has a case for either length of the
 * instruction, which steps by a constant.
 *
 * There are two of these loops: one for when nothing in memory needs a second look (access-guard.ts), which pays nothing
 * for that, and a guarded one for when something does.
 *
 * The module is the same for every memory but for the hart's slot, so that V8 compiles it once for all threads of a
 * process, and what a rehearsal has made fast is fast for what matters. It takes new code of V8's at its next call: runs
 * of the interpreter are short.
 */
import { DECODED_ENTRY_BYTES, LINE_SHIFT } from "../../emulator/memory/layout.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";
import { CodeWriter, type Label, ModuleWriter, Wasm } from "../wasm/emitter.ts";
import { type AccessView, STORE_FLAGS } from "./access-guard.ts";
import type { AddressSpace } from "./address-space.ts";
import { BIT_OPERATIONS, type BitOperands } from "./bit-manipulation.ts";
import type { CodeSegment } from "./code-segment.ts";
import { Op } from "./decode.ts";
import { Hart } from "./hart.ts";
import { type EntryOp, LONG, Micro } from "./micro.ts";

/** Instead of an entry's index: the run ends here, with PC and RUN_RETIRED stored. */
export const NO_ENTRY = -1;

/**
 * Executes from the entry `start` of `segment`, with RUN_RETIRED retired before it, up to an instruction that is left
 * to the interpreter: returns that one's entry, or {@link NO_ENTRY} at LIMIT. RUN_RETIRED is stored, and PC at LIMIT.
 */
export type Stride = (segment: CodeSegment, start: number) => number;

/** RAM begins at the topmost bit, so an address without it is the offset into RAM, and one comparison tells whether it is in it. */
const RAM_SIGN = RAM_BASE | 0;
/** Pages that a WebAssembly memory has at the most. */
const MOST_PAGES = 65_536;
/** What the module returns at LIMIT; no entry lies there. */
const AT_LIMIT = 0;
/** Host bytes of entries for each byte of code, as a shift. */
const CODE_SHIFT = Math.log2(DECODED_ENTRY_BYTES / 2);

/** The locals: what is given, which but for AT stays, and what one instruction needs. */
const enum Local {
  /** Host offset of the entry. */
  AT = 0,
  /** Address of the segment's first byte. */
  BASE,
  BYTES,
  /** To be added to a quarter of AT for the instruction's address. */
  TO_PC,
  WINDOW_OFFSET,
  /** 0 where there is no window. */
  WINDOW_BYTES,
  RAM_OFFSET,
  RAM_BYTES,
  RAM_FLAGS,
  PARAMETERS,
  RETIRED = PARAMETERS,
  ADDRESS,
  OTHER,
  END,
  /** The guarded loop is given more: what lies at WINDOW_OFFSET, which entries it may execute, which flags count. */
  WINDOW_FIRST = PARAMETERS,
  FETCH_FIRST,
  FETCH_BYTES,
  LOAD_FLAGS,
  STORE_FLAGS,
  GUARDED_PARAMETERS,
}

/** What the loop is written for: all that is a constant in it. */
export interface StrideTerms {
  /** Host offset of the hart's words. */
  readonly hart: number;
  /** Bits that no target of a jump may have. */
  readonly alignment: number;
  readonly isGuarded: boolean;
  /** Address of the window; 0 where there is none. */
  readonly windowBase: number;
}

/**
 * Of a program that is one file: modules that were written when it was built (scripts/bundle.ts), in base64, by
 * {@link strideKey}. Writing one takes as long as all else that a machine is made of, as V8 has compiled nothing yet.
 */
declare const WRITTEN_STRIDES: Readonly<Record<string, string>> | undefined;

const modules = new Map<string, WebAssembly.Module>();

export function strideKey({ hart, alignment, isGuarded, windowBase }: StrideTerms): string {
  return `${hart} ${alignment} ${isGuarded} ${windowBase}`;
}

export function writeStride(terms: StrideTerms): Uint8Array {
  const writer = new ModuleWriter();
  writer.importMemory("memory", 1, MOST_PAGES);
  const type = writer.type(terms.isGuarded ? Local.GUARDED_PARAMETERS : Local.PARAMETERS, 1);
  const code = new StrideWriter(terms).write();
  writer.exportFunction("stride", writer.function(type, Local.END - Local.PARAMETERS, code));
  return writer.finish();
}

function moduleFor(terms: StrideTerms): WebAssembly.Module {
  const key = strideKey(terms);
  const known = modules.get(key);
  if (known !== undefined) return known;
  const written = typeof WRITTEN_STRIDES === "object" ? WRITTEN_STRIDES[key] : undefined;
  const bytes = written === undefined ? writeStride(terms) : Buffer.from(written, "base64");
  const module = new WebAssembly.Module(new Uint8Array(bytes));
  modules.set(key, module);
  return module;
}

/**
 * @param entriesOffset host offset of the entries (decoded-code.ts)
 * @param alignment bits that no target of a jump may have
 */
export function createStride(space: AddressSpace, entriesOffset: number, alignment: number): Stride {
  const stride = instantiate(space, alignment, false);
  return (segment, start) => {
    const window = space.windowOffset;
    return indexOf(
      stride(
        entriesOffset + start * 4,
        segment.base,
        segment.bytes,
        toPc(segment, entriesOffset),
        window,
        window < 0 ? 0 : space.windowBytes,
        space.ramOffset,
        space.ramBytes,
        space.ramFlags.byteOffset,
      ),
      entriesOffset,
    );
  };
}

/**
 * The loop for when something needs a second look: it leaves loads and stores that do, and entries outside of `fetches`,
 * before it looks at LIMIT there.
 */
export type GuardedStride = (
  segment: CodeSegment,
  start: number,
  fetches: EntryRange,
  view: AccessView,
) => number;

/** Entries from `first` up to before `behind`. */
export interface EntryRange {
  readonly first: number;
  readonly behind: number;
}

/** As {@link createStride}. */
export function createGuardedStride(
  space: AddressSpace,
  entriesOffset: number,
  alignment: number,
): GuardedStride {
  const stride = instantiate(space, alignment, true);
  return (segment, start, fetches, { window, loadFlags, storeFlags }) => {
    const offset = space.windowOffset;
    return indexOf(
      stride(
        entriesOffset + start * 4,
        segment.base,
        segment.bytes,
        toPc(segment, entriesOffset),
        offset + window.first - space.windowBase,
        offset < 0 ? 0 : window.behind - window.first,
        space.ramOffset,
        space.ramBytes,
        space.ramFlags.byteOffset,
        window.first,
        entriesOffset + fetches.first * 4,
        (fetches.behind - fetches.first) * 4,
        loadFlags,
        storeFlags,
      ),
      entriesOffset,
    );
  };
}

function instantiate(
  { layout, slot, memory, windowBase }: AddressSpace,
  alignment: number,
  isGuarded: boolean,
): RawStride {
  const module = moduleFor({ hart: layout.slots[slot] as number, alignment, isGuarded, windowBase });
  return new WebAssembly.Instance(module, { env: { memory } }).exports["stride"] as RawStride;
}

type RawStride = (...parameters: number[]) => number;

function toPc({ base, entryBase }: CodeSegment, entriesOffset: number): number {
  return base - entryBase - (entriesOffset >>> CODE_SHIFT);
}

function indexOf(at: number, entriesOffset: number): number {
  return at === AT_LIMIT ? NO_ENTRY : ((at >>> 0) - entriesOffset) >>> 2;
}

/** Puts values on the stack, or an instruction that takes what is there. */
type Part = Wasm | (() => void);

class StrideWriter {
  readonly #out = new CodeWriter();
  /** Host offset of the hart's words. */
  readonly #hart: number;
  /** Bytes of the instruction that the case is for. */
  #length: 2 | 4 = 2;
  /** On with the entry at AT; the entry at AT is left to the interpreter. */
  #again: Label = 0;
  #leave: Label = 0;
  readonly #alignment: number;
  readonly #isGuarded: boolean;
  readonly #windowBase: number;
  readonly #retired: number;
  readonly #address: number;
  readonly #other: number;

  constructor({ hart, alignment, isGuarded, windowBase }: StrideTerms) {
    this.#hart = hart;
    this.#alignment = alignment;
    this.#isGuarded = isGuarded;
    this.#windowBase = windowBase;
    const more = isGuarded ? Local.GUARDED_PARAMETERS - Local.PARAMETERS : 0;
    this.#retired = Local.RETIRED + more;
    this.#address = Local.ADDRESS + more;
    this.#other = Local.OTHER + more;
  }

  write(): Uint8Array {
    const out = this.#out;
    this.#loadWord(Hart.RUN_RETIRED);
    out.set(this.#retired);
    this.#leave = out.block();
    this.#again = out.loop();
    if (this.#isGuarded) this.#lookAtFetch();
    this.#lookAtLimit();
    const operations = this.#operations();
    const cases = [...operations.keys()].flatMap((op): number[] =>
      ALWAYS_LONG.has(op) ? [op | LONG] : [op, op | LONG],
    );
    const labels = new Map([...cases].reverse().map((key) => [key, out.block()]));
    out.get(Local.AT);
    out.memory(Wasm.I32_LOAD8_U, 0);
    out.branchTable(
      Array.from({ length: Math.max(...cases) + 1 }, (_, key) => labels.get(key) ?? this.#leave),
      this.#leave,
    );
    for (const key of cases) {
      out.end();
      this.#length = (key & LONG) === 0 ? 2 : 4;
      operations.get((key & ~LONG) as EntryOp)?.();
      this.#goOn();
    }
    out.end();
    out.end();
    this.#storeWord(Hart.RUN_RETIRED, () => out.get(this.#retired));
    out.get(Local.AT);
    return out.finish();
  }

  #lookAtFetch(): void {
    const out = this.#out;
    out.get(Local.AT);
    out.get(Local.FETCH_FIRST);
    out.op(Wasm.I32_SUB);
    out.get(Local.FETCH_BYTES);
    out.op(Wasm.I32_GE_U);
    out.branchIf(this.#leave);
  }

  #lookAtLimit(): void {
    const out = this.#out;
    out.get(this.#retired);
    this.#loadWord(Hart.LIMIT);
    out.op(Wasm.I32_GE_S);
    out.if();
    this.#storeWord(Hart.PC, () => this.#pc());
    this.#storeWord(Hart.RUN_RETIRED, () => out.get(this.#retired));
    out.constant(AT_LIMIT);
    out.op(Wasm.RETURN);
    out.end();
  }

  /** Retires the instruction and goes on with the one behind it. Each case has this code: one jump less than to share it. */
  #goOn(): void {
    const out = this.#out;
    out.get(Local.AT);
    out.constant(this.#length << CODE_SHIFT);
    out.op(Wasm.I32_ADD);
    this.#goOnAtTop();
  }

  /** Retires the instruction and goes on with the entry whose host offset is on the stack. */
  #goOnAtTop(): void {
    const out = this.#out;
    out.set(Local.AT);
    out.get(this.#retired);
    out.constant(1);
    out.op(Wasm.I32_ADD);
    out.set(this.#retired);
    out.branch(this.#again);
  }

  // The hart's words and the entry's fields ------------------------------------------------------------------

  #loadWord(word: Hart): void {
    this.#out.constant(this.#hart);
    this.#out.memory(Wasm.I32_LOAD, word * 4);
  }

  #storeWord(word: Hart, value: () => void): void {
    this.#out.constant(this.#hart);
    value();
    this.#out.memory(Wasm.I32_STORE, word * 4);
  }

  /** Four times the number of a register that the entry names. */
  #field(byte: number): void {
    this.#out.get(Local.AT);
    this.#out.memory(Wasm.I32_LOAD8_U, byte);
  }

  #register(byte: number): void {
    this.#field(byte);
    this.#out.memory(Wasm.I32_LOAD, this.#hart + Hart.X * 4);
  }

  readonly #rs1 = (): void => this.#register(2);
  readonly #rs2 = (): void => this.#register(3);
  readonly #operand = (): void => {
    this.#out.get(Local.AT);
    this.#out.memory(Wasm.I32_LOAD, 4);
  };

  #setRd(...value: readonly Part[]): void {
    this.#field(1);
    this.#parts(value);
    this.#out.memory(Wasm.I32_STORE, this.#hart + Hart.X * 4);
  }

  #parts(parts: readonly Part[]): void {
    for (const part of parts) {
      if (typeof part === "number") this.#out.op(part);
      else part();
    }
  }

  #pc(): void {
    const out = this.#out;
    out.get(Local.AT);
    out.constant(CODE_SHIFT);
    out.op(Wasm.I32_SHR_U);
    out.get(Local.TO_PC);
    out.op(Wasm.I32_ADD);
  }

  /** rs1 plus the operand. */
  #sum(): void {
    this.#rs1();
    this.#operand();
    this.#out.op(Wasm.I32_ADD);
  }

  // Cases ----------------------------------------------------------------------------------------------------

  #operations(): ReadonlyMap<EntryOp, () => void> {
    const [signed, unsigned] = [Wasm.I64_EXTEND_I32_S, Wasm.I64_EXTEND_I32_U];
    const operations = new Map<EntryOp, () => void>([
      [Micro.NOP, () => undefined],
      [Micro.LI, () => this.#setRd(this.#operand)],
      [Micro.J, () => this.#jump()],
      [Op.JAL, () => this.#jumpAndLink()],
      [Op.JALR, () => this.#jumpToRegister()],
      [Op.SW, () => this.#store(Wasm.I32_STORE, 4)],
      [Op.SH, () => this.#store(Wasm.I32_STORE16, 2)],
      [Op.SB, () => this.#store(Wasm.I32_STORE8, 1)],
      [Op.LW, () => this.#load(Wasm.I32_LOAD, 4)],
      [Op.LHU, () => this.#load(Wasm.I32_LOAD16_U, 2)],
      [Op.LH, () => this.#load(Wasm.I32_LOAD16_S, 2)],
      [Op.LBU, () => this.#load(Wasm.I32_LOAD8_U, 1)],
      [Op.LB, () => this.#load(Wasm.I32_LOAD8_S, 1)],
      [Op.MULH, () => this.#multiplyHigh(signed, signed)],
      [Op.MULHSU, () => this.#multiplyHigh(signed, unsigned)],
      [Op.MULHU, () => this.#multiplyHigh(unsigned, unsigned)],
      [Op.DIV, () => this.#divideSigned()],
      [Op.DIVU, () => this.#divide(Wasm.I32_DIV_U, () => this.#out.constant(-1))],
      [Op.REM, () => this.#divide(Wasm.I32_REM_S, () => this.#out.get(this.#address))],
      [Op.REMU, () => this.#divide(Wasm.I32_REM_U, () => this.#out.get(this.#address))],
    ]);
    for (const [op, opcode] of REGISTER_REGISTER) {
      operations.set(op, () => this.#setRd(this.#rs1, this.#rs2, opcode));
    }
    for (const [op, opcode] of REGISTER_IMMEDIATE) {
      operations.set(op, () => this.#setRd(this.#rs1, this.#operand, opcode));
    }
    for (const [op, opcode] of NOT_TAKEN) operations.set(op, () => this.#branch(opcode));
    for (const [op, operation] of BIT_OPERATIONS) {
      operations.set(op, () => this.#setRd(() => operation(this.#bitOperands(op))));
    }
    return operations;
  }

  #bitOperands(op: Op): BitOperands {
    const second = op === Op.RORI || op === Op.BEXTI ? this.#operand : this.#rs2;
    return { out: this.#out, first: this.#rs1, second, scratch: this.#address, scratch2: this.#other };
  }

  #jump(): void {
    this.#operand();
    this.#goOnAtTop();
  }

  #branch(notTaken: Wasm): void {
    this.#rs1();
    this.#rs2();
    this.#out.op(notTaken);
    this.#out.if();
    this.#goOn();
    this.#out.end();
    this.#jump();
  }

  #link(): void {
    this.#setRd(() => {
      this.#pc();
      this.#out.constant(this.#length);
      this.#out.op(Wasm.I32_ADD);
    });
  }

  #jumpAndLink(): void {
    this.#link();
    this.#jump();
  }

  /** Within the segment; where it leads out of it or to where no instruction can be, it is the interpreter's. */
  #jumpToRegister(): void {
    const out = this.#out;
    this.#sum();
    out.constant(-2);
    out.op(Wasm.I32_AND);
    out.tee(this.#address);
    if (this.#alignment !== 0) {
      out.constant(this.#alignment);
      out.op(Wasm.I32_AND);
      out.branchIf(this.#leave);
      out.get(this.#address);
    }
    out.get(Local.BASE);
    out.op(Wasm.I32_SUB);
    out.get(Local.BYTES);
    out.op(Wasm.I32_GE_U);
    out.branchIf(this.#leave);
    this.#link();
    out.get(this.#address);
    out.get(Local.TO_PC);
    out.op(Wasm.I32_SUB);
    out.constant(CODE_SHIFT);
    out.op(Wasm.I32_SHL);
    this.#goOnAtTop();
  }

  /** The address as a number that compares with RAM's size, for accesses that lie aligned; others are left. */
  #offsetInRam(bytes: number): void {
    const out = this.#out;
    this.#sum();
    out.tee(this.#address);
    if (bytes > 1) {
      out.constant(bytes - 1);
      out.op(Wasm.I32_AND);
      out.branchIf(this.#leave);
      out.get(this.#address);
    }
    out.constant(RAM_SIGN);
    out.op(Wasm.I32_XOR);
    out.tee(this.#other);
    out.get(Local.RAM_BYTES);
    out.op(Wasm.I32_GE_U);
  }

  /** From RAM or the window. */
  #load(opcode: Wasm, bytes: number): void {
    const out = this.#out;
    const loadAt = (start: number): void =>
      this.#setRd(() => {
        out.get(this.#other);
        out.get(start);
        out.op(Wasm.I32_ADD);
        out.memory(opcode, 0);
      });
    this.#offsetInRam(bytes);
    out.if();
    out.get(this.#address);
    if (this.#isGuarded) out.get(Local.WINDOW_FIRST);
    else out.constant(this.#windowBase | 0);
    out.op(Wasm.I32_SUB);
    out.tee(this.#other);
    out.get(Local.WINDOW_BYTES);
    out.op(Wasm.I32_GE_U);
    out.branchIf(this.#leave);
    loadAt(Local.WINDOW_OFFSET);
    this.#goOn();
    out.end();
    if (this.#isGuarded) this.#lookAtFlags(() => out.get(Local.LOAD_FLAGS));
    loadAt(Local.RAM_OFFSET);
  }

  /** Leaves the access at the offset into RAM if its line has any of these flags. */
  #lookAtFlags(flags: () => void): void {
    const out = this.#out;
    out.get(this.#other);
    out.constant(LINE_SHIFT);
    out.op(Wasm.I32_SHR_U);
    out.get(Local.RAM_FLAGS);
    out.op(Wasm.I32_ADD);
    out.memory(Wasm.I32_LOAD8_U, 0);
    flags();
    out.op(Wasm.I32_AND);
    out.branchIf(this.#leave);
  }

  /** Into RAM, where nobody wants a second look at the line. */
  #store(opcode: Wasm, bytes: number): void {
    const out = this.#out;
    this.#offsetInRam(bytes);
    out.branchIf(this.#leave);
    this.#lookAtFlags(() => {
      if (this.#isGuarded) out.get(Local.STORE_FLAGS);
      else out.constant(STORE_FLAGS);
    });
    out.get(this.#other);
    out.get(Local.RAM_OFFSET);
    out.op(Wasm.I32_ADD);
    this.#rs2();
    out.memory(opcode, 0);
  }

  #multiplyHigh(first: Wasm, second: Wasm): void {
    const half = (): void => this.#out.constant64(32);
    this.#setRd(this.#rs1, first, this.#rs2, second, Wasm.I64_MUL, half, Wasm.I64_SHR_U, Wasm.I32_WRAP_I64);
  }

  /** What division by 0 gives is told, not trapped: the dividend is at ADDRESS then. */
  #divide(op: Wasm, byZero: () => void): void {
    const out = this.#out;
    this.#rs1();
    out.set(this.#address);
    this.#rs2();
    out.tee(this.#other);
    out.op(Wasm.I32_EQZ);
    out.if();
    this.#setRd(byZero);
    this.#goOn();
    out.end();
    this.#setRd(
      () => out.get(this.#address),
      () => out.get(this.#other),
      op,
    );
  }

  /** By -1 it is a subtraction, which does not overflow. */
  #divideSigned(): void {
    const out = this.#out;
    this.#rs2();
    out.constant(-1);
    out.op(Wasm.I32_EQ);
    out.if();
    this.#setRd(() => out.constant(0), this.#rs1, Wasm.I32_SUB);
    this.#goOn();
    out.end();
    this.#divide(Wasm.I32_DIV_S, () => out.constant(-1));
  }
}

/** Operations that no compressed instruction is: C has none of them, Zcb two. */
const ALWAYS_LONG: ReadonlySet<EntryOp> = new Set(
  [...BIT_OPERATIONS.keys()].filter((op) => op !== Op.SEXT_B && op !== Op.SEXT_H),
);

const REGISTER_REGISTER: readonly (readonly [Op, Wasm])[] = [
  [Op.ADD, Wasm.I32_ADD],
  [Op.SUB, Wasm.I32_SUB],
  [Op.XOR, Wasm.I32_XOR],
  [Op.OR, Wasm.I32_OR],
  [Op.AND, Wasm.I32_AND],
  [Op.SLL, Wasm.I32_SHL],
  [Op.SRL, Wasm.I32_SHR_U],
  [Op.SRA, Wasm.I32_SHR_S],
  [Op.SLT, Wasm.I32_LT_S],
  [Op.SLTU, Wasm.I32_LT_U],
  [Op.MUL, Wasm.I32_MUL],
];

const REGISTER_IMMEDIATE: readonly (readonly [Op, Wasm])[] = [
  [Op.ADDI, Wasm.I32_ADD],
  [Op.XORI, Wasm.I32_XOR],
  [Op.ORI, Wasm.I32_OR],
  [Op.ANDI, Wasm.I32_AND],
  [Op.SLLI, Wasm.I32_SHL],
  [Op.SRLI, Wasm.I32_SHR_U],
  [Op.SRAI, Wasm.I32_SHR_S],
  [Op.SLTI, Wasm.I32_LT_S],
  [Op.SLTIU, Wasm.I32_LT_U],
];

/** The condition under which a branch is not taken. */
const NOT_TAKEN: readonly (readonly [Op, Wasm])[] = [
  [Op.BEQ, Wasm.I32_NE],
  [Op.BNE, Wasm.I32_EQ],
  [Op.BLT, Wasm.I32_GE_S],
  [Op.BGE, Wasm.I32_LT_S],
  [Op.BLTU, Wasm.I32_GE_U],
  [Op.BGEU, Wasm.I32_LT_U],
];
