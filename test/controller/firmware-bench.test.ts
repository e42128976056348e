/** The benchmark programs and the whole ones: each passes, for any count, and would tell if it computed something else. */
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import { type ElfFile, parseElf } from "../../controller/bare/elf.ts";
import { BareMachine } from "../../controller/bare/run.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";

const FIRMWARE = new URL("../../controller/firmware/", import.meta.url);
const PROGRAMS = ["bench/elf/", "programs/elf/"].flatMap((folder) =>
  readdirSync(new URL(folder, FIRMWARE))
    .sort()
    .map((file) => `${folder}${file}`),
);
const PAGE_BYTES = 4096;
const RAM_BYTES = 16 * 1024 * 1024;
/** More than the longest program needs for two iterations. */
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
function run(elf: ElfFile, patches: Readonly<Record<string, number>>) {
  let console = "";
  const send = (byte: number): void => {
    console += String.fromCharCode(byte);
  };
  const bare = new BareMachine({
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
  return { ...bare.run(MAX_INSTRUCTIONS), console };
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
  if (!file.startsWith("programs/")) {
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
