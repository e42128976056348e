/**
 * The assembler (assembler.ts) as programs made by chance want it: operations by their number. One
 * encoder for both.
 */
import { bType, iType, jalr, rType, sType } from "./assembler.ts";

export {
  EBREAK as ebreak,
  ECALL as ecall,
  FENCE as fence,
  FENCE_I as fenceI,
  jal,
  jalr,
  MRET as mret,
} from "./assembler.ts";

/** The upper 20 bits as a number of their own. */
export const lui = (rd: number, upper: number): number => (upper << 12) | (rd << 7) | 0x37;
export const auipc = (rd: number, upper: number): number => (upper << 12) | (rd << 7) | 0x17;
export const addi = (rd: number, rs1: number, imm: number): number => iType(0x13, 0, rd, rs1, imm);
/** addi, slli, slti, sltiu, xori, srli, ori, andi by funct3. */
export const immediate = (f3: number, rd: number, rs1: number, imm: number): number =>
  iType(0x13, f3, rd, rs1, imm);
/** The register operations by funct3 and funct7 (1: the M extension). */
export const register = (f3: number, f7: number, rd: number, rs1: number, rs2: number): number =>
  rType(0x33, f3, f7, rd, rs1, rs2);
export const add = (rd: number, rs1: number, rs2: number): number => register(0, 0, rd, rs1, rs2);
/** lb, lh, lw, lbu, lhu by funct3 0, 1, 2, 4, 5. */
export const load = (f3: number, rd: number, rs1: number, imm: number): number =>
  iType(0x03, f3, rd, rs1, imm);
export const lw = (rd: number, rs1: number, imm: number): number => load(2, rd, rs1, imm);
/** sb, sh, sw by funct3 0, 1, 2. */
export const store = sType;
export const sw = (rs2: number, rs1: number, imm: number): number => sType(2, rs1, rs2, imm);
/** beq, bne, blt, bge, bltu, bgeu by funct3 0, 1, 4, 5, 6, 7. */
export const branch = bType;
export const beq = (rs1: number, rs2: number, offset: number): number => bType(0, rs1, rs2, offset);
export const bne = (rs1: number, rs2: number, offset: number): number => bType(1, rs1, rs2, offset);
export const ret = jalr(0, 1, 0);
/** csrrw, csrrs, csrrc, csrrwi, csrrsi, csrrci by funct3 1, 2, 3, 5, 6, 7. */
export const csr = (f3: number, rd: number, number: number, rs1: number): number =>
  iType(0x73, f3, rd, rs1, number);
/** lr.w 2, sc.w 3, amoswap 1, amoadd 0, amoxor 4, amoand 12, amoor 8, amomin 16 … by funct5. */
export const atomic = (f5: number, rd: number, rs1: number, rs2: number): number =>
  rType(0x2f, 2, f5 << 2, rd, rs1, rs2);
