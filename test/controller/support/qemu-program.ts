/**
 * Random programs that tell everything they did: one seed, one ELF file, the same output on every RV32IMAC
 * machine with Zba, Zbb, Zbc and Zbs in machine mode. At the end a program sends all registers, its log of traps and its data through the
 * UART, then passes by the finisher.
 *
 * Left out is what QEMU 7.2 does differently from the manual or from run to run: misaligned AMOs, AMOs that fault
 * (cause 5), mtval of misaligned accesses that fault (rounded down) and of ebreak (0), mstatus.MPP, counters and
 * time, asynchronous interrupts; misa.B, which it does not tell.
 */

import { Random } from "../../../emulator/base/random.ts";
import { RAM_BASE } from "../../../emulator/memory/map.ts";
import * as asm from "./assembler.ts";
import { writeElf } from "./elf-writer.ts";

const DATA = RAM_BASE + 0x2_0000;
const DATA_BYTES = 1024;
const FRAME = RAM_BASE + 0x3_0000;
const LOG = FRAME + 0x100;
const UART = 0x1000_0000;
const FINISHER = 0x0010_0000;
/** Words that triggers may watch, so far apart that QEMU's, which watch eight bytes, watch no other. */
const SLOTS = RAM_BASE + 0x2_8000;
const SLOT_COUNT = 8;
const SLOT_BYTES = 8;
/** Nothing answers here on either machine; above 0x4000_0000 QEMU has PCI. */
const NOWHERE = 0x1800_0000;

const [TSELECT, TDATA1, TDATA2, TCONTROL] = [0x7a0, 0x7a1, 0x7a2, 0x7a5];
const MCONTROL = 2 << 28;
const MCONTROL_M = 1 << 6;
const MCONTROL_EXECUTE = 4;

const RA = 1;
const SP = 2;
const T0 = 5;
const T1 = 6;
const MISA_B = 1 << 1;
/** Registers with a fixed use; every other one takes and gives random values. */
const DATA_BASE = 8;
const COUNTER = 9;
const SCRATCH = 18;
const PATCH = 19;
const RESERVED: readonly number[] = [0, RA, DATA_BASE, COUNTER, SCRATCH, PATCH];

/** Byte offsets in the frame of the trap handler, to which mscratch points. */
const FRAME_T0 = 4 * 32;
const FRAME_T1 = 4 * 33;
const FRAME_LOG = 4 * 34;

type Maker = (g: Generator) => void;

class Generator {
  readonly program = new asm.Program();
  readonly random: Random;
  readonly triggers: boolean;
  #labels = 0;

  constructor(seed: number, triggers: boolean) {
    this.triggers = triggers;
    this.random = new Random(seed);
  }

  get label(): string {
    return `l${this.#labels++}`;
  }

  /** A register to write: sometimes x0. */
  get rd(): number {
    const register = this.random.below(32);
    return RESERVED.includes(register) && register !== 0 ? 10 + this.random.below(6) : register;
  }

  /** A register to read. */
  get rs(): number {
    return this.random.below(32);
  }

  /** One of x8 to x15 that may be written, as compressed instructions name it. */
  get low(): number {
    return 2 + this.random.below(6);
  }

  get imm12(): number {
    return this.random.below(4096) - 2048;
  }

  word(): number {
    const edge = [0, 1, -1, 0x7fff_ffff, -0x8000_0000, 0xffff, -0x10000];
    return this.random.below(4) === 0 ? this.random.pick(edge) : this.random.uint32() | 0;
  }

  offset(size: number): number {
    const at = this.random.below(DATA_BYTES - 4);
    return this.random.below(3) === 0 ? at : at - (at % size);
  }

  put(...words: readonly number[]): void {
    this.program.words(...words);
  }
}

const SIZES: Readonly<Record<string, number>> = { lb: 1, lbu: 1, lh: 2, lhu: 2, lw: 4, sb: 1, sh: 2, sw: 4 };

const arithmetic: Maker = (g) => g.put(asm.r(g.random.pick(asm.R_MNEMONICS), g.rd, g.rs, g.rs));
const immediate: Maker = (g) => g.put(asm.i(g.random.pick(asm.I_MNEMONICS), g.rd, g.rs, g.imm12));
const shifts: Maker = (g) =>
  g.put(asm.shift(g.random.pick(asm.SHIFT_MNEMONICS), g.rd, g.rs, g.random.below(32)));
const bits: Maker = (g) =>
  g.put(
    g.random.pick([
      () => asm.bit(g.random.pick(asm.BIT_MNEMONICS), g.rd, g.rs, g.rs),
      () => asm.unary(g.random.pick(asm.UNARY_MNEMONICS), g.rd, g.rs),
      () => asm.bitImmediate(g.random.pick(asm.BIT_IMMEDIATE_MNEMONICS), g.rd, g.rs, g.random.below(32)),
    ])(),
  );
const upper: Maker = (g) => g.put(asm.lui(g.rd, g.word()));
const pcRelative: Maker = (g) => g.put(asm.auipc(g.rd, g.word()));
const constant: Maker = (g) => void g.program.li(g.rd, g.word());
const loads: Maker = (g) => {
  const name = g.random.pick(asm.LOAD_MNEMONICS);
  g.put(asm.load(name, g.rd, g.offset(SIZES[name] ?? 1), DATA_BASE));
};
const stores: Maker = (g) => {
  const name = g.random.pick(asm.STORE_MNEMONICS);
  g.put(asm.store(name, g.rs, g.offset(SIZES[name] ?? 1), DATA_BASE));
};
const atomics: Maker = (g) => {
  const names = asm.AMO_MNEMONICS.filter((name) => name !== "lr.w" && name !== "sc.w");
  g.put(asm.i("addi", SCRATCH, DATA_BASE, 4 * g.random.below(DATA_BYTES / 4)));
  g.put(asm.amo(g.random.pick(names), g.rd, g.rs, SCRATCH));
};
/** Without stores to the word between: QEMU fails the sc.w then, the manual leaves it open. */
const reservation: Maker = (g) => {
  g.put(asm.i("addi", SCRATCH, DATA_BASE, 4 * g.random.below(DATA_BYTES / 4)));
  if (g.random.below(4) !== 0) g.put(asm.amo("lr.w", g.rd, 0, SCRATCH));
  if (g.random.below(4) === 0) g.put(asm.i("addi", SCRATCH, DATA_BASE, 4 * g.random.below(DATA_BYTES / 4)));
  if (g.random.below(2) === 0) arithmetic(g);
  g.put(asm.amo("sc.w", g.rd, g.rs, SCRATCH));
};
const csrs: Maker = (g) => {
  const name = g.random.pick(["csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"] as const);
  g.put(asm.csr(name, g.rd, asm.MCAUSE, g.rs));
  g.put(asm.csr("csrrs", g.rd, g.random.pick([asm.MHARTID, asm.MTVEC]), 0));
  const rd = g.rd;
  g.put(asm.csr("csrrs", rd, asm.MISA, 0), asm.i("andi", rd, rd, ~MISA_B));
};
const forwardBranch: Maker = (g) => {
  const label = g.label;
  g.program.branch(g.random.pick(asm.BRANCH_MNEMONICS), g.rs, g.rs, label);
  for (let skipped = g.random.below(4); skipped >= 0; skipped--) g.random.pick(SIMPLE)(g);
  g.program.label(label);
};
const forwardJump: Maker = (g) => {
  const label = g.label;
  if (g.random.below(2) === 0) g.program.jal(RA, label);
  else g.program.la(SCRATCH, label).words(asm.jalr(RA, SCRATCH, g.random.below(2)));
  for (let skipped = g.random.below(4); skipped > 0; skipped--) g.random.pick(SIMPLE)(g);
  g.program.label(label);
};
const loop: Maker = (g) => {
  const label = g.label;
  g.put(asm.i("addi", COUNTER, 0, 1 + g.random.below(6)));
  g.program.label(label);
  for (let length = 1 + g.random.below(6); length > 0; length--) g.random.pick(SIMPLE)(g);
  g.put(asm.i("addi", COUNTER, COUNTER, -1));
  g.program.branch("bne", COUNTER, 0, label);
};
const compressed: Maker = (g) => {
  const { random } = g;
  const full = g.rd;
  const six = (random.below(2) << 12) | (random.below(32) << 2);
  const parcels = [
    0x0001 | (full << 7) | six, // c.addi
    0x4001 | (full << 7) | six, // c.li
    0x8001 | (g.low << 7) | (random.below(32) << 2), // c.srli
    0x8401 | (g.low << 7) | (random.below(32) << 2), // c.srai
    0x8801 | (g.low << 7) | six, // c.andi
    0x8c01 | (g.low << 7) | (random.below(4) << 5) | (random.below(8) << 2), // c.sub, c.xor, c.or, c.and
    0x0002 | (full << 7) | (random.below(32) << 2), // c.slli
    ...(full === 0 ? [] : [0x8002 | (full << 7) | ((1 + random.below(31)) << 2)]), // c.mv
    ...(full === 0 ? [] : [0x9002 | (full << 7) | ((1 + random.below(31)) << 2)]), // c.add
    0x4000 | (random.below(8) << 10) | (g.low << 2), // c.lw from the data, whose base is x8
    0xc000 | (random.below(8) << 10) | (random.below(8) << 2), // c.sw
  ];
  g.program.parcels(random.pick(parcels));
};
/** Exceptions of every kind, each at one instruction that the handler skips. */
const faults: Maker = (g) => {
  const bad = g.random.pick([
    () => g.put(asm.ECALL),
    () => g.put(asm.EBREAK),
    () => g.program.parcels(0x9002),
    () => g.put(-1),
    () => g.program.parcels(0),
    () => g.put(asm.r("add", 1, 2, 3) | (5 << 25)),
    () => g.put(asm.csr("csrrw", g.rd, 0x7c0, g.rs)),
    () => g.put(asm.csr("csrrw", g.rd, asm.MHARTID, g.rs)),
    () =>
      g.put(
        asm.lui(SCRATCH, NOWHERE),
        asm.load(g.random.pick(asm.LOAD_MNEMONICS), g.rd, g.imm12 & ~3, SCRATCH),
      ),
    () =>
      g.put(
        asm.lui(SCRATCH, NOWHERE),
        asm.store(g.random.pick(asm.STORE_MNEMONICS), g.rs, g.imm12 & ~3, SCRATCH),
      ),
    () => g.put(asm.lui(SCRATCH, NOWHERE), asm.amo("lr.w", g.rd, 0, SCRATCH)),
    // The handler returns to ra after a fetch fault.
    () => g.put(asm.lui(SCRATCH, NOWHERE), asm.jalr(RA, SCRATCH, 2 * g.random.below(100))),
  ]);
  bad();
};
/** Overwrites an instruction that lies ahead, with and without having executed it. */
const selfModifying: Maker = (g) => {
  const label = g.label;
  const again = g.label;
  const replacement = asm.i("addi", 10 + g.random.below(6), g.rs, g.imm12);
  g.put(asm.i("addi", COUNTER, 0, 2));
  g.program.label(again).label(label);
  g.put(asm.i("addi", 10, 10, 1));
  g.program.la(PATCH, label).li(SCRATCH, replacement);
  g.put(asm.store("sw", SCRATCH, 0, PATCH), asm.FENCE_I, asm.i("addi", COUNTER, COUNTER, -1));
  g.program.branch("bne", COUNTER, 0, again);
};

const SIMPLE: readonly Maker[] = [
  arithmetic,
  arithmetic,
  arithmetic,
  immediate,
  immediate,
  shifts,
  bits,
  bits,
  bits,
  upper,
  pcRelative,
  constant,
  loads,
  loads,
  stores,
  stores,
  atomics,
  reservation,
  csrs,
  compressed,
  compressed,
  compressed,
  faults,
];
const COMPOUND: readonly Maker[] = [forwardBranch, forwardBranch, forwardJump, loop, loop, selfModifying];

/** Triggers on words and on instructions ahead. The two of QEMU 7.2 are of mcontrol and compare for equality. */
const armedTriggers: Maker = (g) => {
  const set = (csr: number): void => g.put(asm.csr("csrrw", 0, csr, SCRATCH));
  const arm = (accesses: number): void => {
    set(TDATA2);
    g.program.li(SCRATCH, MCONTROL | (g.random.below(8) === 0 ? 0 : MCONTROL_M) | accesses);
    set(TDATA1);
  };
  g.put(asm.csr("csrrwi", 0, TSELECT, g.random.below(2)));
  if (g.random.below(2) === 0) {
    g.program.li(SCRATCH, SLOTS + SLOT_BYTES * g.random.below(SLOT_COUNT));
    arm(g.random.below(4));
    return;
  }
  const label = g.label;
  g.program.la(SCRATCH, label);
  arm(MCONTROL_EXECUTE);
  for (let between = g.random.below(3); between > 0; between--) g.random.pick(SIMPLE)(g);
  g.program.label(label);
  immediate(g);
};
const slotAccesses: Maker = (g) => {
  g.program.li(SCRATCH, SLOTS + SLOT_BYTES * g.random.below(SLOT_COUNT));
  const kind = g.random.below(5);
  if (kind < 2) g.put(asm.load(g.random.pick(asm.LOAD_MNEMONICS), g.rd, 0, SCRATCH));
  else if (kind < 4) g.put(asm.store(g.random.pick(asm.STORE_MNEMONICS), g.rs, 0, SCRATCH));
  else g.put(asm.amo("amoadd.w", g.rd, g.rs, SCRATCH));
};
const TRIGGERS: readonly Maker[] = [armedTriggers, slotAccesses, slotAccesses, slotAccesses];

/** In machine mode triggers fire with mte alone; QEMU 7.2 has none, and they fire without. */
function enableTriggers(g: Generator): void {
  g.program.la(T0, "enabled").words(asm.csr("csrrw", 0, asm.MTVEC, T0), asm.csr("csrrsi", 0, TCONTROL, 8));
  // Which that tells, and which programs read.
  g.program
    .align(4)
    .label("enabled")
    .words(asm.csr("csrrw", 0, asm.MCAUSE, 0));
}

/** Installs the handler, fills data and registers. */
function prologue(g: Generator): void {
  if (g.triggers) enableTriggers(g);
  g.program.la(T0, "handler").words(asm.csr("csrrw", 0, asm.MTVEC, T0));
  g.program
    .li(T0, FRAME)
    .li(T1, LOG)
    .words(asm.store("sw", T1, FRAME_LOG, T0));
  g.put(asm.csr("csrrw", 0, asm.MSCRATCH, T0));
  g.program.li(DATA_BASE, DATA);
  for (let at = 0; at < DATA_BYTES; at += 64) {
    g.program.li(T0, g.word()).words(asm.store("sw", T0, at, DATA_BASE));
  }
  for (let register = 1; register < 32; register++) {
    if (!RESERVED.includes(register)) g.program.li(register, g.word());
  }
}

/** Logs mcause, mepc, mtval, and goes on behind the instruction, or at ra after a fetch fault. */
function handler(g: Generator): void {
  const { program } = g;
  const log = (number: number, at: number): number[] => [
    asm.csr("csrrs", T1, number, 0),
    asm.store("sw", T1, at, T0),
  ];
  program.align(4).label("handler");
  program.words(asm.csr("csrrw", SP, asm.MSCRATCH, SP), asm.store("sw", T0, FRAME_T0, SP));
  program.words(asm.store("sw", T1, FRAME_T1, SP), asm.load("lw", T0, FRAME_LOG, SP));
  program.words(...log(asm.MCAUSE, 0), ...log(asm.MEPC, 4), asm.store("sw", 0, 8, T0));
  program.words(asm.load("lw", T1, 0, T0), asm.i("addi", T1, T1, -3)).branch("beq", T1, 0, "logged");
  program.words(...log(asm.MTVAL, 8));
  program.label("logged").words(asm.load("lw", T1, 0, T0), asm.i("addi", T1, T1, -1));
  program.words(asm.i("addi", T0, T0, 12), asm.store("sw", T0, FRAME_LOG, SP));
  program.branch("beq", T1, 0, "fetch");
  program.words(asm.csr("csrrs", T0, asm.MEPC, 0), asm.load("lhu", T1, 0, T0), asm.i("andi", T1, T1, 3));
  program.words(asm.i("addi", T1, T1, -3), asm.i("addi", T0, T0, 2)).branch("bne", T1, 0, "short");
  program
    .words(asm.i("addi", T0, T0, 2))
    .label("short")
    .words(asm.csr("csrrw", 0, asm.MEPC, T0))
    .jal(0, "return");
  program.label("fetch").words(asm.csr("csrrw", 0, asm.MEPC, RA));
  program.label("return").words(asm.load("lw", T0, FRAME_T0, SP), asm.load("lw", T1, FRAME_T1, SP));
  program.words(asm.csr("csrrw", SP, asm.MSCRATCH, SP), asm.MRET);
}

/** Sends registers, log and data, a word in hex a line, and passes. */
function epilogue(g: Generator): void {
  const { program } = g;
  program.words(asm.csr("csrrw", SP, asm.MSCRATCH, SP));
  for (let register = 1; register < 32; register++)
    program.words(asm.store("sw", register, 4 * register, SP));
  program.words(asm.csr("csrrs", T0, asm.MSCRATCH, 0), asm.store("sw", T0, 4 * SP, SP));
  program.words(asm.store("sw", 0, 4 * PATCH, SP), asm.store("sw", 0, 4 * SCRATCH, SP));
  program
    .words(asm.load("lw", 12, FRAME_LOG, SP))
    .li(11, FRAME)
    .jal(RA, "send");
  program
    .li(11, DATA)
    .li(12, DATA + DATA_BYTES)
    .jal(RA, "send");
  program
    .li(T0, FINISHER)
    .li(T1, 0x5555)
    .words(asm.store("sw", T1, 0, T0))
    .label("end")
    .jal(0, "end");
  // send: the words from x11 to x12.
  program
    .label("send")
    .li(13, UART)
    .label("word")
    .words(asm.load("lw", 14, 0, 11), asm.i("addi", 15, 0, 28));
  program.label("digit").words(asm.r("srl", 16, 14, 15), asm.i("andi", 16, 16, 15), asm.i("addi", 17, 0, 10));
  program.branch("blt", 16, 17, "decimal").words(asm.i("addi", 16, 16, 39));
  program
    .label("decimal")
    .words(asm.i("addi", 16, 16, 48), asm.store("sb", 16, 0, 13), asm.i("addi", 15, 15, -4));
  program.branch("bge", 15, 0, "digit").words(asm.i("addi", 16, 0, 10), asm.store("sb", 16, 0, 13));
  program
    .words(asm.i("addi", 11, 11, 4))
    .branch("bltu", 11, 12, "word")
    .words(asm.jalr(0, RA, 0));
}

/** The executable of `seed`, with about `length` random pieces. @param options triggers: with some that fire */
export function qemuProgram(seed: number, length: number, { triggers = false } = {}): Uint8Array {
  const g = new Generator(seed, triggers);
  prologue(g);
  for (let piece = 0; piece < length; piece++) {
    if (triggers && g.random.below(4) === 0) g.random.pick(TRIGGERS)(g);
    else g.random.pick(g.random.below(4) === 0 ? COMPOUND : SIMPLE)(g);
  }
  epilogue(g);
  handler(g);
  return writeElf({ code: g.program.bytes() });
}
