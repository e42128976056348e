import {
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { backtrace, ProgramCode } from "../../../controller/bare/backtrace.ts";
import { type ElfFile, parseElf } from "../../../controller/bare/elf.ts";
import { Symbolizer } from "../../../controller/bare/symbolizer.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { encodePlain } from "../../../emulator/base/plain-data.ts";
import { formatDump } from "../../../scripts/dump.ts";
import {
  type CrashDump,
  DumpError,
  DumpStore,
  decodeDump,
  encodeDump,
  MAX_DUMPS,
} from "../../../supervisor/device/dump.ts";
import { dump } from "./dump-fixture.ts";

function firmwareElf(): ElfFile {
  const elf = parseElf(
    readFileSync(new URL("../../../controller/firmware/images/controller-1.1.0.elf", import.meta.url)),
  );
  if ("error" in elf) throw new Error(elf.message);
  return elf;
}

describe("a crash dump", () => {
  it("is read as it was written", () => {
    expect(decodeDump(encodeDump(dump))).toEqual({
      format: "flipside dump 1",
      ...dump,
      stack: { ...dump.stack, bytes: Buffer.of(1, 2, 3, 4) },
    });
  });

  it("tells of a trap only where mepc is the failure's, and not of the last interrupt", () => {
    const elf = firmwareElf();
    const mepc = 0x2000_0100;
    const hart = dump.hart.map((word, index) => (index === Hart.MEPC ? mepc : word));
    const told = (failure: Partial<CrashDump["failure"]>): boolean => {
      const whole = { format: "flipside dump 1", ...dump, hart, failure: { ...dump.failure, ...failure } };
      return formatDump(whole as CrashDump, elf).includes("trap at 0x20000100");
    };
    expect(told({ evidence: "panic", pc: mepc })).toBe(true);
    expect(told({ evidence: "trap", pc: mepc })).toBe(true);
    expect(told({ evidence: "double-trap", pc: 0x2000_0200 })).toBe(true);
    expect(told({ evidence: "panic", pc: 0x2000_0200 })).toBe(false);
    expect(told({ evidence: "watchdog", pc: mepc })).toBe(false);
  });

  it("that is cut off, or no dump at all, is refused and hurts nobody", () => {
    const bytes = encodeDump(dump);
    const refused = (input: Uint8Array): boolean => {
      try {
        decodeDump(input);
        return false;
      } catch (error) {
        return error instanceof DumpError;
      }
    };
    for (let length = 0; length < bytes.length; length += 1)
      expect(refused(bytes.subarray(0, length))).toBe(true);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (input) => refused(input)));
  });
});

describe("the store of dumps", () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "flipside-"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it("keeps the last ones, numbers going on over a restart, and drops the oldest", async () => {
    const log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };
    for (let start = 0; start < 2; start += 1) {
      const store = new DumpStore(directory, log);
      for (let i = 0; i < 20; i += 1) {
        store.add({ ...dump, bootEpoch: start * 20 + i });
        await store.settled();
      }
      expect(store.dropped).toBe(0);
    }
    const names = readdirSync(directory).sort();
    expect(names.length).toBe(MAX_DUMPS);
    expect(names.at(-1)).toBe("000039-panic.dump");
    expect(decodeDump(readFileSync(join(directory, names[0] ?? ""))).bootEpoch).toBe(40 - MAX_DUMPS);
  });

  it("symlinks and hard links in the place of a dump that is being written are not followed", async () => {
    const victim = join(directory, "victim");
    writeFileSync(victim, "somebody's");
    const store = new DumpStore(directory, {
      error: () => {},
      warn: () => {},
      info: () => {},
      debug: () => {},
    });
    for (const link of [symlinkSync, linkSync]) {
      const number =
        Number(
          readdirSync(directory)
            .sort()
            .findLast((name) => name.endsWith(".dump"))
            ?.slice(0, 6),
        ) + 1;
      const name = `${String(number).padStart(6, "0")}-panic.dump`;
      link(victim, join(directory, `${name}.new`));
      store.add(dump);
      await store.settled();
      expect(decodeDump(readFileSync(join(directory, name))).format).toBe("flipside dump 1");
      expect(readFileSync(victim, "utf8")).toBe("somebody's");
    }
    expect(store.dropped).toBe(0);
    expect(readdirSync(directory).filter((name) => name.endsWith(".new"))).toEqual([]);
  });

  it("counts what it cannot keep, and never throws", async () => {
    const store = new DumpStore(join(directory, "nowhere"), {
      error: () => {},
      warn: () => {},
      info: () => {},
      debug: () => {},
    });
    for (let i = 0; i < 100; i += 1) store.add(dump);
    await store.settled();
    expect(store.dropped).toBe(100);
  });
});

describe("a stack trace", () => {
  it("names the calls whose return addresses lie on the stack, and nothing else", () => {
    const elf = firmwareElf();
    const symbols = new Symbolizer(elf);
    const code = new ProgramCode(elf);
    const main = elf.symbols.get("main") ?? 0;
    expect(symbols.nameOf(main)).toBe("main");
    expect(symbols.nameOf(main + 2)).toBe("main+0x2");
    expect(symbols.nameOf(0x8000_0000 + 0x100_0000)).toBe("");
    const calls: number[] = [];
    for (let address = main; address < main + 64; address += 2)
      if (code.isReturnAddress(address)) calls.push(address);
    expect(calls.length).toBeGreaterThan(0);
    const stack = new Uint8Array(16);
    const view = new DataView(stack.buffer);
    view.setUint32(4, calls[0] ?? 0, true);
    view.setUint32(8, 0xdead_beef, true);
    view.setUint32(12, main, true);
    const frames = backtrace(code, symbols, main, 0, stack);
    expect(frames.map(({ address }) => address)).toEqual([main, calls[0]]);
  });
});

it("a dump of another version of the format is refused by that name, and what is none as none", () => {
  expect(() => decodeDump(encodePlain({ format: "flipside dump 2" }))).toThrow(
    "it is of version 2 of the crash dump, and this flipside reads version 1",
  );
  expect(() => decodeDump(encodePlain({ format: "flipside dump x" }))).toThrow(
    "it is no crash dump of flipside",
  );
});
