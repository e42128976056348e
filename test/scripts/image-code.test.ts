/** What `flipside image create` makes an image of, and what it refuses by name. */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { hexRecord, writeHex } from "../../scripts/hostile/hex-writer.ts";
import { imageCommand } from "../../scripts/image.ts";
import { hasToolchain, shell } from "../controller/support/toolchain.ts";
import { run, scratchDirectory } from "./captured.ts";

const path = scratchDirectory();
const FIRMWARE = "controller/firmware/images/controller-1.1.0";
const ENTRY = 0x2000_0020;

const image = readFileSync(`${FIRMWARE}.img`);
const body = image.subarray(32, 32 + image.readUInt32LE(12));

function create(content: string | Uint8Array, ...args: readonly string[]) {
  writeFileSync(path("code"), content);
  return run(
    imageCommand,
    "create",
    path("code"),
    "--version",
    "1.1.0",
    "--output",
    path("made.img"),
    ...args,
  );
}

describe("Intel HEX makes the image that its ELF file makes", () => {
  it("of the firmware", async () => {
    expect(await create(writeHex(ENTRY, body))).toMatchObject({ exitCode: 0, refusal: "" });
    expect(readFileSync(path("made.img")).equals(image)).toBe(true);
  });
  it.skipIf(!hasToolchain)("of the firmware as objcopy writes it", async () => {
    // What lies between two sections is in no record: erased flash, as imgtool has it.
    shell(".", `riscv64-unknown-elf-objcopy -O ihex ${FIRMWARE}.elf ${path("firmware.hex")}`);
    shell(
      ".",
      `riscv64-unknown-elf-objcopy -O binary --gap-fill 0xff ${FIRMWARE}.elf ${path("firmware.bin")}`,
    );
    expect(await create(readFileSync(path("firmware.hex")))).toMatchObject({ exitCode: 0, refusal: "" });
    const made = readFileSync(path("made.img"));
    const code = readFileSync(path("firmware.bin"));
    expect(made.subarray(32, 32 + made.readUInt32LE(12)).equals(code)).toBe(true);
  });
  it("with gaps as erased flash, as imgtool has it", async () => {
    const [high, first, second, end] = [
      hexRecord(4, 0, [0x20, 0x00]),
      hexRecord(0, 0x40, [1, 2, 3, 4]),
      hexRecord(0, 0x46, [5]),
      hexRecord(1, 0, []),
    ];
    expect(await create([high, second, first, end].join("\r\n"))).toMatchObject({ exitCode: 0 });
    const made = readFileSync(path("made.img"));
    expect([...made.subarray(64, 64 + made.readUInt32LE(12))]).toEqual([1, 2, 3, 4, 0xff, 0xff, 5]);
  });
});

describe("what is no machine code for a region is refused by name", () => {
  /** The firmware's ELF file with a byte of its header changed. */
  function elf(at: number, value: number): Uint8Array {
    const file = Uint8Array.from(readFileSync(`${FIRMWARE}.elf`));
    file[at] = value;
    return file;
  }
  it.each<readonly [string, () => string | Uint8Array, string]>([
    [
      "Intel HEX for elsewhere",
      () => writeHex(0x800_0000, body),
      "bytes to 0x8000000, outside the virtual load region",
    ],
    [
      "Intel HEX with another entry",
      () => writeHex(ENTRY, body, ENTRY + 2),
      "its entry 0x20000022 is not its first byte",
    ],
    [
      "Intel HEX with a fault",
      () => writeHex(ENTRY, body).replace(/.\n$/, "\n"),
      "it is Intel HEX, and its line",
    ],
    [
      "Intel HEX with a record over its border",
      () => hexRecord(0, 0xffff, [1, 2]),
      "its line 1 runs over the border",
    ],
    [
      "Intel HEX with a byte of no text at its end",
      () => `${writeHex(ENTRY, body)}\x1a`,
      "it is Intel HEX, and its line",
    ],
    ["Intel HEX that loads nothing", () => `${hexRecord(1, 0, [])}\n`, "it loads nothing"],
    ["an S-record", () => "S00F000068656C6C6F202020202000003C\nS9030000FC\n", "it is an S-record file"],
    [
      "an S-record with a byte of no text",
      () => "S00F000068656C6C6F202020202000003C\n\0",
      "it is an S-record file",
    ],
    ["plain text", () => "int main(void) { return 0; }\n", "it is text, no machine code"],
    ["text that is not in English", () => "Führe dies aus.\n", "it is text, no machine code"],
    ["a script", () => "#!/bin/sh\nexit 0\n", "it is text, no machine code"],
    ["an image", () => image, "it is an MCUboot image already"],
    ["a library", () => "!<arch>\n\0", "it is a library"],
    ["what is compressed", () => Uint8Array.from([0x1f, 0x8b, 8, 0, 0]), "it is compressed by gzip"],
    ["UF2", () => Buffer.from("UF2\nWQ]\x9e", "latin1"), "it is a UF2 file"],
    ["an ELF file for Arm", () => elf(18, 40), "it is for Arm, not for RISC-V"],
    ["an ELF file for another machine", () => elf(18, 1), "it is for machine 1, not for RISC-V"],
    ["an ELF file for RV64", () => elf(4, 2), "it is not a 32-bit ELF file"],
    [
      "an ELF file with the ABI of F",
      () => elf(36, 0x03),
      "passes single-precision numbers in floating-point",
    ],
    [
      "an ELF file with the ABI of D",
      () => elf(36, 0x05),
      "passes double-precision numbers in floating-point",
    ],
  ])("%s", async (_, content, sentence) => {
    const { exitCode, refusal } = await create(content());
    expect(exitCode).toBe(2);
    expect(refusal).toContain(sentence);
    expect(refusal).not.toContain("\n");
  });
});
