/**
 * The hart against an independent one: random programs give the same registers, memory and traps as on
 * `qemu-system-riscv32`. Without QEMU this is skipped, but in CI it fails.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseElf } from "../../../controller/bare/elf.ts";
import { BareMachine } from "../../../controller/bare/run.ts";
import { qemuProgram } from "../support/qemu-program.ts";

const QEMU = "qemu-system-riscv32";
/** Machine mode only, as this hart is. */
const CPU = "rv32,f=false,d=false,h=false,s=false,u=false,mmu=false,pmp=false,sstc=false";
const SEEDS = Array.from({ length: 24 }, (_, seed) => seed + 1);
const PIECES = 400;
const MAX_INSTRUCTIONS = 10_000_000;
/** A program that does not end is a finding, not a wait. */
const QEMU_TIMEOUT_MS = 30_000;

const hasQemu = spawnSync(QEMU, ["--version"]).status === 0;

function onFlipside(elf: Uint8Array): string {
  const sent: number[] = [];
  const machine = new BareMachine({
    ramBytes: 16 * 1024 * 1024,
    clock: "virtual",
    line: { send: (byte) => sent.push(byte), receive: () => -1 },
    nowNs: () => 0,
  });
  const file = parseElf(elf);
  if ("error" in file) throw new Error(file.message);
  machine.load(file);
  expect(machine.run(MAX_INSTRUCTIONS).exitReason).toBe("pass");
  return String.fromCharCode(...sent);
}

describe("random programs do the same as on QEMU", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "flipside-qemu-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("QEMU is there in CI", () => {
    expect(hasQemu || process.env["CI"] !== "true", `${QEMU} is missing`).toBe(true);
  });

  it.runIf(hasQemu).each(SEEDS)("seed %i", (seed) => {
    const elf = qemuProgram(seed, PIECES);
    const file = join(folder, `${seed}.elf`);
    writeFileSync(file, elf);
    const machine = ["-M", "virt", "-bios", "none", "-cpu", CPU, "-m", "16M"];
    // A file, not a pipe: QEMU drops what a pipe does not take at once.
    const output = ["-display", "none", "-serial", `file:${file}.out`, "-monitor", "none", "-kernel", file];
    const qemu = spawnSync(QEMU, [...machine, ...output], { timeout: QEMU_TIMEOUT_MS, encoding: "latin1" });
    expect(qemu.status, qemu.stderr).toBe(0);
    const expected = readFileSync(`${file}.out`, "latin1");
    expect(expected.split("\n").length).toBeGreaterThan(300);
    expect(onFlipside(elf)).toBe(expected);
  });
});
