/**
 * Random firmware to run in lockstep (lockstep.ts): functions with loops, calls and returns, and now and then everything that
 * a translator could get wrong. One seed is one program.
 */
import * as a from "./assemble.ts";
import {
  BIT_IMMEDIATE_MNEMONICS,
  BIT_MNEMONICS,
  bit,
  bitImmediate,
  UNARY_MNEMONICS,
  unary,
} from "./assembler.ts";

/** The code's own page and the one behind it hold data, too. */
const DATA_OFFSET = 0x1800;
const STACK_TOP_OFFSET = 0x6000;
const UART = 0x10000;
const CLINT_UPPER = 0x2004;

const RA = 1;
const SP = 2;
const T0 = 5;
const T1 = 6;
/** Base registers: s0 and s1 hold data addresses, s2 a code address, s3 the UART, s4 mtimecmp. */
const DATA0 = 8;
const DATA1 = 9;
const CODE = 18;
const DEVICE = 19;
const TIMER = 20;
const COUNTER = 21;
/** Registers that hold any value. */
const VALUES: readonly number[] = [5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 28, 29, 31, 1];

class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) | 1;
  }

  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

/** What a program may contain besides arithmetic, memory, branches and calls. */
export interface Ingredients {
  /** Traps, CSRs, atomics, devices, interrupts. */
  readonly rare: boolean;
  /** Stores into code, with and without fence.i. */
  readonly selfModifying: boolean;
  /** Jumps and branches to anywhere, the middle of an instruction included. */
  readonly wild: boolean;
  /** Zba, Zbb, Zbc, Zbs and Zcb. */
  readonly bits?: boolean;
  /** Triggers, armed and disarmed as it goes, near what it executes, loads and stores. */
  readonly triggers?: boolean;
  /** User mode, which may access everything, now and then. */
  readonly user?: boolean;
  /** For a hart without C: the trap handler never goes on at half an instruction. */
  readonly withoutC?: boolean;
}

/** The words of a program that starts where RAM does. */
export function randomProgram(seed: number, ingredients: Ingredients): Int32Array {
  const random = new Random(seed);
  const functions = 2 + random.below(4);
  const words: number[] = [];
  const starts: number[] = [];
  const tables: JumpTable[] = [];
  words.push(...prologue(random, ingredients));
  const callsAt = words.length;
  for (let i = 0; i < functions; i++) words.push(0);
  words.push(a.addi(COUNTER, COUNTER, -1), a.bne(COUNTER, 0, -4 * (functions + 1)));
  words.push(a.jal(0, -4 * (functions + 4)));
  for (let i = 0; i < functions; i++) {
    starts.push(words.length);
    emitFunction(words, random, starts, tables, ingredients);
  }
  starts.forEach((start, i) => {
    words[callsAt + i] = a.jal(RA, (start - callsAt - i) * 4);
  });
  for (const { at, targets } of tables) {
    const address = words.length * 4;
    words[at] = a.lui(T1, 0x80000 + ((address + 0x800) >> 12));
    words[at + 1] = a.addi(T1, T1, address & 0xfff);
    for (const target of targets) words.push(0x80000000 + target * 4);
  }
  const handler = words.length;
  words.push(...trapHandler(random, ingredients));
  // mtvec was left for last: its place is known only now.
  const upper = (handler * 4 + 0x800) >> 12;
  words[0] = a.auipc(5, upper);
  words[1] = a.addi(5, 5, (handler * 4) & 0xfff);
  return Int32Array.from(words);
}

function prologue(random: Random, { user = false }: Ingredients): number[] {
  const words = [0, 0, a.csr(1, 0, 0x305, 5)];
  if (user) words.push(...OPEN_ALL);
  const address = (rd: number, offset: number): void => {
    words.push(a.lui(rd, 0x80000 + ((offset + 0x800) >> 12)), a.addi(rd, rd, offset & 0xfff));
  };
  address(SP, STACK_TOP_OFFSET);
  address(DATA0, DATA_OFFSET + 4 * random.below(64));
  address(DATA1, DATA_OFFSET + 0x400 + random.below(64));
  address(CODE, 4 * random.below(200));
  words.push(a.lui(DEVICE, UART), a.lui(TIMER, CLINT_UPPER));
  for (const rd of VALUES) words.push(a.lui(rd, random.below(1 << 20)), a.addi(rd, rd, random.below(4096)));
  words.push(a.addi(COUNTER, 0, 1 + random.below(60)));
  return words;
}

/** PMP's first entry: user mode may access all there is. */
const OPEN_ALL: readonly number[] = [
  a.addi(T0, 0, -1),
  a.csr(1, 0, 0x3b0, T0),
  a.addi(T0, 0, 0x1f),
  a.csr(1, 0, 0x3a0, T0),
];
const MSTATUS = 0x300;
const T6 = 31;

/** Makes mstatus.MPP of a register. */
function mppIn(register: number): number[] {
  return [a.lui(register, 2), a.addi(register, register, 0x800)];
}

/** In the trap handler: an `ecall` of user mode returns to machine mode. */
const FROM_USER: readonly number[] = [
  a.addi(T6, T6, -8),
  a.bne(T6, 0, 4 * 4),
  ...mppIn(T6),
  a.csr(2, 0, MSTATUS, T6),
];

/** In machine mode: goes on in user mode. In user mode all of it traps and is skipped. */
const TO_USER: readonly number[] = [
  ...mppIn(T0),
  a.csr(3, 0, MSTATUS, T0),
  a.auipc(T0, 0),
  a.addi(T0, T0, 16),
  a.csr(1, 0, 0x341, T0),
  a.mret,
];

/** Skips the instruction that trapped, or only half of it; after an interrupt turns interrupts off. */
function trapHandler(random: Random, { withoutC = false, user = false }: Ingredients): number[] {
  const MSCRATCH = 0x340;
  const fromUser = user ? FROM_USER : [];
  return [
    a.csr(1, T6, MSCRATCH, T6),
    a.csr(2, T6, 0x342, 0),
    a.branch(4, T6, 0, (6 + fromUser.length) * 4),
    ...fromUser,
    a.csr(2, T6, 0x341, 0),
    a.addi(T6, T6, random.chance(80) || withoutC ? 4 : 2),
    a.csr(1, 0, 0x341, T6),
    a.csr(1, T6, MSCRATCH, T6),
    a.mret,
    a.csr(5, 0, 0x304, 0),
    a.csr(1, T6, MSCRATCH, T6),
    a.mret,
  ];
}

/** A jump table, to be put behind the code; `at` is the lui that is to make its address. */
interface JumpTable {
  readonly at: number;
  readonly targets: readonly number[];
}

/** A jump through a table of four, to four places right behind it. */
function emitSwitch(words: number[], random: Random, tables: JumpTable[], value: () => number): void {
  words.push(a.immediate(7, T0, value(), 12));
  const at = words.length;
  words.push(0, 0, a.add(T0, T0, T1), a.lw(T0, T0, 0), a.jalr(0, T0, 0));
  tables.push({ at, targets: Array.from({ length: 4 }, () => words.length + random.below(4)) });
  for (let i = 0; i < 3; i++) words.push(a.addi(value(), value(), i));
}

function emitFunction(
  words: number[],
  random: Random,
  starts: readonly number[],
  tables: JumpTable[],
  ingredients: Ingredients,
): void {
  const leaf = random.chance(40);
  const frame = 16;
  if (!leaf) words.push(a.addi(SP, SP, -frame), a.sw(RA, SP, 12), a.sw(COUNTER, SP, 8));
  const loop = random.chance(60);
  const counter = leaf ? 30 : COUNTER;
  if (loop) words.push(a.addi(counter, 0, 1 + random.below(12)));
  const head = words.length;
  const length = 3 + random.below(25);
  for (let i = 0; i < length; i++) emitOne(words, random, starts, leaf, ingredients);
  if (random.chance(40)) emitSwitch(words, random, tables, () => random.pick([10, 11, 12, 13]));
  if (loop) words.push(a.addi(counter, counter, -1), a.bne(counter, 0, (head - words.length - 1) * 4));
  if (!leaf) words.push(a.lw(COUNTER, SP, 8), a.lw(RA, SP, 12), a.addi(SP, SP, frame));
  words.push(a.ret);
}

function emitOne(
  words: number[],
  random: Random,
  starts: readonly number[],
  leaf: boolean,
  { rare, selfModifying, wild, bits = false, triggers = false, user = false }: Ingredients,
): void {
  if (user && random.chance(10)) {
    words.push(...(random.chance(75) ? TO_USER : [a.ecall]));
    return;
  }
  if (triggers && random.chance(6)) {
    emitTrigger(words, random, user);
    return;
  }
  const value = (): number => random.pick(leaf ? VALUES.slice(0, -1) : VALUES);
  if (bits && random.chance(25)) {
    words.push(bitManipulation(random, value));
    return;
  }
  const kind = random.below(100);
  if (kind < 35) {
    emitArithmetic(words, random, value);
  } else if (kind < 65) {
    const base = random.pick([DATA0, DATA1, SP, DATA0]);
    const offset = base === SP ? -4 * (1 + random.below(8)) : random.below(600) - 40;
    words.push(
      random.chance(50)
        ? a.load(random.pick([0, 1, 2, 4, 5]), value(), base, offset)
        : a.store(random.below(3), base, value(), offset),
    );
  } else if (kind < 78) {
    // Forward over a few instructions, which may be the function's end.
    words.push(a.branch(random.pick([0, 1, 4, 5, 6, 7]), value(), value(), 4 * (1 + random.below(6))));
  } else if (kind < 84 && !leaf) {
    const target = random.pick(starts);
    // Calls back would recurse for ever: to an earlier function only, and rarely to itself.
    if (target !== starts.at(-1) || random.chance(5)) words.push(a.jal(RA, (target - words.length) * 4));
  } else if (kind < 88 && wild) {
    words.push(a.branch(random.pick([0, 1, 4, 6]), value(), value(), 2 * (random.below(80) - 40)));
  } else if (kind < 90 && wild) {
    words.push(
      random.chance(50) ? a.jalr(random.pick([0, 1, 5]), CODE, 2 * random.below(300)) : random.below(2 ** 32),
    );
  } else if (kind < 94 && selfModifying) {
    words.push(a.store(random.pick([1, 2]), CODE, value(), 2 * random.below(250)));
    if (random.chance(50)) words.push(a.fenceI);
  } else if (rare) {
    emitRare(words, random, value);
  } else {
    words.push(a.addi(random.pick([DATA0, DATA1]), random.pick([DATA0, DATA1]), random.below(9) - 4));
  }
}

function emitArithmetic(words: number[], random: Random, value: () => number): void {
  const kind = random.below(10);
  if (kind < 4) {
    const f3 = random.below(8);
    const shift = f3 === 1 || f3 === 5;
    const imm = shift ? random.below(32) | (f3 === 5 && random.chance(50) ? 0x400 : 0) : random.below(4096);
    words.push(a.immediate(f3, random.chance(5) ? 0 : value(), value(), imm));
  } else if (kind < 7) {
    const f3 = random.below(8);
    words.push(
      a.register(f3, (f3 === 0 || f3 === 5) && random.chance(50) ? 0x20 : 0, value(), value(), value()),
    );
  } else if (kind < 9) {
    words.push(a.register(random.below(8), 1, value(), random.chance(20) ? 0 : value(), value()));
  } else {
    words.push(
      random.chance(50) ? a.lui(value(), random.below(1 << 20)) : a.auipc(value(), random.below(1 << 20)),
    );
  }
}

/** One instruction, or two of Zcb. */
function bitManipulation(random: Random, value: () => number): number {
  const kind = random.below(10);
  if (kind < 4) return bit(random.pick(BIT_MNEMONICS), value(), value(), value());
  if (kind < 6) return unary(random.pick(UNARY_MNEMONICS), value(), value());
  if (kind < 8) return bitImmediate(random.pick(BIT_IMMEDIATE_MNEMONICS), value(), value(), random.below(32));
  return codeSize(random) | (codeSize(random) << 16);
}

/** A parcel of Zcb, on a0 to a5, and on data from s0 on. */
function codeSize(random: Random): number {
  const [first, second] = [2 + random.below(6), 2 + random.below(6)];
  const offset = random.below(4) << 5;
  return random.pick([
    0x8000 | offset | (second << 2), // c.lbu
    0x8400 | offset | (second << 2), // c.lhu, c.lh
    0x8800 | offset | (second << 2), // c.sb
    0x8c00 | (offset & 0x20) | (second << 2), // c.sh
    0x9c41 | (first << 7) | (second << 2), // c.mul
    0x9c61 | (first << 7) | (random.pick([0, 1, 2, 3, 5]) << 2), // c.zext.b to c.not
  ]);
}

function emitRare(words: number[], random: Random, value: () => number): void {
  const [MIE, MINSTRET, MSCRATCH] = [0x304, 0xb02, 0x340];
  const choices: readonly (() => void)[] = [
    () => words.push(a.ecall),
    () => words.push(a.ebreak),
    () => words.push(0),
    () => words.push(a.fence),
    () => words.push(a.csr(2, value(), random.pick([MINSTRET, 0xb00, 0xc01, MSCRATCH, 0x342, 0x7c0]), 0)),
    () => words.push(a.csr(random.pick([1, 2, 3]), value(), MSCRATCH, value())),
    () => words.push(a.load(4, value(), DEVICE, 5), a.store(0, DEVICE, value(), 0)),
    () => words.push(a.lw(value(), value(), random.below(64))),
    () => words.push(a.store(2, value(), value(), random.below(64))),
    () => words.push(a.atomic(random.pick([0, 1, 4, 8, 12, 16, 20, 24, 28]), value(), DATA0, value())),
    () => words.push(a.atomic(2, value(), DATA0, 0), a.atomic(3, value(), DATA0, value())),
    () => {
      // A timer interrupt some ticks from now: mtimecmp = mtime + n.
      words.push(a.csr(2, 29, 0xc01, 0), a.addi(29, 29, random.below(40)));
      words.push(a.sw(0, TIMER, 4), a.sw(29, TIMER, 0), a.addi(29, 0, 0x80), a.csr(1, 0, MIE, 29));
      words.push(a.csr(6, 0, MSTATUS, 8));
    },
  ];
  random.pick(choices)();
}

/** @param user triggers are enabled for user mode, too, or for that alone */
function emitTrigger(words: number[], random: Random, user: boolean): void {
  const [TSELECT, TDATA1, TDATA2, TCONTROL] = [0x7a0, 0x7a1, 0x7a2, 0x7a5];
  const set = (csr: number, value: number): void => {
    words.push(a.lui(T0, (value + 0x800) >>> 12), a.addi(T0, T0, value & 0xfff), a.csr(1, 0, csr, T0));
  };
  const RAM = 0x8000_0000;
  const data = [
    () => RAM + DATA_OFFSET + random.below(700),
    () => RAM + DATA_OFFSET + 0x400 + random.below(700),
    () => RAM + STACK_TOP_OFFSET - random.below(64),
    () => (UART << 12) + random.below(8),
    () => random.below(2 ** 16) * 2 ** 16,
  ];
  const code = [() => RAM + 2 * random.below(1000), () => RAM + 4 * (words.length + random.below(40))];
  const accesses = random.pick([1, 2, 3, 3, 4, 4, 7]);
  const address = random.pick(accesses < 4 ? data : code)();
  const type = random.pick([2, 6, 6]);
  // Most of what is executed must not be watched, or nothing is.
  const match = random.pick(accesses < 4 ? [0, 1, 1, 1, 2, 3, 9] : [0, 0, 1]);
  // A NAPOT range of up to 128 bytes has so many ones at its end.
  const ones = match === 1 ? 2 ** random.below(7) - 1 : 0;
  const size = random.pick([0, 0, 0, 0, 1, 2, 3, 5]);
  // What is unheard of in the other bits reads 0.
  const other = random.chance(80) ? 0 : random.below(2 ** 12) << 16;
  const modes = user ? random.pick([1 << 3, 1 << 3, 1 << 6, (1 << 6) | (1 << 3)]) : 1 << 6;
  const enabled = (random.chance(95) ? modes : 0) | accesses;
  words.push(a.csr(5, 0, TSELECT, random.below(6)));
  if (random.chance(70)) words.push(a.csr(1, random.pick(VALUES), TDATA1, 0));
  set(TDATA2, (address | ones) >>> 0);
  if (random.chance(85)) set(TDATA1, type * 2 ** 28 + (other | enabled | (match << 7) | (size << 16)));
  words.push(
    a.csr(2, random.pick(VALUES), random.pick([TDATA1, TDATA2, TSELECT, TCONTROL, 0x7a3, 0x7a4]), 0),
  );
  words.push(random.chance(85) ? a.csr(6, 0, TCONTROL, 8) : a.csr(5, 0, TCONTROL, random.below(32)));
}
