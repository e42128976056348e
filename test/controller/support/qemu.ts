/**
 * Bare programs on `qemu-system-riscv32 -M virt`, a hart and devices by other makers, and on ours: what they send
 * through the UART until they pass. Tests that need it are skipped where it is not installed, and fail in CI.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parseElf } from "../../../controller/bare/elf.ts";
import { BareMachine } from "../../../controller/bare/run.ts";

const QEMU = "qemu-system-riscv32";
/** Machine mode only, as this hart is. */
const CPU = "rv32,f=false,d=false,h=false,s=false,u=false,mmu=false,pmp=false,sstc=false";
const MAX_INSTRUCTIONS = 10_000_000;
/** A program that does not end is a finding, not a wait. */
const QEMU_TIMEOUT_MS = 30_000;

export const hasQemu = spawnSync(QEMU, ["--version"]).status === 0;

/** To be called in a `describe`. */
export function expectQemuInCi(): void {
  it("QEMU is there in CI", () => {
    expect(hasQemu || process.env["CI"] !== "true", `${QEMU} is missing`).toBe(true);
  });
}

/** Each character of the result is a byte. */
export function onQemu(elf: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), "flipside-qemu-"));
  try {
    const file = join(folder, "program.elf");
    writeFileSync(file, elf);
    const machine = ["-M", "virt", "-bios", "none", "-cpu", CPU, "-m", "16M"];
    // A file, not a pipe: QEMU drops what a pipe does not take at once.
    const output = ["-display", "none", "-serial", `file:${file}.out`, "-monitor", "none", "-kernel", file];
    const qemu = spawnSync(QEMU, [...machine, ...output], { timeout: QEMU_TIMEOUT_MS, encoding: "latin1" });
    expect(qemu.status, qemu.stderr).toBe(0);
    return readFileSync(`${file}.out`, "latin1");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Each character of the result is a byte. */
export function onFlipside(elf: Uint8Array): string {
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
  return Buffer.from(sent).toString("latin1");
}
