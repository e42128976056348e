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

/** CI goes through all of them, which takes a minute. */
const STRIDE = process.env["CI"] === "true" ? 4 : 240;
const TIMEOUT_MS = 600_000;
const SIZES = Array.from({ length: (4096 - 32) / 4 + 1 }, (_, index) => 32 + 4 * index).filter(
  (size) => (size - 32) % STRIDE === 0 || (size & (size - 1)) === 0,
);

describe.skipIf(!hasToolchain)(
  "an image is byte for byte what objcopy -O binary makes, for every header size",
  { timeout: TIMEOUT_MS },
  () => {
    beforeAll(() => {
      writeFileSync(path("firmware.S"), FIRMWARE);
      shell(path("."), `${GCC.join(" ")} -c firmware.S -o firmware.o`);
    });

    it.each(["riscv64-unknown-elf-ld -m elf32lriscv", "ld.lld --threads=1"])(
      "linked by %s",
      async (linker) => {
        shell(
          path("."),
          `for size in ${SIZES.join(" ")}; do
         ${linker} -Ttext=$(printf 0x%x $((0x20000000 + size))) firmware.o -o $size.elf
         riscv64-unknown-elf-objcopy -O binary $size.elf $size.bin
       done`,
        );
        for (const size of SIZES) {
          const args = ["create", path(`${size}.elf`), "--version", "1", "--output", path("made.img")];
          expect(await run(imageCommand, ...args), `header of ${size} bytes`).toMatchObject({ exitCode: 0 });
          const binary = readFileSync(path(`${size}.bin`));
          const body = readFileSync(path("made.img")).subarray(size, size + binary.length);
          expect(body.equals(binary), `header of ${size} bytes`).toBe(true);
        }
      },
    );
  },
);
