/**
 * The WebAssembly text of a few guest functions. A change of what is generated shows here, and is looked at
 * before it is taken over (`vitest -u`).
 */

import { describe, expect, it } from "vitest";
import wabt from "wabt";
import { STORE_FLAGS } from "../../../controller/cpu/access-guard.ts";
import { ALL_EXTENSIONS } from "../../../controller/cpu/isa.ts";
import type { CodeReader } from "../../../controller/translator/graph.ts";
import { type Target, translateUnit } from "../../../controller/translator/unit.ts";
import * as a from "../../../scripts/hostile/assemble.ts";
import { bit, unary } from "../../../scripts/hostile/assembler.ts";

const BASE = 0x8000_0000;
const WFI = 0x1050_0073;
const [RA, SP, A0, A1, A2] = [1, 2, 10, 11, 12];

const TARGET: Target = {
  memory: {
    ram: { base: BASE, bytes: 0x10000, offset: 0x40000 },
    ramFlags: 0x3000,
    loadFlags: 0,
    storeFlags: STORE_FLAGS,
    readable: [{ base: 0x2000_0000, bytes: 0x10000, offset: 0x20000 }],
    writable: [],
  },
  hart: 0x1000,
  memoryPages: 5,
  tableSlots: 4096,
};

function codeOf(words: readonly number[]): CodeReader {
  const parcels = new Uint16Array(Int32Array.from(words).buffer);
  return { parcel: (pc) => parcels[(pc - BASE) / 2] ?? -1, extensions: ALL_EXTENSIONS };
}

async function textOf(words: readonly number[]): Promise<string> {
  const unit = translateUnit(codeOf(words), BASE, TARGET);
  if (unit === undefined) throw new Error("nothing was translated");
  const module = (await wabt()).readWasm(unit.bytes, { readDebugNames: false, threads: true });
  expect(WebAssembly.validate(unit.bytes)).toBe(true);
  return module.toText({ foldExprs: false, inlineExport: true });
}

const CASES: readonly (readonly [name: string, words: readonly number[]])[] = [
  ["arithmetic", [a.add(A0, A0, A1), a.register(4, 1, A0, A0, A2), a.ret]],
  ["bit manipulation", [bit("clmulh", A0, A0, A1), bit("bclr", A0, A0, A2), unary("orc.b", A0, A0), a.ret]],
  ["one check for two accesses", [a.lw(A0, SP, 8), a.sw(A0, SP, 12), a.ret]],
  ["a load from RAM or the window", [a.load(4, A0, A0, -1), a.ret]],
  ["a loop that looks at LIMIT", [a.addi(A0, A0, -1), a.bne(A0, 0, -4), a.ret]],
  [
    "a call that spills and checks where it returns",
    [a.addi(SP, SP, -16), a.sw(RA, SP, 12), a.jal(RA, -8), a.lw(RA, SP, 12), a.addi(SP, SP, 16), a.ret],
  ],
  ["an inlined callee", [a.jal(RA, 12), a.addi(A0, A0, 1), a.jalr(0, A1, 0), a.addi(A1, A1, 2), a.ret]],
  [
    "two ways into a loop: one edge is cut",
    [a.beq(A0, 0, 8), a.addi(A1, A1, 1), a.addi(A2, A2, 1), a.bne(A2, 0, -8), a.ret],
  ],
];

describe("generated text", () => {
  for (const [name, words] of CASES) {
    it(name, async () => {
      await expect(await textOf(words)).toMatchFileSnapshot(`golden/${name.replaceAll(/[ :]+/g, "-")}.wat`);
    });
  }
});

describe("a translation unit", () => {
  it("is not made where the first instruction is the interpreter's: it would be empty, and be made for ever", () => {
    expect(translateUnit(codeOf([WFI, a.ret]), BASE, TARGET)).toBeUndefined();
  });
});
