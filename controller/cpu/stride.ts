/**
 * The interpreter's inner loop: decoded entries, one case of one switch each.
 *
 * The loop keeps the entry's index and the count of retired instructions in locals; everything else lives in the flat
 * hart state. A case either does the whole instruction or leaves it, untouched, to the interpreter.
 *
 * Written for V8 in four ways. Micro is a const enum in this file, because only then do tsc and bundlers alike turn
 * the cases into the small integer literals from which V8 builds a jump table. Nothing is called, as V8 would look
 * anew at what it knows after a call. The arrays are constants of a closure: where a thread has one machine, V8
 * compiles their addresses and lengths into the code, half of which would be looking them up for each instruction. And
 * no other local lives through the loop: V8 would move it between register and stack for each instruction.
 */
import { LINE_SHIFT } from "../../emulator/memory/layout.ts";
import { RAM_BASE, WINDOW_BASE } from "../../emulator/memory/map.ts";
import type { AddressSpace } from "./address-space.ts";
import type { CodeSegment } from "./code-segment.ts";
import { Hart } from "./hart.ts";
import { multiplyHigh, multiplyHighSignedUnsigned, multiplyHighUnsigned } from "./multiply.ts";

/** Operations of decoded entries. Those named as an Op of decode.ts are it. */
export const enum Micro {
  UNDECODED = 0,
  /** Execution ran off the end of the segment. */
  SEGMENT_END,
  /** A 4-byte instruction of which only the first half lies in the segment. */
  RAGGED,
  ILLEGAL,
  NOP,
  /** rd = operand. */
  LI,
  JAL,
  /** jal without link. */
  J,
  JALR,
  /** jal or a branch whose target lies outside its segment. */
  JUMP_OUT,
  BEQ,
  BNE,
  BLT,
  BGE,
  BLTU,
  BGEU,
  LB,
  LH,
  LW,
  LBU,
  LHU,
  SB,
  SH,
  SW,
  ADDI,
  SLTI,
  SLTIU,
  XORI,
  ORI,
  ANDI,
  SLLI,
  SRLI,
  SRAI,
  ADD,
  SUB,
  SLL,
  SLT,
  SLTU,
  XOR,
  SRL,
  SRA,
  OR,
  AND,
  MUL,
  MULH,
  MULHSU,
  MULHU,
  DIV,
  DIVU,
  REM,
  REMU,
  LR_W,
  SC_W,
  /** The operand holds the Op above bit 12. */
  AMO,
  /** The operand holds the CSR number and, above bit 12, the Op. */
  CSR,
  FENCE_I,
  ECALL,
  EBREAK,
  MRET,
  WFI,
  /** Another engine has code for this pc (DecodedCode.markEntry); the instruction itself is not decoded here. */
  ENTRY,
}

/** What the loop needs only now and then of the segment that executes, and of the window: words in memory. */
const enum Frame {
  /** Address of the segment's first byte. */
  BASE = 0,
  BYTES,
  /** To be added to an entry's index for the instruction's address. */
  TO_PC,
  /** Host offset of the region in the window; where there is none, WINDOW_LAST is -1. */
  WINDOW_OFFSET,
  /** Offset of the last word in the window. */
  WINDOW_LAST,
  WORDS,
}

/** Instead of an entry's index: the run ends here, with PC and RUN_RETIRED stored. */
export const NO_ENTRY = -1;
/** RAM begins at -2^31 as a signed number, so one signed comparison tells whether an address is in it. */
const RAM_SIGN = RAM_BASE | 0;

/**
 * Executes from the entry `start` of `segment`, with RUN_RETIRED retired before it, up to an instruction that is left
 * to the interpreter: returns that one's entry, or {@link NO_ENTRY} at LIMIT. RUN_RETIRED is stored, and PC at LIMIT.
 */
export type Stride = (segment: CodeSegment, start: number) => number;

/** @param code decoded-code.ts */
export function createStride(
  hart: Int32Array,
  code: { readonly entries: Int32Array },
  space: AddressSpace,
): Stride {
  const { entries } = code;
  const { bytes, halves, words, ramFlags, ramBytes, ramOffset } = space;
  const ramEnd = (RAM_SIGN + ramBytes) | 0;
  const ramToHost = (ramOffset - RAM_SIGN) | 0;
  const frame = new Int32Array(Frame.WORDS);
  return (segment, start) => {
    const windowOffset = space.windowOffset;
    frame[Frame.BASE] = segment.base;
    frame[Frame.BYTES] = segment.bytes;
    frame[Frame.TO_PC] = segment.base - segment.entryBase;
    frame[Frame.WINDOW_OFFSET] = windowOffset;
    frame[Frame.WINDOW_LAST] = windowOffset < 0 ? -1 : space.layout.config.regionBytes - 4;
    let index = start | 0;
    let retired = (hart[Hart.RUN_RETIRED] as number) | 0;
    for (;;) {
      if (retired >= (hart[Hart.LIMIT] as number)) {
        hart[Hart.PC] = (index + (frame[Frame.TO_PC] as number)) | 0;
        hart[Hart.RUN_RETIRED] = retired;
        return NO_ENTRY;
      }
      const entry = entries[index] as number;
      // biome-ignore lint/suspicious/noConfusingLabels: the one way out of a case that cannot do the instruction
      fast: {
        switch (entry & 0xff) {
          // Named so that the jump table begins at 0.
          case Micro.UNDECODED:
          case Micro.SEGMENT_END:
          case Micro.RAGGED:
          case Micro.ILLEGAL:
            break fast;
          case Micro.LI:
            hart[(entry >> 8) & 63] = entries[(index + 1) | 0] as number;
            break;
          case Micro.NOP:
            break;
          case Micro.ADD:
            hart[(entry >> 8) & 63] =
              ((hart[(entry >> 14) & 31] as number) + (hart[(entry >> 19) & 31] as number)) | 0;
            break;
          case Micro.SUB:
            hart[(entry >> 8) & 63] =
              ((hart[(entry >> 14) & 31] as number) - (hart[(entry >> 19) & 31] as number)) | 0;
            break;
          case Micro.ADDI:
            hart[(entry >> 8) & 63] =
              ((hart[(entry >> 14) & 31] as number) + (entries[(index + 1) | 0] as number)) | 0;
            break;
          case Micro.XORI:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) ^ (entries[(index + 1) | 0] as number);
            break;
          case Micro.XOR:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) ^ (hart[(entry >> 19) & 31] as number);
            break;
          case Micro.ORI:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) | (entries[(index + 1) | 0] as number);
            break;
          case Micro.OR:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) | (hart[(entry >> 19) & 31] as number);
            break;
          case Micro.ANDI:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) & (entries[(index + 1) | 0] as number);
            break;
          case Micro.AND:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) & (hart[(entry >> 19) & 31] as number);
            break;
          case Micro.SLLI:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) << (entries[(index + 1) | 0] as number);
            break;
          case Micro.SLL:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) << (hart[(entry >> 19) & 31] as number);
            break;
          case Micro.SRLI:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) >>> (entries[(index + 1) | 0] as number);
            break;
          case Micro.SRL:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) >>> (hart[(entry >> 19) & 31] as number);
            break;
          case Micro.SRAI:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) >> (entries[(index + 1) | 0] as number);
            break;
          case Micro.SRA:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) >> (hart[(entry >> 19) & 31] as number);
            break;
          case Micro.SLTI:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) < (entries[(index + 1) | 0] as number) ? 1 : 0;
            break;
          case Micro.SLT:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) < (hart[(entry >> 19) & 31] as number) ? 1 : 0;
            break;
          case Micro.SLTIU:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) >>> 0 < (entries[(index + 1) | 0] as number) >>> 0 ? 1 : 0;
            break;
          case Micro.SLTU:
            hart[(entry >> 8) & 63] =
              (hart[(entry >> 14) & 31] as number) >>> 0 < (hart[(entry >> 19) & 31] as number) >>> 0 ? 1 : 0;
            break;
          case Micro.BEQ:
            if ((hart[(entry >> 14) & 31] as number) === (hart[(entry >> 19) & 31] as number)) {
              index = entries[(index + 1) | 0] as number;
              retired = (retired + 1) | 0;
              continue;
            }
            break;
          case Micro.BNE:
            if ((hart[(entry >> 14) & 31] as number) !== (hart[(entry >> 19) & 31] as number)) {
              index = entries[(index + 1) | 0] as number;
              retired = (retired + 1) | 0;
              continue;
            }
            break;
          case Micro.BLT:
            if ((hart[(entry >> 14) & 31] as number) < (hart[(entry >> 19) & 31] as number)) {
              index = entries[(index + 1) | 0] as number;
              retired = (retired + 1) | 0;
              continue;
            }
            break;
          case Micro.BGE:
            if ((hart[(entry >> 14) & 31] as number) >= (hart[(entry >> 19) & 31] as number)) {
              index = entries[(index + 1) | 0] as number;
              retired = (retired + 1) | 0;
              continue;
            }
            break;
          case Micro.BLTU:
            if ((hart[(entry >> 14) & 31] as number) >>> 0 < (hart[(entry >> 19) & 31] as number) >>> 0) {
              index = entries[(index + 1) | 0] as number;
              retired = (retired + 1) | 0;
              continue;
            }
            break;
          case Micro.BGEU:
            if ((hart[(entry >> 14) & 31] as number) >>> 0 >= (hart[(entry >> 19) & 31] as number) >>> 0) {
              index = entries[(index + 1) | 0] as number;
              retired = (retired + 1) | 0;
              continue;
            }
            break;
          case Micro.J:
            index = entries[(index + 1) | 0] as number;
            retired = (retired + 1) | 0;
            continue;
          case Micro.JAL:
            hart[(entry >> 8) & 63] = (index + (frame[Frame.TO_PC] as number) + (entry >> 24)) | 0;
            index = entries[(index + 1) | 0] as number;
            retired = (retired + 1) | 0;
            continue;
          case Micro.JALR: {
            const target = ((hart[(entry >> 14) & 31] as number) + (entries[(index + 1) | 0] as number)) & ~1;
            const offset = (target - (frame[Frame.BASE] as number)) | 0;
            if (offset < 0 || offset >= (frame[Frame.BYTES] as number)) break fast;
            hart[(entry >> 8) & 63] = (index + (frame[Frame.TO_PC] as number) + (entry >> 24)) | 0;
            index = (target - (frame[Frame.TO_PC] as number)) | 0;
            retired = (retired + 1) | 0;
            continue;
          }
          case Micro.LW: {
            const address = ((hart[(entry >> 14) & 31] as number) + (entries[(index + 1) | 0] as number)) | 0;
            let host = (address + ramToHost) | 0;
            if (address >= ramEnd || (address & 3) !== 0) {
              const offset = (address - WINDOW_BASE) | 0;
              if (offset < 0 || offset > (frame[Frame.WINDOW_LAST] as number) || (address & 3) !== 0)
                break fast;
              host = (offset + (frame[Frame.WINDOW_OFFSET] as number)) | 0;
            }
            hart[(entry >> 8) & 63] = words[host >> 2] as number;
            break;
          }
          case Micro.LBU: {
            const address = ((hart[(entry >> 14) & 31] as number) + (entries[(index + 1) | 0] as number)) | 0;
            let host = (address + ramToHost) | 0;
            if (address >= ramEnd) {
              const offset = (address - WINDOW_BASE) | 0;
              if (offset < 0 || offset > (frame[Frame.WINDOW_LAST] as number)) break fast;
              host = (offset + (frame[Frame.WINDOW_OFFSET] as number)) | 0;
            }
            hart[(entry >> 8) & 63] = bytes[host] as number;
            break;
          }
          case Micro.LB: {
            const address = ((hart[(entry >> 14) & 31] as number) + (entries[(index + 1) | 0] as number)) | 0;
            let host = (address + ramToHost) | 0;
            if (address >= ramEnd) {
              const offset = (address - WINDOW_BASE) | 0;
              if (offset < 0 || offset > (frame[Frame.WINDOW_LAST] as number)) break fast;
              host = (offset + (frame[Frame.WINDOW_OFFSET] as number)) | 0;
            }
            hart[(entry >> 8) & 63] = ((bytes[host] as number) << 24) >> 24;
            break;
          }
          case Micro.LHU: {
            const address = ((hart[(entry >> 14) & 31] as number) + (entries[(index + 1) | 0] as number)) | 0;
            let host = (address + ramToHost) | 0;
            if (address >= ramEnd || (address & 1) !== 0) {
              const offset = (address - WINDOW_BASE) | 0;
              if (offset < 0 || offset > (frame[Frame.WINDOW_LAST] as number) || (address & 1) !== 0)
                break fast;
              host = (offset + (frame[Frame.WINDOW_OFFSET] as number)) | 0;
            }
            hart[(entry >> 8) & 63] = halves[host >> 1] as number;
            break;
          }
          case Micro.LH: {
            const address = ((hart[(entry >> 14) & 31] as number) + (entries[(index + 1) | 0] as number)) | 0;
            let host = (address + ramToHost) | 0;
            if (address >= ramEnd || (address & 1) !== 0) {
              const offset = (address - WINDOW_BASE) | 0;
              if (offset < 0 || offset > (frame[Frame.WINDOW_LAST] as number) || (address & 1) !== 0)
                break fast;
              host = (offset + (frame[Frame.WINDOW_OFFSET] as number)) | 0;
            }
            hart[(entry >> 8) & 63] = ((halves[host >> 1] as number) << 16) >> 16;
            break;
          }
          case Micro.SW: {
            const address = ((hart[(entry >> 14) & 31] as number) + (entries[(index + 1) | 0] as number)) | 0;
            if (address >= ramEnd || (address & 3) !== 0) break fast;
            if (ramFlags[(address ^ RAM_SIGN) >> LINE_SHIFT] !== 0) break fast;
            const host = (address + ramToHost) | 0;
            words[host >> 2] = hart[(entry >> 19) & 31] as number;
            break;
          }
          case Micro.SB: {
            const address = ((hart[(entry >> 14) & 31] as number) + (entries[(index + 1) | 0] as number)) | 0;
            if (address >= ramEnd) break fast;
            if (ramFlags[(address ^ RAM_SIGN) >> LINE_SHIFT] !== 0) break fast;
            const host = (address + ramToHost) | 0;
            bytes[host] = hart[(entry >> 19) & 31] as number;
            break;
          }
          case Micro.SH: {
            const address = ((hart[(entry >> 14) & 31] as number) + (entries[(index + 1) | 0] as number)) | 0;
            if (address >= ramEnd || (address & 1) !== 0) break fast;
            if (ramFlags[(address ^ RAM_SIGN) >> LINE_SHIFT] !== 0) break fast;
            const host = (address + ramToHost) | 0;
            halves[host >> 1] = hart[(entry >> 19) & 31] as number;
            break;
          }
          case Micro.MUL:
            hart[(entry >> 8) & 63] = Math.imul(
              hart[(entry >> 14) & 31] as number,
              hart[(entry >> 19) & 31] as number,
            );
            break;
          case Micro.MULH:
            hart[(entry >> 8) & 63] = multiplyHigh(
              hart[(entry >> 14) & 31] as number,
              hart[(entry >> 19) & 31] as number,
            );
            break;
          case Micro.MULHSU:
            hart[(entry >> 8) & 63] = multiplyHighSignedUnsigned(
              hart[(entry >> 14) & 31] as number,
              hart[(entry >> 19) & 31] as number,
            );
            break;
          case Micro.MULHU:
            hart[(entry >> 8) & 63] = multiplyHighUnsigned(
              hart[(entry >> 14) & 31] as number,
              hart[(entry >> 19) & 31] as number,
            );
            break;
          case Micro.DIV: {
            const dividend = hart[(entry >> 14) & 31] as number;
            const divisor = hart[(entry >> 19) & 31] as number;
            hart[(entry >> 8) & 63] = divisor === 0 ? -1 : (dividend / divisor) | 0;
            break;
          }
          case Micro.DIVU: {
            const dividend = (hart[(entry >> 14) & 31] as number) >>> 0;
            const divisor = (hart[(entry >> 19) & 31] as number) >>> 0;
            hart[(entry >> 8) & 63] = divisor === 0 ? -1 : (dividend / divisor) | 0;
            break;
          }
          case Micro.REM: {
            const dividend = hart[(entry >> 14) & 31] as number;
            const divisor = hart[(entry >> 19) & 31] as number;
            hart[(entry >> 8) & 63] = divisor === 0 ? dividend : (dividend % divisor) | 0;
            break;
          }
          case Micro.REMU: {
            const dividend = (hart[(entry >> 14) & 31] as number) >>> 0;
            const divisor = (hart[(entry >> 19) & 31] as number) >>> 0;
            hart[(entry >> 8) & 63] = divisor === 0 ? dividend : (dividend % divisor) | 0;
            break;
          }
          default:
            break fast;
        }
        index = (index + (entry >> 24)) | 0;
        retired = (retired + 1) | 0;
        continue;
      }
      hart[Hart.RUN_RETIRED] = retired;
      return index;
    }
  };
}
