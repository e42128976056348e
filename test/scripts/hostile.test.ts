/** The hostile run: that it finds what it looks for, and that one number is one case. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { Random } from "../../emulator/base/random.ts";
import { EXIT_FINDING, EXIT_HELD, EXIT_UNABLE, EXIT_USAGE } from "../../scripts/exit-codes.ts";
import { judged } from "../../scripts/hostile/files.ts";
import { newPair, runInLockstep, runPair } from "../../scripts/hostile/lockstep.ts";
import { mutated } from "../../scripts/hostile/mutate.ts";
import { powerOnFrom } from "../../scripts/hostile/power-on.ts";
import { randomProgram } from "../../scripts/hostile/random-program.ts";
import { FILE_KINDS, specimens } from "../../scripts/hostile/specimens.ts";
import { UsageError } from "../../scripts/options.ts";
import { runToEnd } from "../run-to-end.ts";

const PROGRAM = fileURLToPath(new URL("../../dist/scripts/hostile.js", import.meta.url));

function hostile(...args: readonly string[]): { exitCode: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = runToEnd(process.execPath, [PROGRAM, ...args], { encoding: "utf8" });
  return { exitCode: status, stdout, stderr };
}

function withoutTime(text: string): string {
  return text.replace(/^ *\d+ s/gm, "");
}

describe("a hostile run", () => {
  it("does one case again from its number", () => {
    const [first, second] = [1, 2].map(() => hostile("--part", "engines", "--case", "7"));
    expect(first).toMatchObject({ exitCode: EXIT_HELD, stderr: "" });
    expect(first?.stdout).toMatch(/engines +1 programs, [1-9]\d* instructions/);
    expect(withoutTime(first?.stdout ?? "")).toBe(withoutTime(second?.stdout ?? ""));
  });

  it("fails when something was never done", () => {
    const { exitCode, stdout } = hostile("--part", "files", "--duration", "1ms");
    expect(exitCode).toBe(EXIT_USAGE);
    expect(stdout).toMatch(/^nothing was done of: \S+ files$/m);
  });

  it.each([
    [["--part", "all"], /--part is "all": it must be one of engines, files, frames, kills/],
    [["--case", "3"], /--case needs the --part/],
    [["--duration", "soon"], /--duration is "soon"/],
    [["--seed", "-1"], /--seed is "-1"/],
  ])("refuses %s in one sentence", (args, sentence) => {
    expect(hostile(...args)).toMatchObject({
      exitCode: EXIT_USAGE,
      stdout: "",
      stderr: expect.stringMatching(sentence),
    });
  });
});

describe("the comparison of the engines", () => {
  const words = randomProgram(5, { rare: false, selfModifying: false, wild: false });

  it("holds, and tells the first byte of memory that differs", () => {
    const pair = newPair(words);
    expect(runInLockstep(pair, 1, 1_000).difference).toBeUndefined();
    const { bytes, ramOffset, ramBytes } = pair.translated.machine.space;
    bytes[ramOffset + ramBytes - 1] = 0x5a;
    expect(runPair(pair, 1).difference).toBe(
      `RAM byte ${ramBytes - 1} is 90 in translated code, 0 interpreted`,
    );
  });

  it("tells what one of them sent and the other did not", () => {
    const pair = newPair(words);
    pair.reference.sent.push(65);
    expect(runPair(pair, 1).difference).toBe("sent byte 0 is undefined in translated code, 65 interpreted");
  });
});

describe("a mutated file", () => {
  it("is the same for the same number, and bounded", () => {
    const bytes = Uint8Array.from({ length: 100 }, (_, index) => index);
    for (let seed = 0; seed < 500; seed += 1) {
      const mutant = mutated(bytes, new Random(seed));
      expect(mutant).toEqual(mutated(bytes, new Random(seed)));
      expect(mutant.length).toBeLessThan(70_000);
    }
    expect(bytes[99]).toBe(99);
    expect(mutated(new Uint8Array(), new Random(1))).toHaveLength(0);
  });

  it("may be read with any result that a command has, and refused by name", async () => {
    for (const code of [EXIT_HELD, EXIT_FINDING, EXIT_USAGE])
      expect(await judged(async () => code)).toBe(undefined);
    expect(await judged(() => Promise.reject(new UsageError("it is none")))).toBeUndefined();
  });

  it("is a finding where it makes an accident, lacks memory or takes too much", async () => {
    const thrown = (error: Error) => judged(() => Promise.reject(error));
    expect(await thrown(new TypeError("it is undefined"))).toMatch(/an accident of flipside itself/);
    expect(await thrown(new RangeError("Array buffer allocation failed"))).toMatch(
      /too little here of memory/,
    );
    expect(await judged(async () => EXIT_UNABLE)).toBe("exit code 3");
    const large = async () => Buffer.alloc(400 * 1024 * 1024, 1).length * 0;
    expect(await judged(large)).toMatch(/^it took \d+ MiB$/);
  });
});

describe("the specimens", () => {
  it("are of every kind", () => {
    expect(new Set(specimens().map(({ kind }) => kind))).toEqual(new Set(FILE_KINDS));
  });

  it("of flash files are those of a device that starts, fails over and starts again", () => {
    const flashFiles = specimens().filter(({ kind }) => kind === "flash-file");
    for (const { name, bytes } of flashFiles) expect(powerOnFrom(bytes), name).toBe(EXIT_HELD);
    expect(powerOnFrom(Uint8Array.of(1, 2, 3))).toBe(EXIT_USAGE);
  });

  it("have right checksums", () => {
    for (const { name, bytes, mend } of specimens()) {
      if (mend !== undefined) expect(Buffer.from(mend(bytes, new Random(1))).equals(bytes), name).toBe(true);
    }
  });
});
