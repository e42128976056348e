/** The benchmark programs and the whole ones: each passes, for any count, and would tell if it computed something else. */
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import { type ElfFile, parseElf } from "../../controller/bare/elf.ts";
import { BareMachine } from "../../controller/bare/run.ts";
import { ENGINE_KINDS, type EngineKind } from "../../controller/cpu/engine-kind.ts";
import { chooseEngine } from "../../controller/translator/select.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";
import { expectQemuInCi, hasQemu, onQemu } from "./support/qemu.ts";

const FIRMWARE = new URL("../../controller/firmware/", import.meta.url);
const PROGRAMS = ["bench/elf/", "programs/elf/", "programs-unseen/elf/"].flatMap((folder) =>
  readdirSync(new URL(folder, FIRMWARE))
    .sort()
    .map((file) => `${folder}${file}`),
);
const PAGE_BYTES = 4096;
const RAM_BYTES = 16 * 1024 * 1024;
/** More than the longest program needs for three iterations. */
const MAX_INSTRUCTIONS = 80_000_000;

function readElf(file: string): ElfFile {
  const elf = parseElf(readFileSync(new URL(file, FIRMWARE)));
  if ("error" in elf) throw new Error(elf.message);
  return elf;
}

function symbol(elf: ElfFile, name: string): number {
  const address = elf.symbols.get(name);
  if (address === undefined) throw new Error(`there is no symbol ${name}`);
  return address;
}

/** Runs a program with the words at some symbols set to other values than it was built with. */
function run(elf: ElfFile, patches: Readonly<Record<string, number>>, engine: EngineKind = "interpreter") {
  let console = "";
  const send = (byte: number): void => {
    console += String.fromCharCode(byte);
  };
  const choice = chooseEngine(engine);
  const bare = new BareMachine({
    ...choice.options,
    ramBytes: RAM_BYTES,
    clock: "virtual",
    line: { send, receive: () => -1 },
    nowNs: () => 0,
  });
  bare.load(elf);
  const { space } = bare.machine;
  for (const [name, value] of Object.entries(patches)) {
    space.words[(space.ramOffset + symbol(elf, name) - RAM_BASE) / 4] = value;
  }
  const report = bare.run(MAX_INSTRUCTIONS);
  return { ...report, console, translated: choice.translator()?.stats().retiredTranslated ?? 0 };
}

describe.each(PROGRAMS)("%s", (file) => {
  const elf = readElf(file);
  const name = basename(file, ".elf");

  test("passes", () => {
    const { exitReason, console } = run(elf, { iterations: 1 });
    expect(exitReason).toBe("pass");
    expect(console).toMatch(new RegExp(`^${name}: pass [0-9a-f]{8}\n$`));
  });

  // The whole programs take longer: what is the same for all is shown for the small ones.
  if (file.startsWith("bench/")) {
    test("has iterations of the same length, any number of them", () => {
      const [one, two, three] = [1, 2, 3].map((iterations) => run(elf, { iterations }));
      expect(three?.exitReason).toBe("pass");
      const [first = 0, second = 0, third = 0] = [one, two, three].map(
        (report) => report?.retiredInstructions,
      );
      expect(third - second).toBe(second - first);
    });
  }

  test("fails when its result is not the expected one, and when it is told to do nothing", () => {
    const wrong = run(elf, { iterations: 1, expected: 0x1234_5678 });
    expect(wrong).toMatchObject({ exitReason: "fail", failCode: 1 });
    expect(wrong.console).toMatch(/: FAIL, got [0-9a-f]{8} instead of 12345678\n$/);
    expect(run(elf, { iterations: 0 }).exitReason).toBe("fail");
  });

  test("has code and data on pages of their own, but for the one that is to share them", () => {
    const codePage = Math.floor(symbol(elf, "main") / PAGE_BYTES);
    const dataPage = Math.floor(symbol(elf, "iterations") / PAGE_BYTES);
    expect(codePage === dataPage).toBe(name === "shared-page");
  });
});

// Nobody who wrote these had read the engines, or tuned them by these.
describe("programs written after the tuning", () => {
  const unseen = PROGRAMS.filter((file) => file.startsWith("programs-unseen/"));
  expectQemuInCi();

  test("are there", () => {
    expect(unseen.length).toBe(5);
  });

  test.each(unseen)("%s gives the same run on each engine, and is translated", (file) => {
    const elf = readElf(file);
    const runs = ENGINE_KINDS.map((kind) => {
      const { exitReason, retiredInstructions, pc, registers, console, translated } = run(
        elf,
        { iterations: 3 },
        kind,
      );
      return { kind, translated, result: { exitReason, retiredInstructions, pc, registers, console } };
    });
    const [first] = runs;
    expect(first?.result.exitReason).toBe("pass");
    for (const { kind, result } of runs) expect({ kind, ...result }).toEqual({ kind, ...first?.result });
    expect(runs.find(({ kind }) => kind === "translator")?.translated).toBeGreaterThan(0);
  });

  test.runIf(hasQemu).each(unseen)("%s says the same on QEMU, for all its iterations", (file) => {
    const { console } = run(readElf(file), { iterations: 1 });
    expect(onQemu(readFileSync(new URL(file, FIRMWARE)))).toBe(console);
  });
});
