/** `flipside dump`: what is told of a crash, and what of the files that it is told from. */
import { readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseElf } from "../../controller/bare/elf.ts";
import { Hart, Mode } from "../../controller/cpu/hart.ts";
import { verifyImage } from "../../controller/image/verify.ts";
import { encodePlain } from "../../emulator/base/plain-data.ts";
import { digestFromBytes } from "../../emulator/table/table.ts";
import { dumpCommand, formatDump } from "../../scripts/dump.ts";
import { DumpError, decodeDump, encodeDump, MAX_DUMP_BYTES } from "../../supervisor/device/dump.ts";
import { imageFrameOf } from "../../supervisor/device/image-frame.ts";
import { dump } from "../supervisor/device/dump-fixture.ts";
import { run, scratchDirectory } from "./captured.ts";

const path = scratchDirectory();
const FIRMWARE = "controller/firmware/images/controller-1.1.0.elf";

function mainOf(file: string): number {
  const elf = parseElf(readFileSync(file));
  return "error" in elf ? 0 : (elf.symbols.get("main") ?? 0);
}

/** A dump of the firmware, stopped in main. */
function stoppedInMain(): string {
  const hart = dump.hart.map((word, index) => (index === Hart.PC ? mainOf(FIRMWARE) : word));
  writeFileSync(path("main.dump"), encodeDump({ ...dump, hart }));
  return path("main.dump");
}

/** The firmware's ELF file as `objcopy --only-keep-debug` leaves it: everything but what is loaded. */
function withoutCode(): Uint8Array {
  const file = Uint8Array.from(readFileSync(FIRMWARE));
  const view = new DataView(file.buffer);
  const [programHeaders, sections] = [28, 32].map((at) => view.getUint32(at, true));
  for (let index = 0; index < view.getUint16(44, true); index++) {
    view.setUint32((programHeaders ?? 0) + 32 * index + 16, 0, true);
  }
  for (let index = 0; index < view.getUint16(48, true); index++) {
    const at = (sections ?? 0) + 40 * index;
    if ((view.getUint32(at + 8, true) & 2) !== 0) view.setUint32(at + 4, 8, true);
  }
  return file;
}

/** The firmware's ELF file as `strip` leaves it. */
function withoutNames(): Uint8Array {
  const file = Uint8Array.from(readFileSync(FIRMWARE));
  const view = new DataView(file.buffer);
  const sections = view.getUint32(32, true);
  for (let index = 0; index < view.getUint16(48, true); index++) {
    const type = sections + 40 * index + 4;
    if (view.getUint32(type, true) === 2) view.setUint32(type, 0, true);
  }
  return file;
}

/** A dump of the version whose image is in this file, stopped in main. */
function dumpOfImage(file: string): string {
  const region = new Uint8Array(2 ** 20).fill(0xff);
  region.set(readFileSync(file));
  const image = imageFrameOf(region);
  const verified = verifyImage(region);
  if (image === undefined || !verified.ok) throw new Error(`${file} is no image`);
  const [record, ...others] = dump.tableBefore.regions;
  if (record === undefined) throw new Error("there is no region");
  const failed = { ...record, digest: digestFromBytes(verified.image.sha256) };
  const tableBefore = { ...dump.tableBefore, regions: [failed, ...others] };
  const hart = dump.hart.map((word, index) => (index === Hart.PC ? mainOf(FIRMWARE) : word));
  writeFileSync(path("image.dump"), encodeDump({ ...dump, hart, image, tableBefore }));
  return path("image.dump");
}

it.each([
  [Mode.USER, "user"],
  [Mode.MACHINE, "machine"],
])("a dump tells the mode that executed", async (mode, name) => {
  const hart = dump.hart.map((word, index) => (index === Hart.MODE ? mode : word));
  writeFileSync(path("mode.dump"), encodeDump({ ...dump, hart }));
  expect((await run(dumpCommand, path("mode.dump"))).stdout).toContain(`    mode ${name}\n`);
});

describe("the ELF file of a dump", () => {
  it("with debug information tells the lines of calls, and what is inlined", async () => {
    const { stdout } = await run(dumpCommand, stoppedInMain(), "--elf", FIRMWARE);
    expect(stdout).toMatch(/#0 0x[0-9a-f]+ main {2}controller\/firmware\/main\.c:\d+\n/);
  });
  it("that is the failed image's says nothing of that; of another version it is said so", async () => {
    const doubt = "--elf is of another version or build than what failed";
    for (const version of ["1.0.0", "1.1.0", "1.2.0"]) {
      const file = dumpOfImage(`controller/firmware/images/controller-${version}.img`);
      const { exitCode, stdout } = await run(dumpCommand, file, "--elf", FIRMWARE);
      expect(exitCode).toBe(0);
      expect(stdout.includes(doubt), version).toBe(version !== "1.1.0");
    }
  });
  it("that objcopy --only-keep-debug left names addresses, and it is told why there are no calls", async () => {
    writeFileSync(path("debug.elf"), withoutCode());
    const { exitCode, stdout } = await run(dumpCommand, stoppedInMain(), "--elf", path("debug.elf"));
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/#0 0x[0-9a-f]+ main {2}\S+:\d+\n/);
    expect(stdout).toContain("--elf has names but no code (objcopy --only-keep-debug)");
  });
  it("that is stripped shows calls, and it is told why they have no names", async () => {
    writeFileSync(path("stripped.elf"), withoutNames());
    const { exitCode, stdout } = await run(dumpCommand, stoppedInMain(), "--elf", path("stripped.elf"));
    expect(exitCode).toBe(0);
    expect(stdout).toContain("--elf has no symbols");
  });
  it("that has both says nothing of itself", async () => {
    const { stdout } = await run(dumpCommand, stoppedInMain(), "--elf", FIRMWARE);
    expect(stdout).toMatch(/#0 0x[0-9a-f]+ main {2}\S+:\d+\n/);
    expect(stdout).not.toContain("--elf");
  });
});

const whole = { format: "flipside dump 1", ...dump };

async function dumped(bytes: Uint8Array, ...args: readonly string[]) {
  writeFileSync(path("any.dump"), bytes);
  return run(dumpCommand, path("any.dump"), ...args);
}

/** All places of a value, from the outermost in. */
function placesIn(value: unknown, place: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return [place];
  return [place, ...Object.entries(value).flatMap(([name, one]) => placesIn(one, [...place, name]))];
}

/** The value with another one at a place; undefined leaves it out. */
function changed(value: unknown, [name, ...inner]: readonly string[], to: unknown): unknown {
  if (name === undefined) return to;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
  copy[name] = changed(copy[name], inner, to);
  return copy;
}

/** What is not refused can be shown. */
function isRefused(bytes: Uint8Array): boolean {
  try {
    expect(formatDump(decodeDump(bytes), undefined)).toMatch(/^[\n\P{C}]*$/u);
    return false;
  } catch (error) {
    if (!(error instanceof DumpError)) throw error;
    expect(error.message).toMatch(/^\P{C}+$/u);
    return true;
  }
}

describe("a dump is not trusted: it is shown, or refused in one sentence", () => {
  const wrong = [undefined, null, true, -1.5, 2 ** 40, "\x1b[2J", [], {}, [[]], new Uint8Array(9)];

  it("every field that is missing or of another type", () => {
    // One word of the registers stands for all of them.
    const places = placesIn(whole).filter(([name, index = "0"]) => name !== "hart" || index === "0");
    expect(places.length).toBeGreaterThan(60);
    const shown = new Set<string>();
    for (const place of places) {
      for (const value of wrong) {
        const bytes = encodePlain(changed(whole, place, value));
        if (!isRefused(bytes)) shown.add(place.join("."));
      }
    }
    // Where one of the wrong values is a right one.
    expect([...shown].filter((place) => !/^table.*(rebuilt|confirmed)$/.test(place)).sort()).toEqual([
      "bootEpoch",
      "failure.detectedNs",
      "failure.faultNs",
      "failure.message",
      "stack.bytes",
      "timeline",
      "timeline.0.timeNs",
      "uart",
    ]);
  });

  it("any bytes in it changed", () => {
    const bytes = encodeDump(dump);
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const file = Uint8Array.from(bytes);
        for (const [at, value] of changes) file[at] = value;
        isRefused(file);
      }),
      { numRuns: 1000 },
    );
  });

  it("lists that announce more than there is, in no more memory than their bytes", async () => {
    const nested = Uint8Array.from({ length: 6000 }, (_, at) => [0xdd, 0x01, 0xff, 0xff, 0xff][at % 5] ?? 0);
    const before = process.memoryUsage().rss;
    const { exitCode, refusal } = await dumped(nested);
    expect([exitCode, refusal]).toEqual([2, expect.stringContaining("nested deeper than")]);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  });

  it("a stack, a timeline or an output that is longer than a device keeps", async () => {
    const [event] = dump.timeline;
    for (const [place, value] of [
      [["stack", "bytes"], new Uint8Array(4097)],
      [["uart"], "x".repeat(4097)],
      [["timeline"], Array(2049).fill(event)],
      [["tableBefore", "regions"], Array(5).fill(dump.tableBefore.regions[0])],
    ] as const) {
      const { exitCode, refusal } = await dumped(encodePlain(changed(whole, place, value)));
      expect([exitCode, refusal], place.join(".")).toEqual([2, expect.stringMatching(/^the dump \P{C}+$/u)]);
    }
    expect((await dumped(new Uint8Array(MAX_DUMP_BYTES + 1))).refusal).toContain(
      `more than ${MAX_DUMP_BYTES}`,
    );
  });
});

describe("texts of a dump and of its ELF file control no terminal", () => {
  const HOSTILE = "\x1b]0;title\x07\x9b31m\u202e\u2028\r\nsafe";
  it("the failure's message and the output of the UART", async () => {
    const { stdout } = await dumped(
      encodeDump({ ...dump, uart: HOSTILE, failure: { ...dump.failure, message: HOSTILE.repeat(999) } }),
    );
    expect(stdout).toMatch(/^[\n\P{C}]*$/u);
    expect(stdout).toContain("·]0;title··31m··");
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThan(1200);
  });
  it("the names of symbols, functions and files", async () => {
    const dump = stoppedInMain();
    const text = readFileSync(FIRMWARE).toString("latin1");
    const hostile = text.replaceAll("\0main\0", "\0\x1b[2m\0").replaceAll("\0main.c\0", "\0\x1b[2m.c\0");
    writeFileSync(path("hostile.elf"), hostile, "latin1");
    const { stdout } = await run(dumpCommand, dump, "--elf", path("hostile.elf"));
    expect(stdout).toMatch(/#0 0x[0-9a-f]+ ·\[2m {2}controller\/firmware\/·\[2m\.c:\d+\n/);
    expect(stdout).toMatch(/^[\n\P{C}]*$/u);
  });
});
