/** What illegal instructions would need, in words. */
import { describe, expect, it } from "vitest";
import { neededFor } from "../../../controller/cpu/foreign-instruction.ts";
import { describeCause } from "../../../controller/cpu/trap-cause.ts";
import * as asm from "../support/assembler.ts";

/** As an assembler for all of RISC-V has them. */
describe("an instruction that another hart has is known by what it needs", () => {
  it.each([
    ["flw fa0, 0(a0)", 0x0005_2507, "F"],
    ["fsd fa0, 0(a0)", 0x00a5_3027, "D"],
    ["flh fa0, 0(a0)", 0x0005_1507, "Zfh"],
    ["fadd.s fa0, fa0, fa1", 0x00b5_7553, "F"],
    ["fadd.d fa0, fa0, fa1", 0x02b5_7553, "D"],
    ["fmadd.s fa0, fa0, fa1, fa2", 0x60b5_7543, "F"],
    ["fmv.w.x fa0, zero", 0xf000_0553, "F"],
    ["c.flw fa0, 0(a0)", 0x6108, "F"],
    ["c.fsd fa0, 0(a0)", 0xa108, "D"],
    ["c.fldsp fa0, 0(sp)", 0x2502, "D"],
    ["c.fswsp fa0, 0(sp)", 0xe02a, "F"],
    ["csrw fcsr, zero", asm.csr("csrrw", 0, 0x003, 0), "F"],
    ["vsetvli a0, a1, e8", 0x0005_f557, "V"],
    ["vle8.v v0, (a0)", 0x0205_0007, "V"],
    ["csrr a0, vlenb", asm.csr("csrrs", 10, 0xc22, 0), "V"],
    ["ld a0, 0(a0)", 0x0005_3503, "RV64"],
    ["sd a0, 0(a0)", 0x00a5_3023, "RV64"],
    ["addw a0, a0, a1", 0x00b5_053b, "RV64"],
    ["amoadd.d a0, a1, (a2)", 0x00b6_352f, "RV64"],
    ["czero.eqz a0, a0, a1", 0x0eb5_5533, "Zicond"],
    ["sret", 0x1020_0073, "S"],
    ["sfence.vma", 0x1200_0073, "S"],
    ["csrw satp, a0", asm.csr("csrrw", 0, asm.SATP, 10), "S or Svbare"],
    ["csrw stvec, a0", asm.csr("csrrw", 0, 0x105, 10), "S"],
    ["csrw medeleg, a0", asm.csr("csrrw", 0, 0x302, 10), "S"],
    ["c.addi a0, 1", 0x0505, "C"],
    ["c.j", 0xa001, "C"],
    ["mul", asm.r("mul", 1, 2, 3), "M"],
    ["amoadd.w", asm.amo("amoadd.w", 1, 2, 3), "A"],
    ["sh1add", asm.bit("sh1add", 1, 2, 3), "Zba"],
    ["rev8", asm.unary("rev8", 1, 2), "Zbb"],
    ["c.lbu", 0x810c, "Zcb"],
    ["c.mul", 0x9fc9, "M and Zcb"],
    ["c.sext.b", 0x9ce5, "Zbb and Zcb"],
  ])("%s", (_, bits, needed) => {
    expect(neededFor(bits)).toBe(needed);
    expect(neededFor(bits | 0)).toBe(needed);
  });
});

it.each([
  ["all ones", -1],
  ["zeros", 0],
  ["slli by 32", 0x0200_1013],
  ["a CSR of nobody", asm.csr("csrrw", 0, 0x7c0, 0)],
  ["a write to mhartid", asm.csr("csrrw", 0, asm.MHARTID, 1)],
  ["reserved space of Zcb", 0x8c4c],
])("%s would need nothing that is known", (_, bits) => {
  expect(neededFor(bits)).toBeUndefined();
});

it("the cause of an illegal instruction says it; that of no other trap does", () => {
  const flw = 0x0005_2507;
  expect(describeCause(2, flw)).toBe(
    "illegal instruction (an instruction of F, which this hart does not have)",
  );
  expect(describeCause(2, 0)).toBe("illegal instruction");
  expect(describeCause(5, flw)).toBe("load access fault");
  expect(describeCause(0x8000_0002 | 0, flw)).toBe("interrupt 2");
});
