/**
 * What conformance is shown by: small programs that send words, and the words that the manual has them send.
 *
 * A case's program begins in machine mode with a trap handler installed, and ends when what it wrote ends; then all words
 * that it kept by {@link CaseProgram.send} go through the UART, one in hex a line, and the finisher is told that it passed.
 * So a case is one program on every machine, and whoever shows a rule adds a case to a list in cases/ and nothing else.
 */
import { RAM_BASE } from "../../emulator/memory/map.ts";
import * as asm from "../hostile/assembler.ts";

/** One rule, instruction or CSR. */
export interface Case {
  /** What it shows. */
  readonly name: string;
  readonly write: (program: CaseProgram) => void;
  /** The words it sends, as the manual says, signed or not. A trap sends its mcause. */
  readonly expected: readonly number[];
  /** Why QEMU is not asked: it does not have it, or does otherwise where the manual leaves a choice. */
  readonly unlikeQemu?: string;
}

/** Cases of one instruction set or chapter: a row of the table. */
export interface CaseGroup {
  readonly name: string;
  readonly cases: readonly Case[];
  /** The hart's instructions (cpu/isa.ts); all that there are where it is absent. */
  readonly isa?: string;
  /** Properties of QEMU's CPU behind those that it always gets (qemu.ts), such as "u=true". */
  readonly qemuCpu?: string;
}

const UART = 0x1000_0000;
const FINISHER = 0x0010_0000;
const PASS = 0x5555;
/** Where the words are kept; cases have the RAM from {@link DATA} to here. */
const LOG = RAM_BASE + 0x8_0000;
/** RAM for the cases: far from the code, and 0. */
export const DATA = RAM_BASE + 0x4_0000;

/** Instructions before what is shown: a translator enters no stretch that is soon over. */
const WORTH_TRANSLATING = 16;

const RA = 1;
/** x26 to x31 are the frame's: where the next word goes, and what the handler needs. */
const NEXT_WORD = 26;
const HANDLER0 = 30;
const HANDLER1 = 31;

/** The program of a case; its own are x1 to x25. */
export class CaseProgram extends asm.Program {
  /** Keeps the word in a register, to be sent at the end. */
  send(register: number): this {
    return this.words(asm.store("sw", register, 0, NEXT_WORD), asm.i("addi", NEXT_WORD, NEXT_WORD, 4));
  }

  /** Keeps what a CSR holds. */
  sendCsr(number: number): this {
    return this.words(asm.csr("csrrs", HANDLER1, number, 0)).send(HANDLER1);
  }
}

/** The code of a case, to be executed from RAM's first byte on. */
export function caseProgram({ write }: Case): Uint8Array {
  const program = new CaseProgram();
  program
    .la(HANDLER1, "frame.handler")
    .words(asm.csr("csrrw", 0, asm.MTVEC, HANDLER1))
    .li(NEXT_WORD, LOG);
  program.words(...Array.from({ length: WORTH_TRANSLATING }, () => asm.NOP));
  write(program);
  writeEnd(program);
  writeHandler(program);
  return program.bytes();
}

/**
 * Keeps mcause and goes on behind the instruction that trapped; at ra where it could not be fetched. After an interrupt
 * mie is 0, so that it does not come again.
 */
function writeHandler(program: CaseProgram): void {
  program.align(4).label("frame.handler").sendCsr(asm.MCAUSE);
  program.branch("bge", HANDLER1, 0, "frame.exception").words(asm.csr("csrrwi", 0, asm.MIE, 0), asm.MRET);
  program.label("frame.exception").words(asm.i("addi", HANDLER0, HANDLER1, -1));
  program.branch("bne", HANDLER0, 0, "frame.fetched");
  program.words(asm.csr("csrrw", 0, asm.MEPC, RA), asm.MRET);
  program.label("frame.fetched").words(asm.csr("csrrs", HANDLER1, asm.MEPC, 0));
  program.words(asm.load("lhu", HANDLER0, 0, HANDLER1), asm.i("andi", HANDLER0, HANDLER0, 3));
  program.words(asm.i("addi", HANDLER0, HANDLER0, -3), asm.i("addi", HANDLER1, HANDLER1, 2));
  program.branch("bne", HANDLER0, 0, "frame.short").words(asm.i("addi", HANDLER1, HANDLER1, 2));
  program.label("frame.short").words(asm.csr("csrrw", 0, asm.MEPC, HANDLER1), asm.MRET);
}

/** Sends the words and passes. */
function writeEnd(program: CaseProgram): void {
  const [AT, WORD, SHIFT, DIGIT, DECIMALS] = [11, 12, 13, 14, 15];
  program.li(10, UART).li(AT, LOG).jal(0, "frame.all");
  program.label("frame.word").words(asm.load("lw", WORD, 0, AT), asm.i("addi", SHIFT, 0, 28));
  program.label("frame.digit").words(asm.r("srl", DIGIT, WORD, SHIFT), asm.i("andi", DIGIT, DIGIT, 15));
  program.words(asm.i("addi", DECIMALS, 0, 10)).branch("blt", DIGIT, DECIMALS, "frame.decimal");
  program.words(asm.i("addi", DIGIT, DIGIT, 39)).label("frame.decimal");
  program.words(asm.i("addi", DIGIT, DIGIT, 48), asm.store("sb", DIGIT, 0, 10));
  program.words(asm.i("addi", SHIFT, SHIFT, -4)).branch("bge", SHIFT, 0, "frame.digit");
  program.words(asm.i("addi", DIGIT, 0, 10), asm.store("sb", DIGIT, 0, 10), asm.i("addi", AT, AT, 4));
  program.label("frame.all").branch("bltu", AT, NEXT_WORD, "frame.word");
  program
    .li(10, FINISHER)
    .li(11, PASS)
    .words(asm.store("sw", 11, 0, 10));
  program.label("frame.end").jal(0, "frame.end");
}

/** What a machine sent, as words; undefined where it is none of it. */
export function wordsOf(text: string): readonly number[] | undefined {
  if (!/^(?:[0-9a-f]{8}\n)*$/.test(text)) return undefined;
  return text.split("\n").flatMap((line) => (line === "" ? [] : [Number.parseInt(line, 16)]));
}

/** What is wrong with what a machine sent, as a sentence; undefined where nothing is. */
export function mistakeIn({ expected }: Case, text: string): string | undefined {
  const words = wordsOf(text);
  if (words === undefined) return `it sent ${JSON.stringify(text)}, which are no words`;
  const at = Array.from({ length: Math.max(words.length, expected.length) }).findIndex(
    (_, index) => words[index] !== wordOf(expected[index]),
  );
  return at < 0 ? undefined : `word ${at} is ${hex(words[at])}, and must be ${hex(wordOf(expected[at]))}`;
}

function wordOf(value: number | undefined): number | undefined {
  return value === undefined ? undefined : value >>> 0;
}

function hex(word: number | undefined): string {
  return word === undefined ? "missing" : `0x${word.toString(16).padStart(8, "0")}`;
}
