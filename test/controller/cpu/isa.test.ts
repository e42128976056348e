/** The names of instruction sets, and what misa tells of them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ALL_EXTENSIONS,
  alignmentBits,
  CONTROLLER_EXTENSIONS,
  Extension,
  extensionNames,
  formatIsa,
  ISA_PATTERN,
  misaOf,
  parseIsa,
} from "../../../controller/cpu/isa.ts";

const IC = Extension.BASE | Extension.C;

describe("an instruction set is read from its name", () => {
  it.each([
    ["rv32imac", CONTROLLER_EXTENSIONS],
    ["rv32i", Extension.BASE],
    ["rv32ima", CONTROLLER_EXTENSIONS & ~Extension.C],
    ["rv32i_zcb", IC | Extension.ZCB],
    ["rv32ic", IC],
    ["rv32i_c", IC],
    ["rv32icm", IC | Extension.M],
    ["rv32imac_zicsr_zifencei_zicntr", CONTROLLER_EXTENSIONS],
    ["rv32imazca", CONTROLLER_EXTENSIONS],
    ["rv32ic_zbb", IC | Extension.ZBB],
    ["rv32imac_zba_zbb_zbc_zbs_zcb", CONTROLLER_EXTENSIONS | 0x1f0],
    ["rv32imacb", CONTROLLER_EXTENSIONS | Extension.ZBA | Extension.ZBB | Extension.ZBS],
  ])("%s", (text, extensions) => {
    expect(parseIsa(text)).toBe(extensions);
  });
  it("as it is written, whatever it is", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: ALL_EXTENSIONS }), (bits) => {
        const needed = (bits & Extension.ZCB) !== 0 ? IC : Extension.BASE;
        const extensions = (bits & ALL_EXTENSIONS) | needed;
        expect(parseIsa(formatIsa(extensions))).toBe(extensions);
      }),
    );
    expect(formatIsa(CONTROLLER_EXTENSIONS)).toBe("rv32imac");
    expect(formatIsa(ALL_EXTENSIONS)).toMatch(/^rv32imac\w*_zba_zbb_zbc_zbs_zcb/);
  });
});

describe("what the hart cannot be is refused in words", () => {
  it.each([
    ["rv32imafc", /^the hart has no "f": it may have i, m, a, c, zba, /],
    ["rv32gc", /^the hart has no "g"/],
    ["rv32imac_v", /^the hart has no "v"/],
    ["rv32imacs", /^the hart has no "s"/],
    ["rv32imac_zbkb", /^the hart has no "zbkb"/],
    ["rv32e", /^the hart has no "e"/],
    ["rv64imac", /^the hart has 32 bits, not 64$/],
    ["rv32mac", /^the hart has always "i", which it leaves out$/],
    ["RV32IMAC", /^it must be like/],
    ["rv32mac_zicsr", /^the hart has always "i"/],
    ["arm", /^it must be like rv32imac_zba_zbb$/],
    ["", /^it must be like/],
    ["rv32imac zba", /^the hart has no " zba"/],
  ])("%j", (text, message) => {
    expect(parseIsa(text)).toEqual({ message: expect.stringMatching(message) });
  });
});

it("misa tells extensions of one letter, and B where all of it is there", () => {
  const letters = (extensions: number): string =>
    Array.from({ length: 26 }, (_, bit) =>
      (misaOf(extensions) >>> bit) & 1 ? "abcdefghijklmnopqrstuvwxyz"[bit] : "",
    ).join("");
  expect(misaOf(CONTROLLER_EXTENSIONS) >>> 0).toBe(0x4000_1105);
  expect(letters(IC)).toBe("ci");
  expect(letters(IC | Extension.ZBA | Extension.ZBB)).toBe("ci");
  expect(letters(IC | Extension.ZBA | Extension.ZBB | Extension.ZBS)).toBe("bci");
});

it("without C the addresses of instructions are multiples of 4", () => {
  expect(alignmentBits(IC)).toBe(0);
  expect(alignmentBits(ALL_EXTENSIONS & ~Extension.C & ~Extension.ZCB)).toBe(2);
});

it("extensions are named as in a sentence", () => {
  expect(extensionNames(Extension.ZBB | Extension.M)).toEqual(["M", "Zbb"]);
});

it("the pattern matches what is read, and nothing else", () => {
  const pattern = new RegExp(ISA_PATTERN, "u");
  const piece = fc.constantFrom(
    ..."rv32 rv64 i m a c e f g b _ __ s x z zb zba zbb zbc zbs zcb zca zicsr zifencei zicntr I".split(" "),
  );
  fc.assert(
    fc.property(fc.boolean(), fc.array(piece, { maxLength: 8 }), (isLikely, pieces) => {
      const text = `${isLikely ? "rv32i" : ""}${pieces.join("")}`;
      expect(pattern.test(text), text).toBe(typeof parseIsa(text) === "number");
    }),
    { numRuns: 2000 },
  );
  expect(pattern.test(formatIsa(ALL_EXTENSIONS))).toBe(true);
});
