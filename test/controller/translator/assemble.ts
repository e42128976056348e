/** Encodes the instructions that translator tests are made of. Source: volume I, instruction formats. */

const rType = (op: number, f3: number, f7: number, rd: number, rs1: number, rs2: number): number =>
  (f7 << 25) | (rs2 << 20) | (rs1 << 15) | (f3 << 12) | (rd << 7) | op;
const iType = (op: number, f3: number, rd: number, rs1: number, imm: number): number =>
  (imm << 20) | (rs1 << 15) | (f3 << 12) | (rd << 7) | op;
const sType = (f3: number, rs1: number, rs2: number, imm: number): number =>
  ((imm >> 5) << 25) | (rs2 << 20) | (rs1 << 15) | (f3 << 12) | ((imm & 31) << 7) | 0x23;

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
export const branch = (f3: number, rs1: number, rs2: number, offset: number): number =>
  (((offset >> 12) & 1) << 31) |
  (((offset >> 5) & 0x3f) << 25) |
  (rs2 << 20) |
  (rs1 << 15) |
  (f3 << 12) |
  (((offset >> 1) & 0xf) << 8) |
  (((offset >> 11) & 1) << 7) |
  0x63;
export const beq = (rs1: number, rs2: number, offset: number): number => branch(0, rs1, rs2, offset);
export const bne = (rs1: number, rs2: number, offset: number): number => branch(1, rs1, rs2, offset);
export const jal = (rd: number, offset: number): number =>
  (((offset >> 20) & 1) << 31) |
  (((offset >> 1) & 0x3ff) << 21) |
  (((offset >> 11) & 1) << 20) |
  (offset & 0xff000) |
  (rd << 7) |
  0x6f;
export const jalr = (rd: number, rs1: number, imm: number): number => iType(0x67, 0, rd, rs1, imm);
export const ret = jalr(0, 1, 0);
export const fence = 0x0ff0000f;
export const fenceI = 0x0000100f;
export const ecall = 0x00000073;
export const ebreak = 0x00100073;
export const mret = 0x30200073;
/** csrrw, csrrs, csrrc, csrrwi, csrrsi, csrrci by funct3 1, 2, 3, 5, 6, 7. */
export const csr = (f3: number, rd: number, number: number, rs1: number): number =>
  iType(0x73, f3, rd, rs1, number);
/** lr.w 2, sc.w 3, amoswap 1, amoadd 0, amoxor 4, amoand 12, amoor 8, amomin 16 … by funct5. */
export const atomic = (f5: number, rd: number, rs1: number, rs2: number): number =>
  rType(0x2f, 2, f5 << 2, rd, rs1, rs2);
