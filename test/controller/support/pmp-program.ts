/**
 * Random programs about PMP and user mode: rules over two small pieces of RAM, loads, stores and fetches there by machine
 * mode, by machine mode with MPRV, and by user mode. Each trap is logged, and at the end log, data and registers go through
 * the UART, a word in hex a line. One seed is one program.
 *
 * For QEMU 7.2 is left out what it does otherwise: misaligned accesses and AMOs that fault, reserved values of pmpcfg,
 * addresses beyond 32 bits, the rules that Smepmp has for pmpcfg while MML is set and RLB clear, and menvcfg.
 */
import { Random } from "../../../emulator/base/random.ts";
import { RAM_BASE } from "../../../emulator/memory/map.ts";
import * as asm from "./assembler.ts";

export interface PmpIngredients {
  /** Smepmp: RLB and MML are set, sometimes MMWP, and sometimes RLB is cleared again. */
  readonly smepmp: boolean;
  /** Also what QEMU does otherwise. */
  readonly beyondQemu: boolean;
}

const USER_CODE = RAM_BASE + 0x6000;
const USER_CODE_BYTES = 0x2000;
/** Loaded from and stored to; what is fetched, all of it `c.jr ra`. */
const DATA = RAM_BASE + 0xa000;
const TARGETS = DATA + 0x400;
const PIECE_BYTES = 0x200;
const LOG = RAM_BASE + 0xc000;
const LOG_BYTES = 0x4000;
/** From here on it begins anew; behind lies what is sent besides. */
const LOG_END = LOG + LOG_BYTES - 64;
const UART = 0x1000_0000;
const FINISHER = 0x0010_0000;

const RA = 1;
const DATA_BASE = 8;
const TARGET_BASE = 9;
const SCRATCH = 18;
/** Where machine mode goes on after an ecall of user mode. */
const RESUME = 19;
/** Holds 0. */
const NOTHING = 25;
/** The handler's. */
const LOG_AT = 20;
const [H0, H1, H2] = [21, 22, 23];
const VALUES: readonly number[] = [10, 11, 12, 13, 14, 15];

const PMPCFG0 = 0x3a0;
const PMPADDR0 = 0x3b0;
const MSECCFG = 0x747;
const MCOUNTEREN = 0x306;
const MPP = 0x1800;
const MPRV = 0x2_0000;
const [R, W, X, TOR, NA4, NAPOT, L] = [1, 2, 4, 8, 16, 24, 128];
const [MML, MMWP, RLB] = [1, 2, 4];
/** Rules over the two pieces: the first entries. */
const RULES = 7;
/** Writes what is there. */
const FORGET = asm.csr("csrrs", 0, PMPCFG0 + 3, NOTHING);
const C_JR_RA = 0x8082;

class Writer {
  readonly program = new asm.Program();
  readonly random: Random;
  readonly ingredients: PmpIngredients;
  readonly #userPieces: (() => void)[] = [];

  constructor(seed: number, ingredients: PmpIngredients) {
    this.random = new Random(seed);
    this.ingredients = ingredients;
  }

  write(number: number, value: number): void {
    this.program.li(SCRATCH, value).words(asm.csr("csrrw", 0, number, SCRATCH));
  }

  setBits(number: number, value: number): void {
    this.program.li(SCRATCH, value).words(asm.csr("csrrs", 0, number, SCRATCH));
  }

  clearBits(number: number, value: number): void {
    this.program.li(SCRATCH, value).words(asm.csr("csrrc", 0, number, SCRATCH));
  }

  /** The address register of a rule over [first, first + bytes), a power of two. */
  napot(entry: number, first: number, bytes: number): void {
    this.write(PMPADDR0 + entry, (first >>> 2) | (bytes / 8 - 1));
  }

  atUser(write: () => void): void {
    this.#userPieces.push(write);
  }

  user(): void {
    while (this.program.offset < USER_CODE - RAM_BASE) this.program.parcels(1);
    for (const piece of this.#userPieces) piece();
    if (this.program.offset > USER_CODE + USER_CODE_BYTES - RAM_BASE) throw new Error("too many pieces");
  }
}

/**
 * QEMU 7.2 remembers for a page what one access found, though rules may say more of that page: until a pmpcfg is written,
 * which in user mode the handler of the trap does.
 */
function forget(w: Writer): void {
  if (!w.ingredients.beyondQemu) w.program.words(FORGET);
}

function access(w: Writer): void {
  const { program, random } = w;
  forget(w);
  const kind = random.below(w.ingredients.beyondQemu ? 5 : 3);
  const value = random.pick(VALUES);
  const size = random.pick([1, 2, 4]);
  const at = random.below(PIECE_BYTES - 4);
  const offset = kind >= 3 && random.below(2) === 0 ? at : at - (at % size);
  if (kind === 2) {
    program.words(asm.i("addi", SCRATCH, TARGET_BASE, at & ~3), asm.jalr(RA, SCRATCH, 0));
  } else if (kind === 4) {
    program.words(asm.i("addi", SCRATCH, DATA_BASE, at & ~3));
    program.words(
      asm.amo(random.pick(["amoadd.w", "amomaxu.w", "lr.w", "sc.w"] as const), value, 0, SCRATCH),
    );
  } else if (kind === 0 || (kind === 3 && random.below(2) === 0)) {
    const loads = { 1: ["lb", "lbu"], 2: ["lh", "lhu"], 4: ["lw", "lw"] } as const;
    const [signed, unsigned] = loads[size as 1 | 2 | 4];
    program.words(asm.load(random.below(2) === 0 ? signed : unsigned, value, offset, DATA_BASE));
  } else {
    const stores = { 1: "sb", 2: "sh", 4: "sw" } as const;
    program.words(asm.store(stores[size as 1 | 2 | 4], value, offset, DATA_BASE));
  }
}

/** In user mode: what belongs to machine mode, and a counter that mcounteren allows or not. */
function privileged(w: Writer): void {
  const counter = 0xc00 + w.random.pick([0, 1, 2, 0x80]);
  w.program.words(
    w.random.pick([
      asm.MRET,
      asm.csr("csrrs", 0, asm.MSTATUS, 0),
      asm.csr("csrrw", 0, asm.MSCRATCH, 10),
      asm.csr("csrrw", 0, PMPADDR0 + 3, 10),
      asm.csr("csrrs", 0, counter, 0),
      asm.csr("csrrs", 0, 0x7c0, 0),
    ]),
  );
}

/** A loop over neighbouring words, long enough for what is checked once to be used often. */
function sweep(w: Writer, label: string): void {
  if (!w.ingredients.beyondQemu) return;
  const { program, random } = w;
  const start = random.below(PIECE_BYTES / 2) & ~3;
  program.words(asm.i("addi", SCRATCH, DATA_BASE, start), asm.i("addi", 24, 0, 8 + random.below(40)));
  program.label(label).words(asm.load("lw", 10, 0, SCRATCH), asm.load("lw", 11, 4, SCRATCH));
  if (random.below(2) === 0) program.words(asm.store("sw", 12, 8, SCRATCH));
  program.words(asm.r("add", 12, 12, 10), asm.i("addi", SCRATCH, SCRATCH, 4), asm.i("addi", 24, 24, -1));
  program.branch("bne", 24, 0, label);
}

function rules(w: Writer): void {
  const { random } = w;
  const legal =
    w.ingredients.smepmp || w.ingredients.beyondQemu ? [0, 1, 2, 3, 4, 5, 6, 7] : [0, R, R | W, X, R | X, 7];
  // With RLB, too, QEMU 7.2 keeps the base of a TOR rule that is locked.
  if (!w.ingredients.beyondQemu) for (const register of [0, 1]) w.write(PMPCFG0 + register, 0);
  for (let entry = 0; entry < RULES; entry++) {
    if (random.below(3) === 0) continue;
    const bytes = 8 << random.below(8);
    const first = random.pick([DATA, TARGETS]) + 4 * random.below(PIECE_BYTES / 4);
    if (random.below(2) === 0) w.write(PMPADDR0 + entry, first >>> 2);
    else w.napot(entry, Math.floor(first / bytes) * bytes, bytes);
  }
  for (const register of [0, 1]) {
    // QEMU 7.2 sees a new base of a TOR rule when that is written.
    if (w.ingredients.beyondQemu && random.below(4) === 0) continue;
    let word = 0;
    for (let at = 0; at < 4 && register * 4 + at < RULES; at++) {
      const lock = random.below(w.ingredients.smepmp ? 2 : 24) === 0 ? L : 0;
      const matches = register + at === 0 ? [0, NA4, NAPOT] : [0, TOR, NA4, NAPOT, NAPOT];
      word |= (random.pick(legal) | random.pick(matches) | lock) << (8 * at);
    }
    w.write(PMPCFG0 + register, word);
  }
  // What no rule matches: user mode's alone.
  if (random.below(3) === 0) {
    w.write(PMPCFG0 + 3, ((NAPOT | random.pick([0, R, R | W, 7])) << 24) | ((NAPOT | R | X) << 16));
  }
}

function round(w: Writer, number: number, changesRules: boolean): void {
  const { program, random } = w;
  if (changesRules) rules(w);
  if (random.below(4) === 0) w.write(MCOUNTEREN, random.below(8));
  for (let count = random.below(6); count > 0; count--) access(w);
  if (random.below(3) === 0) sweep(w, `m${number}`);
  if (random.below(2) === 0) {
    w.clearBits(asm.MSTATUS, MPP);
    w.setBits(asm.MSTATUS, MPRV);
    for (let count = 1 + random.below(4); count > 0; count--) access(w);
    w.clearBits(asm.MSTATUS, MPRV);
  }
  program.la(SCRATCH, `u${number}`).words(asm.csr("csrrw", 0, asm.MEPC, SCRATCH));
  program.la(RESUME, `r${number}`);
  w.clearBits(asm.MSTATUS, MPP);
  program.words(asm.MRET).label(`r${number}`);
  w.atUser(() => {
    program.label(`u${number}`);
    for (let count = 1 + random.below(6); count > 0; count--) access(w);
    if (random.below(3) === 0) privileged(w);
    if (random.below(2) === 0) sweep(w, `s${number}`);
    program.words(asm.ECALL);
  });
}

function prologue(w: Writer): void {
  const { program, random } = w;
  program.la(H0, "handler").words(asm.csr("csrrw", 0, asm.MTVEC, H0));
  program.li(DATA_BASE, DATA).li(TARGET_BASE, TARGETS).li(LOG_AT, LOG);
  program
    .li(SCRATCH, C_JR_RA | (C_JR_RA << 16))
    .li(H0, TARGETS)
    .li(H1, TARGETS + PIECE_BYTES);
  program.label("fill").words(asm.store("sw", SCRATCH, 0, H0), asm.i("addi", H0, H0, 4));
  program.branch("bltu", H0, H1, "fill").words(asm.FENCE_I);
  for (const register of VALUES) program.li(register, random.uint32() | 0);
  for (let entry = 0; entry < RULES; entry++) w.write(PMPADDR0 + entry, DATA >>> 2);
  w.napot(14, USER_CODE, USER_CODE_BYTES);
  w.write(PMPADDR0 + 15, -1);
  w.write(PMPCFG0 + 3, ((NAPOT | 7) << 24) | ((NAPOT | R | X) << 16));
}

/** Machine mode keeps its code, its log and its devices. */
function lockDown(w: Writer): void {
  w.write(MSECCFG, RLB);
  w.write(PMPADDR0 + 7, RAM_BASE >>> 2);
  w.write(PMPADDR0 + 8, USER_CODE >>> 2);
  w.napot(9, LOG, LOG_BYTES);
  w.napot(10, UART, 0x100);
  w.napot(11, FINISHER, 0x1000);
  w.write(
    PMPCFG0 + 2,
    ((L | NAPOT | R | W) << 24) |
      ((L | NAPOT | R | W) << 16) |
      ((L | NAPOT | R | W) << 8) |
      (L | TOR | R | X),
  );
  w.write(MSECCFG, RLB | MML | (w.random.below(2) === 0 ? MMWP : 0));
}

/** Logs mcause, mepc, mstatus.MPP and, of access faults, mtval; goes on behind the instruction, at ra or at RESUME. */
function handler({ program }: Writer): void {
  program.align(4).label("handler");
  program.words(asm.csr("csrrs", H0, asm.MCAUSE, 0), asm.store("sw", H0, 0, LOG_AT));
  program.words(asm.csr("csrrs", H1, asm.MEPC, 0), asm.store("sw", H1, 4, LOG_AT));
  program.li(H2, MPP).words(asm.csr("csrrs", H1, asm.MSTATUS, 0), asm.r("and", H1, H1, H2));
  program.words(asm.store("sw", H1, 8, LOG_AT), asm.csr("csrrs", H1, asm.MTVAL, 0), asm.i("addi", H2, 0, 2));
  program.branch("beq", H0, H2, "logged").words(asm.store("sw", H1, 12, LOG_AT));
  program.label("logged").words(asm.i("addi", LOG_AT, LOG_AT, 16), FORGET);
  program.li(H2, LOG_END).branch("bltu", LOG_AT, H2, "fits").li(LOG_AT, LOG);
  program.label("fits").words(asm.i("addi", H2, 0, 8));
  program
    .branch("bne", H0, H2, "notEcall")
    .li(H2, MPP)
    .words(asm.csr("csrrs", 0, asm.MSTATUS, H2));
  program.words(asm.csr("csrrw", 0, asm.MEPC, RESUME), asm.MRET);
  program
    .label("notEcall")
    .words(asm.i("addi", H2, 0, 1))
    .branch("bne", H0, H2, "notFetch");
  program.words(asm.csr("csrrw", 0, asm.MEPC, RA), asm.MRET);
  program.label("notFetch").words(asm.csr("csrrs", H1, asm.MEPC, 0), asm.i("addi", H1, H1, 4));
  program.words(asm.csr("csrrw", 0, asm.MEPC, H1), asm.MRET);
}

function epilogue({ program }: Writer): void {
  for (const register of VALUES)
    program.words(asm.store("sw", register, 0, LOG_AT), asm.i("addi", LOG_AT, LOG_AT, 4));
  program
    .li(11, LOG)
    .li(12, LOG + LOG_BYTES)
    .li(13, UART);
  program.label("word").words(asm.load("lw", 14, 0, 11), asm.i("addi", 15, 0, 28));
  program.label("digit").words(asm.r("srl", 16, 14, 15), asm.i("andi", 16, 16, 15), asm.i("addi", 17, 0, 10));
  program.branch("blt", 16, 17, "decimal").words(asm.i("addi", 16, 16, 39));
  program
    .label("decimal")
    .words(asm.i("addi", 16, 16, 48), asm.store("sb", 16, 0, 13), asm.i("addi", 15, 15, -4));
  program.branch("bge", 15, 0, "digit").words(asm.i("addi", 16, 0, 10), asm.store("sb", 16, 0, 13));
  program.words(asm.i("addi", 11, 11, 4)).branch("bltu", 11, 12, "word");
  program
    .li(SCRATCH, FINISHER)
    .li(10, 0x5555)
    .words(asm.store("sw", 10, 0, SCRATCH))
    .label("end")
    .jal(0, "end");
}

/** The bytes of the program of `seed`, to begin where RAM does. */
export function pmpProgram(seed: number, rounds: number, ingredients: PmpIngredients): Uint8Array {
  const w = new Writer(seed, ingredients);
  prologue(w);
  if (ingredients.smepmp) lockDown(w);
  const sealAt = ingredients.smepmp && w.random.below(2) === 0 ? Math.floor(rounds / 2) : rounds;
  for (let number = 0; number < rounds; number++) {
    if (number === sealAt) w.write(MSECCFG, MML);
    round(w, number, number < sealAt || ingredients.beyondQemu);
  }
  epilogue(w);
  handler(w);
  w.user();
  return w.program.bytes();
}
