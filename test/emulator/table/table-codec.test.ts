import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32 } from "../../../emulator/base/crc32.ts";
import { NO_REGION, type Table } from "../../../emulator/table/table.ts";
import { replicaWords, tableCodec } from "../../../emulator/table/table-codec.ts";
import { acceptedTable, anyTable, digestOf, recordOf } from "./table-arbitrary.ts";

function encode(table: Table): Int32Array {
  const codec = tableCodec(table.regions.length);
  const words = new Int32Array(codec.words);
  codec.encode(table, words);
  return words;
}

function decode(words: Int32Array, regions: number) {
  return tableCodec(regions).decode(words);
}

describe("a replica", () => {
  it("takes at most 512 bytes", () => {
    for (const regions of [2, 3, 4]) expect(replicaWords(regions) * 4).toBeLessThanOrEqual(512);
  });

  it("reads back as the table that was written", () => {
    fc.assert(
      fc.property(anyTable, (table) => {
        expect(decode(encode(table), table.regions.length)).toEqual({ ok: true, table });
      }),
    );
  });

  it("is PSA FWU metadata version 2 with the fields where fwu_mdata.h has them", () => {
    const table: Table = {
      ...acceptedTable(3, 0x0102_0304),
      active: 2,
      previous: 0,
      next: 1,
      regions: [
        recordOf(0, "accepted"),
        recordOf(1, "valid", { triesLeft: 3 }),
        recordOf(2, "valid", { triesLeft: 2, unconfirmedStarts: 5 }),
      ],
    };
    const words = encode(table);
    const view = new DataView(words.buffer);
    const u16 = (offset: number) => view.getUint16(offset, true);
    const u32 = (offset: number) => view.getUint32(offset, true);
    const metadataBytes = words.length * 4;
    expect(u32(0)).toBe(crc32(new Uint8Array(words.buffer, 4, metadataBytes - 4)));
    expect(u32(4)).toBe(2);
    expect(u32(8)).toBe(2);
    expect(u32(12)).toBe(0);
    expect(u32(16)).toBe(metadataBytes);
    expect(u16(20)).toBe(0x20);
    expect([...new Uint8Array(words.buffer, 24, 4)]).toEqual([0xfc, 0xfe, 0xfe, 0xff]);
    expect(view.getUint8(32)).toBe(3);
    expect(u16(34)).toBe(1);
    expect(u16(36)).toBe(32 + 3 * 24);
    expect(u16(38)).toBe(24);
    expect(u32(40)).toBe(0x45ba_fee9);
    expect(u16(44)).toBe(0x9458);
    expect(u16(46)).toBe(0x4730);
    expect(view.getUint16(48, false)).toBe(0xb8ea);
    expect([0, 1, 2].map((bank) => u32(72 + bank * 24 + 16))).toEqual([1, 0, 0]);
    const vendor = 72 + 3 * 24;
    expect(new TextDecoder().decode(new Uint8Array(words.buffer, vendor, 4))).toBe("FLP1");
    expect(u32(vendor + 4)).toBe(0x0102_0304);
    expect(u32(vendor + 8)).toBe(1);
    expect(u32(vendor + 16 + 2 * 60)).toBe(0x0005_0002);
    expect(words.subarray((vendor + 16 + 2 * 60 + 28) / 4)).toEqual(Int32Array.from(digestOf(2)));
  });

  it("says that nothing is designated with all ones, as PSA does", () => {
    const words = encode({ ...acceptedTable(2, 1), active: NO_REGION, previous: NO_REGION });
    expect([words[2], words[3]]).toEqual([-1, -1]);
  });
});

describe("words that are no replica", () => {
  it("are blank when they are all zeros or all ones", () => {
    for (const value of [0, -1]) {
      expect(decode(new Int32Array(replicaWords(2)).fill(value), 2)).toMatchObject({ fault: "blank" });
    }
  });

  it("are refused for any one flipped bit", () => {
    for (const regions of [2, 3, 4]) {
      const words = encode(acceptedTable(regions, 77));
      for (let bit = 0; bit < words.length * 32; bit += 1) {
        const damaged = words.slice();
        damaged[bit >> 5] = (damaged[bit >> 5] ?? 0) ^ (1 << (bit & 31));
        expect(decode(damaged, regions).ok, `bit ${bit}`).toBe(false);
      }
    }
  });

  it("are refused for impossible content even when the CRC holds", () => {
    fc.assert(
      fc.property(anyTable, fc.nat(), fc.integer(), (table, at, value) => {
        const words = encode(table);
        const index = 1 + (at % (words.length - 1));
        words[index] = value;
        words[0] = crc32(new Uint8Array(words.buffer, 4));
        const decoded = decode(words, table.regions.length);
        // Whatever is taken is exactly what would be written.
        if (decoded.ok) expect(encode(decoded.table)).toEqual(words);
        else expect(decoded.fault).toBe("impossible");
      }),
      { numRuns: 2000 },
    );
  });

  it("are refused when they are of another number of regions", () => {
    const words = encode(acceptedTable(2, 1));
    const longer = new Int32Array(replicaWords(3));
    longer.set(words);
    expect(decode(longer, 3).ok).toBe(false);
  });
});
