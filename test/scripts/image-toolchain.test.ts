/** Images of ELF files as GNU ld and lld make them, against what the toolchain itself takes for their code. */
import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { imageCommand } from "../../scripts/image.ts";
import { GCC, hasToolchain, shell } from "../controller/support/toolchain.ts";
import { run, scratchDirectory } from "./captured.ts";

const path = scratchDirectory();

/** Code, constants, data behind a gap, and zeros; the gaps differ from one header size to the next. */
const FIRMWARE = `
  .option norelax
  .globl _start
_start:
  la t0, initialised
  lw a1, 0(t0)
1: j 1b
  .section .rodata
text: .asciz "text"
  .data
  .balign 64
initialised: .word 0x5555
  .bss
zeros: .skip 64
`;

const isCi = process.env["CI"] === "true";
const TIMEOUT_MS = 600_000;

/** Header sizes from 32 to 4096 bytes, and the powers of two among them. */
function sizes(step: number): number[] {
  const all = Array.from({ length: (4096 - 32) / 4 + 1 }, (_, index) => 32 + 4 * index);
  return all.filter((size) => (size - 32) % step === 0 || (size & (size - 1)) === 0);
}

describe.skipIf(!hasToolchain)(
  "an image is byte for byte what objcopy -O binary makes, for every header size",
  { timeout: TIMEOUT_MS },
  () => {
    beforeAll(() => {
      writeFileSync(path("firmware.S"), FIRMWARE);
      shell(path("."), `${GCC.join(" ")} -c firmware.S -o firmware.o`);
    });

    // In CI all of them, and every third with lld, which starts ten times as slowly.
    it.each<readonly [linker: string, sizes: number[]]>([
      ["riscv64-unknown-elf-ld -m elf32lriscv", sizes(isCi ? 4 : 240)],
      ["ld.lld --threads=1", sizes(isCi ? 12 : 240)],
    ])("linked by %s", async (linker, tried) => {
      shell(
        path("."),
        `for size in ${tried.join(" ")}; do
         ${linker} -Ttext=$(printf 0x%x $((0x20000000 + size))) firmware.o -o $size.elf
         riscv64-unknown-elf-objcopy -O binary $size.elf $size.bin
       done`,
      );
      for (const size of tried) {
        const args = ["create", path(`${size}.elf`), "--version", "1", "--output", path("made.img")];
        expect(await run(imageCommand, ...args), `header of ${size} bytes`).toMatchObject({ exitCode: 0 });
        const binary = readFileSync(path(`${size}.bin`));
        const body = readFileSync(path("made.img")).subarray(size, size + binary.length);
        expect(body.equals(binary), `header of ${size} bytes`).toBe(true);
      }
    });
  },
);
