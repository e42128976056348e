/**
 * The code that an image is made of: a file that the user names, known by its first bytes. What is no machine code, or
 * none that runs here, is refused by name: any bytes at all could be taken for raw code.
 */

import { isUtf8 } from "node:buffer";
import { type ElfFile, parseElf } from "../controller/bare/elf.ts";
import type { ImageSource } from "../controller/image/encode.ts";
import { IMAGE_HEADER_BYTES } from "../controller/image/format.ts";
import { isIntelHex, parseIntelHex } from "../controller/image/intel-hex.ts";
import { hex } from "../emulator/base/text.ts";
import { REGION_STRIDE, WINDOW_BASE } from "../emulator/memory/map.ts";
import { readInput } from "./input.ts";
import { UsageError } from "./options.ts";

/** A file is read whole: Intel HEX has not three characters for each byte of the largest region. */
const MAX_CODE_BYTES = 3 * REGION_STRIDE;
/** What an ELF file leaves undecided is padding, in flash it is erased. */
const ELF_GAP = 0;
const HEX_GAP = 0xff;

export interface CodeOptions {
  /** Bytes; undefined where the file's addresses tell. */
  readonly headerBytes: number | undefined;
  /** Raw code is linked for the virtual load region. */
  readonly romFixed: boolean;
}

export type Code = Pick<ImageSource, "body" | "headerBytes" | "romFixed">;

/** Files of other kinds that are no text, by how they begin. */
const FOREIGN: readonly (readonly [start: string, what: string])[] = [
  ["3db8f396", "an MCUboot image already"],
  ["5546320a57515d9e", "a UF2 file: convert it into Intel HEX"],
  ["213c617263683e0a", "a library: link a program of it"],
  ["1f8b08", "compressed by gzip: unpack it"],
];

/** Throws {@link UsageError}. */
export function readCode(file: string, { headerBytes, romFixed }: CodeOptions): Code {
  const bytes = readInput("the code", file, MAX_CODE_BYTES);
  const start = Buffer.from(bytes.subarray(0, 16));
  if (start.toString("latin1", 0, 4) === "\x7fELF") {
    const elf = parseElf(bytes);
    if ("error" in elf) throw refusal(file, elf.message);
    return codeOfElf(file, elf, headerBytes);
  }
  if (isIntelHex(start.toString("latin1"))) return codeFromHex(file, bytes, headerBytes);
  const [, what] = FOREIGN.find(([magic]) => start.toString("hex").startsWith(magic)) ?? [];
  if (what !== undefined) throw refusal(file, `it is ${what}`);
  if (/^S[0-9][0-9a-f]{6}/i.test(start.toString("latin1"))) {
    throw refusal(file, "it is an S-record file: convert it into Intel HEX (objcopy -I srec -O ihex)");
  }
  if (isText(bytes)) throw refusal(file, "it is text, no machine code");
  return { body: bytes, headerBytes: headerBytes ?? IMAGE_HEADER_BYTES, romFixed };
}

function refusal(file: string, why: string): UsageError {
  return new UsageError(`${file} cannot be made an image: ${why}`);
}

/** Machine code has bytes that no text has, zeros above all. */
function isText(bytes: Uint8Array): boolean {
  const isControl = (byte: number) => (byte < 0x20 && !(byte >= 0x09 && byte <= 0x0d)) || byte === 0x7f;
  return bytes.length > 0 && !bytes.some(isControl) && isUtf8(bytes);
}

/**
 * The loaded bytes of an ELF file from its first to its last: what `objcopy -O binary` makes of it.
 * Notes that lie elsewhere are for tools. Throws {@link UsageError}.
 */
export function codeOfElf(file: string, elf: ElfFile, headerBytes: number | undefined): Code {
  if (elf.floatRegisters !== "none") {
    throw refusal(
      file,
      `its ABI passes ${elf.floatRegisters} numbers in floating-point registers, which RV32IMAC has not`,
    );
  }
  const loaded = elf.parts.filter(({ data }) => data.length > 0);
  const pieces = loaded.filter((part) => part.kind !== "note" || isInWindow(part));
  return linkedCode(file, { pieces, entry: elf.entry, gapByte: ELF_GAP }, headerBytes);
}

/** What imgtool takes of an Intel HEX file, which also says where it is linked. */
function codeFromHex(file: string, bytes: Uint8Array, headerBytes: number | undefined): Code {
  const program = parseIntelHex(Buffer.from(bytes).toString("latin1"));
  if ("message" in program) throw refusal(file, `it is Intel HEX, and ${program.message}`);
  return linkedCode(file, { pieces: program.blocks, entry: program.entry, gapByte: HEX_GAP }, headerBytes);
}

/** Bytes and the address that they are linked for. */
interface Piece {
  readonly address: number;
  readonly data: Uint8Array;
}

function isInWindow({ address, data }: Piece): boolean {
  return address >= WINDOW_BASE && address + data.length <= WINDOW_BASE + REGION_STRIDE;
}

interface LinkedCode {
  readonly pieces: readonly Piece[];
  /** Undefined where it is not said. */
  readonly entry: number | undefined;
  readonly gapByte: number;
}

/** Code that says itself where it is linked: its entry is its first byte. */
function linkedCode(
  file: string,
  { pieces, entry, gapByte }: LinkedCode,
  headerBytes: number | undefined,
): Code {
  if (pieces.length === 0) throw refusal(file, "it loads nothing");
  let start = Number.POSITIVE_INFINITY;
  let end = 0;
  for (const piece of pieces) {
    const { address, data } = piece;
    if (!isInWindow(piece)) {
      throw refusal(
        file,
        `it loads ${data.length} bytes to ${hex(address)}, outside the virtual load region`,
      );
    }
    start = Math.min(start, address);
    end = Math.max(end, address + data.length);
  }
  if (entry !== undefined && entry !== start) {
    throw refusal(file, `its entry ${hex(entry)} is not its first byte, ${hex(start)}`);
  }
  const linkedBytes = start - WINDOW_BASE;
  if (headerBytes !== undefined && headerBytes !== linkedBytes) {
    throw new UsageError(`${file} is linked for a header of ${linkedBytes} bytes, not of ${headerBytes}`);
  }
  const body = new Uint8Array(end - start).fill(gapByte);
  for (const { address, data } of pieces) body.set(data, address - start);
  return { body, headerBytes: linkedBytes, romFixed: true };
}
