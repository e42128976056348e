/** PMP and Smepmp, rule by rule: The RISC-V Instruction Set Manual, volume II, the chapters of these names. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Access, kindsAt } from "../../../controller/cpu/access-zones.ts";
import { Hart, Mode } from "../../../controller/cpu/hart.ts";
import {
  configOf,
  forbiddenZones,
  Mseccfg,
  writeMseccfg,
  writePmpAddress,
  writePmpConfig,
} from "../../../controller/cpu/pmp.ts";

const [R, W, X, TOR, NA4, NAPOT, L] = [1, 2, 4, 8, 16, 24, 128];
const ALL = R | W | X;

function hart(mseccfg = 0): Int32Array {
  const words = new Int32Array(Hart.WORDS);
  words[Hart.MSECCFG] = mseccfg;
  return words;
}

/** Sets an entry as if nothing forbade it. */
function entry(words: Int32Array, number: number, config: number, pmpaddr: number): void {
  const shift = 8 * (number % 4);
  const word = Hart.PMPCFG + (number >> 2);
  words[word] = ((words[word] as number) & ~(0xff << shift)) | (config << shift);
  words[Hart.PMPADDR + number] = pmpaddr;
}

const allowed = (words: Int32Array, mode: Mode, address: number): number =>
  ALL & ~kindsAt(forbiddenZones(words, mode), address);

describe("Address Matching", () => {
  it.each([
    ["OFF matches nothing", 0, 0x2000_0000, []],
    ["NA4 matches a word", NA4, 0x2000_0001, [0x8000_0004, 0x8000_0008]],
    ["NAPOT of eight bytes", NAPOT, 0x2000_0002, [0x8000_0008, 0x8000_0010]],
    ["NAPOT of 64 bytes", NAPOT, 0x2000_0007, [0x8000_0000, 0x8000_0040]],
    ["NAPOT of half the space", NAPOT, 0x2fff_ffff, [0x8000_0000, 2 ** 32]],
    ["TOR of entry 0 begins at 0", TOR, 0x2000_0000, [0, 0x8000_0000]],
  ])("%s", (_, config, pmpaddr, [first, behind]) => {
    const words = hart();
    entry(words, 0, config | R, pmpaddr);
    const zones = forbiddenZones(words, Mode.USER);
    for (const address of [0, 0x7fff_fffc, 0x8000_0000, 0x8000_0004, 0x8000_0008, 0x8000_003c, 0xffff_fffc]) {
      const isInside = first !== undefined && behind !== undefined && address >= first && address < behind;
      expect(kindsAt(zones, address), address.toString(16)).toBe(isInside ? W | X : ALL);
    }
  });
  it.each([
    ["from the entry before", 0x2000_0000, 0x2000_0010, 0x8000_003c, true],
    ["up to before its own", 0x2000_0000, 0x2000_0010, 0x8000_0040, false],
    ["nothing where that is not above", 0x2000_0010, 0x2000_0010, 0x8000_0040, false],
    ["nothing where that is below", 0x2000_0020, 0x2000_0010, 0x8000_0050, false],
  ])("TOR matches %s", (_, base, top, address, matches) => {
    const words = hart();
    entry(words, 4, 0, base);
    entry(words, 5, TOR | R, top);
    expect(allowed(words, Mode.USER, address)).toBe(matches ? R : 0);
  });
  it("addresses have 34 bits, of which the hart has 32", () => {
    const words = hart();
    entry(words, 0, NA4 | ALL, 0x4000_0000); // 2^32
    expect(allowed(words, Mode.USER, 0)).toBe(0);
  });
});

describe("Priority and Matching Logic", () => {
  it("the lowest entry that matches counts, whatever those behind it say", () => {
    const words = hart();
    entry(words, 2, NA4 | R, 0x2000_0001);
    entry(words, 3, NAPOT | ALL, 0xffff_ffff);
    expect([0x8000_0000, 0x8000_0004, 0x8000_0008].map((at) => allowed(words, Mode.USER, at))).toEqual([
      ALL,
      R,
      ALL,
    ]);
  });
  it("machine mode is bound by an entry only if it is locked", () => {
    const words = hart();
    entry(words, 0, NA4, 0x2000_0000);
    entry(words, 1, NA4 | L, 0x2000_0001);
    expect([allowed(words, Mode.MACHINE, 0x8000_0000), allowed(words, Mode.MACHINE, 0x8000_0004)]).toEqual([
      ALL,
      0,
    ]);
  });
  it("without a match machine mode may do all, user mode nothing", () => {
    expect([allowed(hart(), Mode.MACHINE, 0), allowed(hart(), Mode.USER, 0)]).toEqual([ALL, 0]);
  });
  it("zones say at each address what the entries say", () => {
    const anEntry = fc.tuple(
      fc.constantFrom(0, TOR, NA4, NAPOT),
      fc.integer({ min: 0, max: 7 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 40 }),
    );
    fc.assert(
      fc.property(
        fc.array(anEntry, { minLength: 1, maxLength: 16 }),
        fc.integer({ min: 0, max: 3 }),
        fc.constantFrom(Mode.MACHINE, Mode.USER),
        (entries, mseccfg, mode) => {
          const words = hart(mseccfg);
          entries.forEach(([a, rights, lock, at], number) => {
            entry(words, number, a | rights | (lock ? L : 0), at);
          });
          const zones = forbiddenZones(words, mode);
          for (let address = 0; address < 512; address += 4) {
            expect(ALL & ~kindsAt(zones, address)).toBe(expectedAt(entries, mseccfg, mode, address));
          }
        },
      ),
    );
  });
});

/** The same from the manual's sentences, entry by entry and without ranges. */
function expectedAt(
  entries: readonly (readonly [a: number, rights: number, lock: boolean, pmpaddr: number])[],
  mseccfg: number,
  mode: Mode,
  address: number,
): number {
  const word = address / 4;
  const found = entries.find(([a, , , pmpaddr], number) => {
    if (a === TOR) return word >= (entries[number - 1]?.[3] ?? 0) && word < pmpaddr;
    if (a === NA4) return word === pmpaddr;
    // The bits above the lowest zero bit are compared.
    const ignored = pmpaddr ^ (pmpaddr + 1);
    return a === NAPOT && (word | ignored) === (pmpaddr | ignored);
  });
  const isMachine = mode === Mode.MACHINE;
  const [mml, mmwp] = [(mseccfg & Mseccfg.MML) !== 0, (mseccfg & Mseccfg.MMWP) !== 0];
  if (found === undefined) return !isMachine || mmwp ? 0 : mml ? R | W : ALL;
  const [, rights, lock] = found;
  if (!mml) return isMachine && !lock ? ALL : rights;
  return rightsInTable(lock, rights)[isMachine ? 0 : 1];
}

/** Smepmp's truth table: L, R, W, X, then what machine and user mode may do. */
const TRUTH_TABLE = [
  ["0000", "", ""],
  ["0001", "", "X"],
  ["0010", "RW", "R"],
  ["0011", "RW", "RW"],
  ["0100", "", "R"],
  ["0101", "", "RX"],
  ["0110", "", "RW"],
  ["0111", "", "RWX"],
  ["1000", "", ""],
  ["1001", "X", ""],
  ["1010", "X", "X"],
  ["1011", "RX", "X"],
  ["1100", "R", ""],
  ["1101", "RX", ""],
  ["1110", "RW", ""],
  ["1111", "R", "R"],
] as const;

const bitsOf = (rights: string): number =>
  (rights.includes("R") ? R : 0) | (rights.includes("W") ? W : 0) | (rights.includes("X") ? X : 0);

function rightsInTable(lock: boolean, rights: number): readonly [machine: number, user: number] {
  const key = [lock, (rights & R) !== 0, (rights & W) !== 0, (rights & X) !== 0].map(Number).join("");
  const row = TRUTH_TABLE.find(([lrwx]) => lrwx === key);
  return [bitsOf(row?.[1] ?? ""), bitsOf(row?.[2] ?? "")];
}

describe("Smepmp's truth table, while MML is set", () => {
  it.each(TRUTH_TABLE)("LRWX %s: machine mode %s, user mode %s", (lrwx, machine, user) => {
    const [l, r, w, x] = [...lrwx].map(Number) as [number, number, number, number];
    const words = hart(Mseccfg.MML);
    entry(words, 0, NAPOT | (l * L) | (r * R) | (w * W) | (x * X), 0xffff_ffff);
    expect(allowed(words, Mode.MACHINE, 0x8000_0000)).toBe(bitsOf(machine));
    expect(allowed(words, Mode.USER, 0x8000_0000)).toBe(bitsOf(user));
  });
  it("without a match machine mode may not execute; with MMWP nothing", () => {
    const of = (mseccfg: number): number => allowed(hart(mseccfg), Mode.MACHINE, 0x8000_0000);
    expect([of(Mseccfg.MML), of(Mseccfg.MMWP), of(Mseccfg.MML | Mseccfg.MMWP)]).toEqual([R | W, 0, 0]);
  });
});

describe("what may be written", () => {
  it("reserved bits of a configuration stay 0", () => {
    const words = hart();
    writePmpConfig(words, 0, 0x0000_0060);
    expect(configOf(words, 0)).toBe(0);
  });
  it("W without R is reserved and becomes neither, unless MML is set", () => {
    const words = hart();
    writePmpConfig(words, 0, NA4 | W | X);
    expect(configOf(words, 0)).toBe(NA4 | X);
    const locked = hart(Mseccfg.MML);
    writePmpConfig(locked, 0, NA4 | W | X);
    expect(configOf(locked, 0)).toBe(NA4 | W | X);
  });
  it("a locked entry and its address stay, and the base of a locked TOR (Locking and Privilege Mode)", () => {
    const words = hart();
    writePmpAddress(words, 0, 0x10);
    writePmpAddress(words, 1, 0x20);
    writePmpConfig(words, 0, (TOR | R | L) << 8);
    writePmpAddress(words, 0, 0x11);
    writePmpAddress(words, 1, 0x21);
    writePmpConfig(words, 0, (NA4 | ALL) << 8);
    expect([words[Hart.PMPADDR], words[Hart.PMPADDR + 1], configOf(words, 1)]).toEqual([
      0x10,
      0x20,
      TOR | R | L,
    ]);
  });
  it("a lock holds one entry of the register, not the others", () => {
    const words = hart();
    writePmpConfig(words, 0, NA4 | L);
    writePmpConfig(words, 0, (NA4 | R) << 8);
    expect([configOf(words, 0), configOf(words, 1)]).toEqual([NA4 | L, NA4 | R]);
  });
  it("RLB lets locked entries be written (Smepmp 2.1)", () => {
    const words = hart(Mseccfg.RLB);
    writePmpConfig(words, 0, NA4 | L);
    writePmpConfig(words, 0, NA4 | R);
    writePmpAddress(words, 0, 0x10);
    expect([configOf(words, 0), words[Hart.PMPADDR]]).toEqual([NA4 | R, 0x10]);
  });
  it("RLB cannot be set while an entry is locked, even one that is off", () => {
    const words = hart();
    writePmpConfig(words, 3, L << 24);
    writeMseccfg(words, Mseccfg.RLB);
    expect(words[Hart.MSECCFG]).toBe(0);
  });
  it("MML and MMWP stay, RLB can be cleared", () => {
    const words = hart();
    writeMseccfg(words, 7);
    writeMseccfg(words, 0);
    expect(words[Hart.MSECCFG]).toBe(Mseccfg.MML | Mseccfg.MMWP);
    const others = hart();
    writeMseccfg(others, ~7);
    expect(others[Hart.MSECCFG]).toBe(0);
  });
  it.each([NA4 | L | X, NA4 | L | R | X, NA4 | L | W, NA4 | L | W | X])(
    "with MML no rule is added that machine mode executes from, nor a locked shared one of code: %i",
    (config) => {
      const words = hart(Mseccfg.MML);
      writePmpConfig(words, 0, config);
      expect(configOf(words, 0)).toBe(0);
      const bypass = hart(Mseccfg.MML | Mseccfg.RLB);
      writePmpConfig(bypass, 0, config);
      expect(configOf(bypass, 0)).toBe(config);
    },
  );
  it.each([NA4 | L, NA4 | L | R, NA4 | L | R | W, NA4 | L | ALL, NA4 | W, NA4 | W | X, NA4 | ALL])(
    "with MML other rules are added: %i",
    (config) => {
      const words = hart(Mseccfg.MML);
      writePmpConfig(words, 0, config);
      expect(configOf(words, 0)).toBe(config);
    },
  );
});

it("kinds of access are the bits of R, W and X", () => {
  expect([Access.LOAD, Access.STORE, Access.FETCH]).toEqual([R, W, X]);
});
