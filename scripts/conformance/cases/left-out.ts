/** An instruction of an extension that the hart does not have is illegal, and misa does not tell it. */
import * as asm from "../../hostile/assembler.ts";
import type { Case, CaseGroup } from "../case.ts";

const ILLEGAL_INSTRUCTION = 2;
const [A0, A1] = [10, 11] as const;

/** One instruction of each extension, the hart without it, and QEMU likewise. */
const LEFT_OUT: readonly (readonly [name: string, bits: number, isa: string, qemuCpu: string])[] = [
  ["M", asm.r("mul", A0, A0, A1), "rv32iac", "m=false"],
  ["A", asm.amo("amoadd.w", A0, A1, A0), "rv32imc", "a=false"],
  ["Zba", asm.bit("sh1add", A0, A0, A1), "rv32imac_zbb_zbc_zbs", "zba=false"],
  ["Zbb", asm.unary("clz", A0, A1), "rv32imac_zba_zbc_zbs", "zbb=false"],
  ["Zbc", asm.bit("clmul", A0, A0, A1), "rv32imac_zba_zbb_zbs", "zbc=false"],
  ["Zbs", asm.bitImmediate("bseti", A0, A1, 5), "rv32imac_zba_zbb_zbc", "zbs=false"],
];

export const WITHOUT_EXTENSION: readonly CaseGroup[] = LEFT_OUT.map(([name, bits, isa, qemuCpu]) => ({
  name: `without ${name}`,
  isa,
  qemuCpu,
  cases: [
    {
      name: "its instructions are illegal",
      write: (p) => {
        p.li(A0, 7).li(A1, 9).words(bits).sendCsr(asm.MTVAL).send(A0);
      },
      expected: [ILLEGAL_INSTRUCTION, bits, 7],
    },
  ],
}));

/** What programs do with satp that are to run with and without supervisor mode. */
const writesSatp: Case["write"] = (p) => {
  p.li(A0, 7)
    .words(asm.csr("csrrw", 0, asm.SATP, 0), asm.csr("csrrs", A0, asm.SATP, 0))
    .send(A0);
};

export const SVBARE: readonly CaseGroup[] = [
  {
    name: "Svbare",
    qemuCpu: "s=true,mmu=true",
    cases: [
      { name: "satp takes 0 and holds it", write: writesSatp, expected: [0] },
      {
        name: "satp takes nothing else",
        write: (p) => {
          p.li(A0, -0x8000_0000)
            .words(asm.csr("csrrw", A1, asm.SATP, A0))
            .send(A1)
            .sendCsr(asm.SATP);
        },
        expected: [0, 0],
        unlikeQemu: "its supervisor mode has Sv32",
      },
    ],
  },
  {
    name: "without Svbare",
    isa: "rv32imac",
    cases: [
      {
        name: "satp is not there",
        write: writesSatp,
        expected: [ILLEGAL_INSTRUCTION, ILLEGAL_INSTRUCTION, 7],
      },
    ],
  },
];

/** c.not. */
const OF_ZCB = 0x9cf5;

export const WITHOUT_ZCB: CaseGroup = {
  name: "without Zcb",
  isa: "rv32imac_zba_zbb_zbc_zbs",
  cases: [
    {
      name: "its instructions are illegal",
      write: (p) => {
        p.parcels(OF_ZCB).sendCsr(asm.MTVAL);
      },
      expected: [ILLEGAL_INSTRUCTION, OF_ZCB],
    },
    {
      name: "misa tells I, M, A, C, and B where all of it is there",
      write: (p) => {
        p.words(asm.csr("csrrs", A0, asm.MISA, 0), asm.i("andi", A0, A0, 0x7ff)).send(A0);
        p.words(asm.csr("csrrs", A0, asm.MISA, 0), asm.shift("srli", A0, A0, 30)).send(A0);
      },
      expected: [0x107, 1],
      unlikeQemu: "QEMU 7.2 does not tell B",
    },
  ],
};
