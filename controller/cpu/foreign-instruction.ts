/**
 * What an illegal instruction would need that the hart does not have: whoever built a program for another hart is told so,
 * rather than a number.
 *
 * Source: The RISC-V Instruction Set Manual, volume I, "RV32/64G Instruction Set Listings" and "CSR Listing" of volume II.
 */
import { extensionsNeeded } from "./decode.ts";
import { Extension, extensionNames } from "./isa.ts";

const enum Opcode {
  LOAD = 0x03,
  LOAD_FP = 0x07,
  OP_IMM_32 = 0x1b,
  STORE = 0x23,
  STORE_FP = 0x27,
  AMO = 0x2f,
  OP = 0x33,
  OP_32 = 0x3b,
  MADD = 0x43,
  MSUB = 0x47,
  NMSUB = 0x4b,
  NMADD = 0x4f,
  OP_FP = 0x53,
  OP_V = 0x57,
  SYSTEM = 0x73,
}

const RV64 = "RV64";
/** Loads and stores of floating-point registers by funct3; the other widths are vectors'. */
const FP_WIDTHS: readonly string[] = ["V", "Zfh", "F", "D", "Q", "V", "V", "V"];
/** By fmt. */
const FP_FORMATS: readonly string[] = ["F", "D", "Zfh", "Q"];
/** Of quadrants 0 and 2, by funct3. */
const COMPRESSED_FP: Readonly<Record<number, string>> = { 1: "D", 3: "F", 5: "D", 7: "F" };
const CZERO_FUNCT7 = 0x07;
const SRET = 0x1020_0073;
const SFENCE_FUNCT7 = 0x09;
const SATP = 0x180;

/**
 * Names what an illegal instruction needs, such as "F", or "Zcb and M"; undefined where nobody has it that is known here, or
 * where it is illegal for another reason than that. `bits` as mtval holds them.
 */
export function neededFor(bits: number): string | undefined {
  const needed = extensionsNeeded(bits) & ~Extension.BASE;
  if (needed !== 0) return extensionNames(needed).join(" and ");
  return (bits & 3) === 3 ? foreignWord(bits) : foreignParcel(bits & 0xffff);
}

function foreignWord(bits: number): string | undefined {
  const funct3 = (bits >>> 12) & 7;
  const funct7 = bits >>> 25;
  switch ((bits & 0x7f) as Opcode) {
    case Opcode.LOAD_FP:
    case Opcode.STORE_FP:
      return FP_WIDTHS[funct3];
    case Opcode.MADD:
    case Opcode.MSUB:
    case Opcode.NMSUB:
    case Opcode.NMADD:
    case Opcode.OP_FP:
      return FP_FORMATS[funct7 & 3];
    case Opcode.OP_V:
      return "V";
    case Opcode.OP_IMM_32:
    case Opcode.OP_32:
      return RV64;
    case Opcode.LOAD:
      return funct3 === 3 || funct3 === 6 ? RV64 : undefined;
    case Opcode.STORE:
    case Opcode.AMO:
      return funct3 === 3 ? RV64 : undefined;
    case Opcode.OP:
      return funct7 === CZERO_FUNCT7 && (funct3 === 5 || funct3 === 7) ? "Zicond" : undefined;
    case Opcode.SYSTEM:
      return foreignSystem(bits, funct3, funct7);
    default:
      return undefined;
  }
}

function foreignSystem(bits: number, funct3: number, funct7: number): string | undefined {
  if (funct3 === 0) return bits === SRET || funct7 === SFENCE_FUNCT7 ? "S" : undefined;
  const csr = bits >>> 20;
  if (csr >= 0x001 && csr <= 0x003) return "F";
  if ((csr >= 0x008 && csr <= 0x00f) || (csr >= 0xc20 && csr <= 0xc22)) return "V";
  if (csr === SATP) return "S or Svbare";
  return ((csr >>> 8) & 3) === 1 || csr === 0x302 || csr === 0x303 ? "S" : undefined;
}

function foreignParcel(parcel: number): string | undefined {
  return (parcel & 3) === 1 ? undefined : COMPRESSED_FP[parcel >>> 13];
}
