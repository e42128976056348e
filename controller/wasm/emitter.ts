/**
 * Writes WebAssembly: instructions into a {@link CodeWriter}, functions into a {@link ModuleWriter}, bytes out.
 *
 * Knows the binary format and nothing of RISC-V. Invariants: a label is the nesting depth at which its block
 * was opened, so a branch's relative depth is computed here and nowhere else; function indices count imports
 * first, as the format does, so imports are declared before functions.
 *
 * Source: WebAssembly Core Specification 2.0, chapter 5 (binary format); tail calls and threads proposals.
 */

/** Opcodes of the instructions that the translator uses. */
export const enum Wasm {
  UNREACHABLE = 0x00,
  BLOCK = 0x02,
  LOOP = 0x03,
  IF = 0x04,
  ELSE = 0x05,
  END = 0x0b,
  BR = 0x0c,
  BR_IF = 0x0d,
  BR_TABLE = 0x0e,
  RETURN = 0x0f,
  CALL = 0x10,
  CALL_INDIRECT = 0x11,
  DROP = 0x1a,
  SELECT = 0x1b,
  LOCAL_GET = 0x20,
  LOCAL_SET = 0x21,
  LOCAL_TEE = 0x22,
  GLOBAL_GET = 0x23,
  GLOBAL_SET = 0x24,
  I32_LOAD = 0x28,
  I32_LOAD8_S = 0x2c,
  I32_LOAD8_U = 0x2d,
  I32_LOAD16_S = 0x2e,
  I32_LOAD16_U = 0x2f,
  I32_STORE = 0x36,
  I32_STORE8 = 0x3a,
  I32_STORE16 = 0x3b,
  I32_CONST = 0x41,
  I64_CONST = 0x42,
  I32_EQZ = 0x45,
  I32_EQ = 0x46,
  I32_NE = 0x47,
  I32_LT_S = 0x48,
  I32_LT_U = 0x49,
  I32_GT_S = 0x4a,
  I32_GT_U = 0x4b,
  I32_LE_U = 0x4d,
  I32_GE_S = 0x4e,
  I32_GE_U = 0x4f,
  I32_CLZ = 0x67,
  I32_CTZ = 0x68,
  I32_POPCNT = 0x69,
  I32_ADD = 0x6a,
  I32_SUB = 0x6b,
  I32_MUL = 0x6c,
  I32_DIV_S = 0x6d,
  I32_DIV_U = 0x6e,
  I32_REM_S = 0x6f,
  I32_REM_U = 0x70,
  I32_AND = 0x71,
  I32_OR = 0x72,
  I32_XOR = 0x73,
  I32_SHL = 0x74,
  I32_SHR_S = 0x75,
  I32_SHR_U = 0x76,
  I32_ROTL = 0x77,
  I32_ROTR = 0x78,
  I64_MUL = 0x7e,
  I64_SHR_U = 0x88,
  I32_WRAP_I64 = 0xa7,
  I64_EXTEND_I32_S = 0xac,
  I64_EXTEND_I32_U = 0xad,
  I32_EXTEND8_S = 0xc0,
  I32_EXTEND16_S = 0xc1,
  ATOMIC_PREFIX = 0xfe,
}

const I32_TYPE = 0x7f;
const FUNCREF_TYPE = 0x70;
const EMPTY_BLOCK = 0x40;

const enum Section {
  TYPE = 1,
  IMPORT = 2,
  FUNCTION = 3,
  EXPORT = 7,
  CODE = 10,
}

const enum External {
  FUNCTION = 0,
  TABLE = 1,
  MEMORY = 2,
  GLOBAL = 3,
}

/** A growing byte buffer with the format's integers. */
class ByteWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Unsigned LEB128 of 0 to 2^32 - 1. */
  unsigned(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Signed LEB128 of a signed 32-bit number. */
  signed(value: number): void {
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) {
        this.byte(low);
        return;
      }
      this.byte(low | 0x80);
    }
  }

  name(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.unsigned(bytes.length);
    this.append(bytes);
  }

  /** A copy of what was written. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

/** Target of a branch: the nesting depth of its block. */
export type Label = number;

/** The body of one function, without its local declarations. */
export class CodeWriter {
  readonly #out = new ByteWriter();
  #depth = 0;

  get length(): number {
    return this.#out.length;
  }

  /** An instruction without immediates. */
  op(opcode: Wasm): void {
    this.#out.byte(opcode);
  }

  constant(value: number): void {
    this.#out.byte(Wasm.I32_CONST);
    this.#out.signed(value);
  }

  /** i64.const of a value that fits 32 bits. */
  constant64(value: number): void {
    this.#out.byte(Wasm.I64_CONST);
    this.#out.signed(value);
  }

  get(local: number): void {
    this.#out.byte(Wasm.LOCAL_GET);
    this.#out.unsigned(local);
  }

  set(local: number): void {
    this.#out.byte(Wasm.LOCAL_SET);
    this.#out.unsigned(local);
  }

  tee(local: number): void {
    this.#out.byte(Wasm.LOCAL_TEE);
    this.#out.unsigned(local);
  }

  getGlobal(index: number): void {
    this.#out.byte(Wasm.GLOBAL_GET);
    this.#out.unsigned(index);
  }

  setGlobal(index: number): void {
    this.#out.byte(Wasm.GLOBAL_SET);
    this.#out.unsigned(index);
  }

  /** `opcode` is a load or a store; `offset` is added to the address without wrapping. */
  memory(opcode: Wasm, offset: number): void {
    this.#out.byte(opcode);
    // Alignment 2^0: only a hint, and guest addresses promise nothing.
    this.#out.unsigned(0);
    this.#out.unsigned(offset);
  }

  /** atomic.fence */
  fence(): void {
    this.#out.byte(Wasm.ATOMIC_PREFIX);
    this.#out.byte(0x03);
    this.#out.byte(0x00);
  }

  #open(opcode: Wasm): Label {
    this.#out.byte(opcode);
    this.#out.byte(EMPTY_BLOCK);
    return ++this.#depth;
  }

  block(): Label {
    return this.#open(Wasm.BLOCK);
  }

  loop(): Label {
    return this.#open(Wasm.LOOP);
  }

  /** Opens the branch that is taken if the value on the stack is not 0. */
  if(): Label {
    return this.#open(Wasm.IF);
  }

  else(): void {
    this.#out.byte(Wasm.ELSE);
  }

  end(): void {
    this.#depth--;
    this.#out.byte(Wasm.END);
  }

  branch(label: Label): void {
    this.#out.byte(Wasm.BR);
    this.#out.unsigned(this.#depth - label);
  }

  branchIf(label: Label): void {
    this.#out.byte(Wasm.BR_IF);
    this.#out.unsigned(this.#depth - label);
  }

  branchTable(labels: readonly Label[], otherwise: Label): void {
    this.#out.byte(Wasm.BR_TABLE);
    this.#out.unsigned(labels.length);
    for (const label of labels) this.#out.unsigned(this.#depth - label);
    this.#out.unsigned(this.#depth - otherwise);
  }

  call(functionIndex: number): void {
    this.#out.byte(Wasm.CALL);
    this.#out.unsigned(functionIndex);
  }

  /** Through table 0; the element's index is on the stack. */
  callIndirect(typeIndex: number): void {
    this.#out.byte(Wasm.CALL_INDIRECT);
    this.#out.unsigned(typeIndex);
    this.#out.unsigned(0);
  }

  /** Adds what another writer finished as a part. */
  append(part: Uint8Array): void {
    this.#out.append(part);
  }

  /**
   * Everything written, to be appended to another writer. A label of 0 or below names one of the blocks that
   * will stand around the part: 0 the innermost, -1 the next.
   */
  finishPart(): Uint8Array {
    if (this.#depth !== 0) throw new Error(`a function body ends inside ${this.#depth} blocks`);
    return this.#out.take();
  }

  /** Everything written, closed by the function's `end`. */
  finish(): Uint8Array {
    if (this.#depth !== 0) throw new Error(`a function body ends inside ${this.#depth} blocks`);
    this.#out.byte(Wasm.END);
    return this.#out.take();
  }
}

const MAGIC_AND_VERSION = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);

/** One module whose functions take and return i32 only. */
export class ModuleWriter {
  readonly #types: string[] = [];
  readonly #typeBytes: Uint8Array[] = [];
  readonly #imports: Uint8Array[] = [];
  readonly #functionTypes: number[] = [];
  #importedFunctions = 0;
  readonly #exports: Uint8Array[] = [];
  readonly #bodies: Uint8Array[] = [];

  /** Index of the function type with so many i32 parameters and results. */
  type(parameters: number, results: number): number {
    const key = `${parameters}:${results}`;
    const known = this.#types.indexOf(key);
    if (known >= 0) return known;
    const out = new ByteWriter();
    out.byte(0x60);
    for (const count of [parameters, results]) {
      out.unsigned(count);
      for (let i = 0; i < count; i++) out.byte(I32_TYPE);
    }
    this.#types.push(key);
    this.#typeBytes.push(out.take());
    return this.#types.length - 1;
  }

  #import(name: string, kind: External, rest: (out: ByteWriter) => void): void {
    const out = new ByteWriter();
    out.name("env");
    out.name(name);
    out.byte(kind);
    rest(out);
    this.#imports.push(out.take());
  }

  /** A shared memory of so many pages of 64 KiB, and at the most so many; exactly, where that is left out. */
  importMemory(name: string, pages: number, mostPages: number = pages): void {
    this.#import(name, External.MEMORY, (out) => {
      out.byte(0x03);
      out.unsigned(pages);
      out.unsigned(mostPages);
    });
  }

  importTable(name: string, elements: number): void {
    this.#import(name, External.TABLE, (out) => {
      out.byte(FUNCREF_TYPE);
      out.byte(0x00);
      out.unsigned(elements);
    });
  }

  importMutableGlobal(name: string): void {
    this.#import(name, External.GLOBAL, (out) => {
      out.byte(I32_TYPE);
      out.byte(0x01);
    });
  }

  /** Returns the function's index. Functions are imported before any is added. */
  importFunction(name: string, typeIndex: number): number {
    this.#import(name, External.FUNCTION, (out) => out.unsigned(typeIndex));
    return this.#importedFunctions++;
  }

  /** Index that the next {@link function} will get. */
  get nextFunction(): number {
    return this.#importedFunctions + this.#functionTypes.length;
  }

  /** Adds a function; locals beyond the parameters are i32. Returns its index. */
  function(typeIndex: number, extraLocals: number, code: Uint8Array): number {
    const body = new ByteWriter();
    if (extraLocals === 0) {
      body.unsigned(0);
    } else {
      body.unsigned(1);
      body.unsigned(extraLocals);
      body.byte(I32_TYPE);
    }
    body.append(code);
    this.#functionTypes.push(typeIndex);
    this.#bodies.push(body.take());
    return this.nextFunction - 1;
  }

  exportFunction(name: string, index: number): void {
    const out = new ByteWriter();
    out.name(name);
    out.byte(External.FUNCTION);
    out.unsigned(index);
    this.#exports.push(out.take());
  }

  finish(): Uint8Array {
    const out = new ByteWriter();
    out.append(MAGIC_AND_VERSION);
    const section = (id: Section, items: readonly Uint8Array[], prefixed: boolean): void => {
      const content = new ByteWriter();
      content.unsigned(items.length);
      for (const item of items) {
        if (prefixed) content.unsigned(item.length);
        content.append(item);
      }
      out.byte(id);
      out.unsigned(content.length);
      out.append(content.take());
    };
    section(Section.TYPE, this.#typeBytes, false);
    section(Section.IMPORT, this.#imports, false);
    const types = new ByteWriter();
    types.unsigned(this.#functionTypes.length);
    for (const type of this.#functionTypes) types.unsigned(type);
    out.byte(Section.FUNCTION);
    out.unsigned(types.length);
    out.append(types.take());
    section(Section.EXPORT, this.#exports, false);
    section(Section.CODE, this.#bodies, true);
    return out.take();
  }
}
