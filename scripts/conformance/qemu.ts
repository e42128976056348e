/** `qemu-system-riscv32 -M virt`: a hart and devices by other makers, that sends what a bare program has to say. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeScratch, scratchDirectory } from "../scratch.ts";

export const QEMU = "qemu-system-riscv32";
/** Machine and user mode, PMP with Smepmp, as this hart has. */
const CPU = "rv32,f=false,d=false,h=false,s=false,u=true,mmu=false,pmp=true,x-epmp=true,sstc=false";
/** A program that does not end is a finding, not a wait. */
const TIMEOUT_MS = 30_000;

export function hasQemu(): boolean {
  return spawnSync(QEMU, ["--version"]).status === 0;
}

export interface QemuRun {
  /** What the program sent through the UART; each character is a byte. */
  readonly sent: string;
  /** Why it did not end by the finisher's pass, as a sentence. */
  readonly fault: string | undefined;
}

/** @param cpu further properties of its CPU, such as "u=true" */
export function runOnQemu(elf: Uint8Array, cpu = ""): QemuRun {
  const directory = scratchDirectory();
  try {
    const file = join(directory, "program.elf");
    writeFileSync(file, elf);
    const model = cpu === "" ? CPU : `${CPU},${cpu}`;
    const machine = ["-M", "virt", "-bios", "none", "-cpu", model, "-m", "16M"];
    // A file, not a pipe: QEMU drops what a pipe does not take at once.
    const output = ["-display", "none", "-serial", `file:${file}.out`, "-monitor", "none", "-kernel", file];
    const { status, stderr } = spawnSync(QEMU, [...machine, ...output], {
      timeout: TIMEOUT_MS,
      encoding: "latin1",
    });
    const fault = status === 0 ? undefined : `QEMU ended with ${status ?? "a signal"}: ${stderr.trim()}`;
    return { sent: readFileSync(`${file}.out`, "latin1"), fault };
  } finally {
    removeScratch(directory);
  }
}
