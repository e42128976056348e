import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backtrace, ProgramCode } from "../../../controller/bare/backtrace.ts";
import { type ElfErrorName, parseElf } from "../../../controller/bare/elf.ts";
import type { ElfSymbols } from "../../../controller/bare/elf-symbols.ts";
import { SymbolTable } from "../../../controller/bare/symbol-table.ts";
import { Symbolizer } from "../../../controller/bare/symbolizer.ts";
import { RAM_BASE } from "../../../emulator/memory/map.ts";
import { writeElf } from "../support/elf-writer.ts";

const code = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
const good = writeElf({
  code,
  memoryBytes: 64,
  entry: RAM_BASE + 4,
  symbols: { tohost: 0x8000_1000, end: 8 },
});

function parsed(bytes: Uint8Array) {
  const elf = parseElf(bytes);
  if ("error" in elf) throw new Error(elf.message);
  return elf;
}

function named(symbols: ElfSymbols): [string, number][] {
  return [...symbols].map((symbol) => [symbols.nameOf(symbol), symbol.value]);
}

/** The good file with a 16- or 32-bit field changed. */
function patched(at: number, value: number, bytes: 2 | 4): Uint8Array {
  const file = good.slice();
  const view = new DataView(file.buffer);
  if (bytes === 2) view.setUint16(at, value, true);
  else view.setUint32(at, value, true);
  return file;
}

describe("a well-formed executable", () => {
  it("gives entry, parts at their physical address, and symbols", () => {
    const elf = parsed(good);
    expect(elf.entry).toBe(RAM_BASE + 4);
    expect(elf.parts).toMatchObject([{ kind: "segment", address: RAM_BASE, data: code, memoryBytes: 64 }]);
    expect(named(elf.symbols)).toEqual([
      ["tohost", 0x8000_1000],
      ["end", 8],
    ]);
    expect(["tohost", "end"].map((name) => elf.symbols.get(name))).toEqual([0x8000_1000, 8]);
  });
  it("may have no symbols", () => {
    expect(named(parsed(writeElf({ code })).symbols)).toEqual([]);
  });
  it("whose symbol table is broken still loads", () => {
    const sections = new DataView(good.buffer).getUint32(32, true);
    for (const file of [patched(32, 0xffff_ff00, 4), patched(46, 4, 2), patched(sections + 40 + 24, 99, 4)]) {
      expect(parsed(file).parts).toHaveLength(1);
    }
  });
});

describe("bytes that are only headers or padding are no part of the program", () => {
  const headers = { code, loadsHeaders: true } as const;
  const shown = (bytes: Uint8Array) =>
    parsed(bytes).parts.map(({ kind, address, data, memoryBytes }) => [
      kind,
      address,
      [...data],
      memoryBytes,
    ]);

  it("where the sections say what is", () => {
    const sections = [
      { type: "PROGBITS", offset: 0, bytes: 2 },
      { type: "NOTE", offset: 4, bytes: 4 },
      { type: "NOBITS", offset: 8, bytes: 16 },
    ] as const;
    expect(shown(writeElf({ ...headers, memoryBytes: 64, sections }))).toEqual([
      ["section", RAM_BASE, [1, 2], 2],
      ["note", RAM_BASE + 4, [5, 6, 7, 8], 4],
      ["section", RAM_BASE + 8, [], 16],
    ]);
  });
  it("where there are no sections", () => {
    expect(shown(writeElf({ ...headers, memoryBytes: 64 }))).toEqual([["segment", RAM_BASE, [...code], 64]]);
  });
  it("where nothing else is loaded", () => {
    const elf = parseElf(writeElf({ ...headers, code: new Uint8Array(0) }));
    expect(elf).toMatchObject({ error: "no-segments" });
  });
  it("but what a section claims beyond its segment is not taken from elsewhere", () => {
    const sections = [{ type: "PROGBITS", offset: 4, bytes: 5 }] as const;
    expect(shown(writeElf({ code, sections }))).toEqual([["segment", RAM_BASE, [...code], 8]]);
  });
  it("nor one that says another address than its segment", () => {
    const file = writeElf({ code, sections: [{ type: "PROGBITS", offset: 0, bytes: 8 }] });
    const view = new DataView(file.buffer);
    view.setUint32(view.getUint32(32, true) + 3 * 40 + 12, 0xffff_fffc, true);
    expect(shown(file)).toEqual([["segment", RAM_BASE, [...code], 8]]);
  });
});

describe("a segment without bytes in the file", () => {
  it("reads nothing, whatever offset it says", () => {
    const file = writeElf({ code: new Uint8Array(0), memoryBytes: 64 });
    new DataView(file.buffer).setUint32(52 + 4, 0xffff_fff0, true);
    expect(parsed(file).parts).toMatchObject([{ address: RAM_BASE, memoryBytes: 64 }]);
  });
});

describe("a program that is linked for elsewhere than it is loaded", () => {
  const { entry, parts } = parsed(writeElf({ code, virtualAddress: 0x2000_0000, entry: 0x2000_0004 }));
  it("keeps both addresses, and begins where it is loaded", () => {
    expect(parts).toMatchObject([{ address: RAM_BASE, virtualAddress: 0x2000_0000 }]);
    expect(entry).toBe(RAM_BASE + 4);
  });
});

describe("a symbol", () => {
  const { symbols } = parsed(writeElf({ code, symbols: { tohost: 1, tohost_end: 2, to: 3 } }));
  it("is found by its whole name, not by how the name begins, and the empty name is none", () => {
    expect(["tohost", "tohost_end", "to"].map((name) => symbols.get(name))).toEqual([1, 2, 3]);
    expect(["", "t", "toh", "tohost_"].map((name) => symbols.get(name))).toEqual(Array(4).fill(undefined));
  });
  it("is the first of several with its name", () => {
    const twice = writeElf({ code, symbols: { same: 1, sam_: 2 } });
    twice[twice.lastIndexOf("_".charCodeAt(0))] = "e".charCodeAt(0);
    const elf = parsed(twice);
    expect(named(elf.symbols)).toEqual([
      ["same", 1],
      ["same", 2],
    ]);
    expect(elf.symbols.get("same")).toBe(1);
  });
  it("whose name is longer than 256 bytes is told by the first 256", () => {
    const long = parsed(writeElf({ code, symbols: { ["n".repeat(300)]: 1 } }));
    expect(named(long.symbols)).toEqual([["n".repeat(256), 1]]);
  });
});

describe("a symbol table whose names overlap", () => {
  const COUNT = 200_000;
  /** Each name begins one byte behind the last and reaches to the end of all: cut, they are 51 MB as strings. */
  const hostile = (): Uint8Array => {
    const symbolBytes = 16 * COUNT;
    const empty = writeElf({ code, symbols: { x: 0 } });
    const sections = new DataView(empty.buffer).getUint32(32, true);
    const file = new Uint8Array(empty.length + symbolBytes + COUNT);
    file.set(empty);
    const view = new DataView(file.buffer);
    for (let index = 0; index < COUNT; index++) {
      const at = empty.length + 16 * index;
      view.setUint32(at, index, true);
      view.setUint32(at + 4, RAM_BASE + (index % code.length), true);
      view.setUint16(at + 14, 1, true);
      // Letters without a period, so that no two names are the same.
      file[empty.length + symbolBytes + index] = 0x61 + ((Math.imul(index, index) >>> 7) % 26);
    }
    const section = (index: number, at: number, byteCount: number): void => {
      view.setUint32(sections + 40 * index + 16, at, true);
      view.setUint32(sections + 40 * index + 20, byteCount, true);
    };
    section(1, empty.length, symbolBytes);
    section(2, empty.length + symbolBytes, COUNT);
    return file;
  };
  it("is looked up where it stands, name by name", () => {
    const file = hostile();
    const elf = parsed(file);
    expect(elf.symbols.get("tohost")).toBeUndefined();
    const last = String.fromCharCode(...file.subarray(-4));
    expect(elf.symbols.get(last), "the names end with the table").toBe(RAM_BASE + 4);
    const first = String.fromCharCode(...file.subarray(4 - COUNT, 4 - COUNT + 256));
    expect(new SymbolTable(elf).nameOf(RAM_BASE + 4)).toBe(first);
  });
});

describe("what cannot be loaded is told by name, in one sentence", () => {
  it.each<readonly [ElfErrorName, string, Uint8Array]>([
    ["not-elf", "an empty file", new Uint8Array(0)],
    ["not-elf", "text", new TextEncoder().encode("#!/bin/sh\nexit 0\n")],
    ["truncated", "a file that ends in its header", good.slice(0, 40)],
    ["wrong-class", "64-bit", patched(4, 0x0102, 2)],
    ["wrong-byte-order", "big-endian", patched(4, 0x0201, 2)],
    ["wrong-machine", "x86", patched(18, 3, 2)],
    ["not-executable", "an object file", patched(16, 1, 2)],
    ["truncated", "program headers beyond the end", patched(28, 0x7fff_ffff, 4)],
    ["truncated", "too many program headers", patched(44, 0xffff, 2)],
    ["bad-segment", "program headers of 8 bytes", patched(42, 8, 2)],
    ["no-segments", "no program header", patched(44, 0, 2)],
    ["no-segments", "no segment to load", patched(52, 4, 4)],
    ["no-segments", "a segment of no bytes", patched(52 + 20, 0, 4)],
    ["bad-segment", "more bytes in the file than in memory", patched(52 + 16, 65, 4)],
    ["truncated", "a segment beyond the end of the file", patched(52 + 4, 0xffff_fff0, 4)],
    ["bad-entry", "an odd entry, where no instruction can lie", patched(24, RAM_BASE + 1, 4)],
    ["bad-segment", "a segment beyond the address space", patched(52 + 12, 0xffff_fff0, 4)],
    ["bad-segment", "a segment beyond the virtual address space", patched(52 + 8, 0xffff_fff0, 4)],
  ])("%s: %s", (error, _, file) => {
    const elf = parseElf(file);
    expect(elf).toMatchObject({ error });
    expect("message" in elf && elf.message).toMatch(/^its? .*[^.]$/);
  });
  it("also when the file is cut anywhere", () => {
    for (let length = 0; length < good.length; length++) {
      const elf = parseElf(good.subarray(0, length));
      if ("error" in elf) expect(["not-elf", "truncated"]).toContain(elf.error);
    }
  });
});

describe("any bytes at all", () => {
  const check = (bytes: Uint8Array): void => {
    const elf = parseElf(bytes);
    if ("error" in elf) return;
    for (const { address, virtualAddress, data, memoryBytes } of elf.parts) {
      expect(data.length).toBeLessThanOrEqual(memoryBytes);
      expect(address + memoryBytes).toBeLessThanOrEqual(2 ** 32);
      expect(virtualAddress + memoryBytes).toBeLessThanOrEqual(2 ** 32);
    }
    for (const symbol of elf.symbols) expect(elf.symbols.nameOf(symbol)).not.toBe("");
    const stack = Uint8Array.from([4, 8, 0xff].flatMap((low) => [low, 0, 0, 0x80]));
    backtrace(new ProgramCode(elf), new Symbolizer(elf), RAM_BASE, RAM_BASE + 2, stack);
  };
  const sections = [
    { type: "PROGBITS", offset: 0, bytes: 8 },
    { type: "NOBITS", offset: 8, bytes: 8 },
  ] as const;
  const symbols = { code: { value: RAM_BASE, type: "FUNC", section: 0 }, end: 8 } as const;
  const sectioned = writeElf({ code, memoryBytes: 64, loadsHeaders: true, sections, symbols });
  it("end in a value, not in an exception: random bytes behind a good header", () => {
    const tail = fc.uint8Array({ minLength: 0, maxLength: 400 });
    fc.assert(
      fc.property(tail, (bytes) => check(Uint8Array.from([...good.subarray(0, 24), ...bytes]))),
      { numRuns: 500 },
    );
  });
  it.each([
    ["one segment", good],
    ["sections", sectioned],
  ])("end in a value, not in an exception: a good file of %s with some fields changed", (_, whole) => {
    const change = fc.tuple(
      fc.integer({ min: 0, max: whole.length - 4 }),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    );
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const file = whole.slice();
        for (const [at, value] of changes) new DataView(file.buffer).setUint32(at, value, true);
        check(file);
      }),
      { numRuns: 2000 },
    );
  });
});
