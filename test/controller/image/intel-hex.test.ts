import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIntelHex } from "../../../controller/image/intel-hex.ts";
import { hexRecord } from "../../../scripts/hostile/hex-writer.ts";

const END = hexRecord(1, 0, []);

function read(...lines: readonly string[]) {
  const hex = parseIntelHex(lines.map((line) => `${line}\n`).join(""));
  if ("message" in hex) return hex.message;
  return { blocks: hex.blocks.map(({ address, data }) => [address, ...data]), entry: hex.entry };
}

describe("Intel HEX is read: record types 0 to 5", () => {
  it("data, and the end (the specification's own example)", () => {
    expect(read(":0300300002337A1E", ":00000001FF")).toEqual({
      blocks: [[0x30, 2, 0x33, 0x7a]],
      entry: undefined,
    });
  });
  it.each<readonly [string, string[], number]>([
    ["without a base", [], 0x1234],
    ["from a segment", [hexRecord(2, 0, [0x10, 0x21])], 0x1_0210 + 0x1234],
    ["from an upper address", [hexRecord(4, 0, [0x20, 0x00])], 0x2000_1234],
    ["from the last base", [hexRecord(4, 0, [0x20, 0x00]), hexRecord(2, 0, [0, 1])], 0x10 + 0x1234],
    ["up to the end of all", [hexRecord(4, 0, [0xff, 0xff])], 0xffff_1234],
  ])("data %s", (_, before, address) => {
    expect(read(...before, hexRecord(0, 0x1234, [1, 2]), END)).toMatchObject({ blocks: [[address, 1, 2]] });
  });
  it("the entry, as segment and offset or as an address", () => {
    expect(read(hexRecord(3, 0, [0x12, 0x34, 0x00, 0x05]), END)).toMatchObject({ entry: 0x1_2345 });
    expect(read(hexRecord(5, 0, [0x20, 0x00, 0x00, 0x20]), END)).toMatchObject({ entry: 0x2000_0020 });
  });
  it("in small letters, with the line ends of Windows, blank lines and spaces", () => {
    const lines = ["", ` ${hexRecord(0, 0, [0xab]).toLowerCase()}\r`, "\r", `${END}\t\r`];
    expect(read(...lines)).toMatchObject({ blocks: [[0, 0xab]] });
  });
  it("up to the last byte of its 64 KiB", () => {
    expect(read(hexRecord(0, 0xfffe, [1, 2]), END)).toMatchObject({ blocks: [[0xfffe, 1, 2]] });
  });
});

describe("Intel HEX is refused with the line and what is wrong with it", () => {
  it.each<readonly [string, string[], string]>([
    [
      "a record over its border",
      [hexRecord(0, 0xffff, [1, 2]), END],
      "line 1 runs over the border of its 64 KiB",
    ],
    ["a wrong checksum", [":0300300002337A1F", END], "line 1 has a wrong checksum"],
    ["an unknown type", [hexRecord(6, 0, []), END], "line 1 has a record of type 6: there are 0 to 5"],
    ["half a record", [END.slice(0, -1)], "line 1 is no record"],
    ["other text", ["", "hello", END], "line 2 is no record"],
    ["less data than announced", [":0300300002337A", END], "line 1 has not the 3 bytes"],
    ["more data than announced", [":0300300002337A1E00", END], "line 1 has not the 3 bytes"],
    ["a base of one byte", [hexRecord(4, 0, [1]), END], "line 1 has 1 bytes of data: its type 4 has 2"],
    ["no end", [hexRecord(0, 0, [1])], "no end record"],
    ["something behind the end", [END, hexRecord(0, 0, [1])], "line 2 stands behind the end record"],
    ["a byte twice", [hexRecord(0, 4, [1, 2]), hexRecord(0, 5, [2]), END], "the byte at 0x5 twice"],
  ])("%s", (_, lines, sentence) => {
    expect(read(...lines)).toContain(sentence);
  });
  it("whatever the text is, in a value and not in an exception", () => {
    const line = fc.oneof(
      fc.string(),
      fc.tuple(fc.nat(7), fc.nat(0xffff), fc.uint8Array({ maxLength: 5 })).map((it) => hexRecord(...it)),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const hex = read(...lines);
        if (typeof hex === "string") expect(hex).toMatch(/^it/);
      }),
    );
  });
});
