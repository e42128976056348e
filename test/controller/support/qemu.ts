/**
 * Bare programs on `qemu-system-riscv32 -M virt`, a hart and devices by other makers, and on ours: what they send
 * through the UART until they pass. Tests that need it are skipped where it is not installed, and fail in CI.
 */
import { expect, it } from "vitest";
import { parseElf } from "../../../controller/bare/elf.ts";
import { BareMachine } from "../../../controller/bare/run.ts";
import * as qemu from "../../../scripts/conformance/qemu.ts";

const MAX_INSTRUCTIONS = 10_000_000;

export const hasQemu = qemu.hasQemu();

/** To be called in a `describe`. */
export function expectQemuInCi(): void {
  it("QEMU is there in CI", () => {
    expect(hasQemu || process.env["CI"] !== "true", `${qemu.QEMU} is missing`).toBe(true);
  });
}

/** Each character of the result is a byte. */
export function onQemu(elf: Uint8Array): string {
  const { sent, fault } = qemu.runOnQemu(elf);
  expect(fault).toBeUndefined();
  return sent;
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
