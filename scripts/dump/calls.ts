/** The calls that were open in a crash dump, by the firmware's ELF file, and what that file lacks for it. */
import { createHash } from "node:crypto";
import { backtrace, ProgramCode } from "../../controller/bare/backtrace.ts";
import type { SourceFrame } from "../../controller/bare/dwarf/debug-info.ts";
import type { ElfFile } from "../../controller/bare/elf.ts";
import type { CodePlace, Symbolizer } from "../../controller/bare/symbolizer.ts";
import { Hart } from "../../controller/cpu/hart.ts";
import { hex32, visibleText } from "../../emulator/base/text.ts";
import { type Digest, digestFromBytes, digestHex } from "../../emulator/table/table.ts";
import type { CrashDump } from "../../supervisor/device/dump.ts";
import type { ImageFrame } from "../../supervisor/device/image-frame.ts";
import { codeOfElf } from "../image-code.ts";
import { UsageError } from "../options.ts";
import { sourceOf } from "../source-place.ts";
import { paint } from "../terminal.ts";

/** What mepc holds is of the failure; else it is of the last interrupt. */
function isOfTrap({ evidence, pc }: CrashDump["failure"], mepc: number): boolean {
  return evidence === "double-trap" || ((evidence === "trap" || evidence === "panic") && pc === mepc >>> 0);
}

/** A trap's own pc is in mepc: pc is in the handler by the time it gives up. */
export function formatCalls(dump: CrashDump, elf?: ElfFile, symbolizer?: Symbolizer): string[] {
  if (elf === undefined || symbolizer === undefined) return ["  give the firmware's ELF file by --elf"];
  const [pc, ra] = [dump.hart[Hart.PC] ?? 0, dump.hart[Hart.X + 1] ?? 0];
  const mepc = dump.hart[Hart.MEPC] ?? 0;
  const trapped = isOfTrap(dump.failure, mepc) ? formatPlace("trap at", symbolizer.placeOf(mepc)) : [];
  const code = new ProgramCode(elf);
  const places = backtrace(code, symbolizer, pc, ra, dump.stack.bytes);
  const calls = places.flatMap((place, index) => formatPlace(`#${index}`, place));
  return [...doubts(dump, elf), ...trapped, ...calls, ...whatIsMissing(code, symbolizer)];
}

/** The call itself, then what it is inlined into. */
function formatPlace(title: string, { address, symbol, frames }: CodePlace): string[] {
  const [innermost, ...outer] = frames;
  // A function that is inlined has no symbol here.
  const name = outer.length > 0 ? (innermost?.name ?? "") : symbol;
  const head = `  ${title} ${hex32(address)} ${visibleText(name)}`;
  const indent = " ".repeat(title.length + 3);
  return [
    `${head}${dimSourceOf(innermost)}`,
    ...outer.map((frame) => `${indent}inlined into ${visibleText(frame.name)}${dimSourceOf(frame)}`),
  ];
}

function dimSourceOf(frame: SourceFrame | undefined): string {
  const source = sourceOf(frame);
  return source === "" ? "" : paint("dim", `  ${source}`);
}

/** Names are only as good as the file that they come from. */
function doubts({ image, tableBefore, fromRegion }: CrashDump, elf: ElfFile): string[] {
  const digest = tableBefore.regions[fromRegion]?.digest;
  const body = bodyOf(elf, image?.header.length);
  if (image === undefined || digest === undefined || body === undefined) return [];
  if (isBodyOf(body, image, digest)) return [];
  return [
    paint("yellow", "  --elf is of another version or build than what failed: names and lines may be wrong"),
  ];
}

/** Whether the image with this frame and digest has `body` as its code. */
function isBodyOf(body: Uint8Array, { header, protectedTlvs }: ImageFrame, digest: Digest): boolean {
  const sha256 = createHash("sha256").update(header).update(body).update(protectedTlvs).digest();
  return digestHex(digestFromBytes(sha256)) === digestHex(digest);
}

/** Undefined where the file has no code that an image could be made of: then it cannot be compared. */
function bodyOf(elf: ElfFile, headerBytes: number | undefined): Uint8Array | undefined {
  try {
    return codeOfElf("--elf", elf, headerBytes).body;
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

/** Why there are fewer calls or names than there could be. */
function whatIsMissing(code: ProgramCode, symbolizer: Symbolizer): string[] {
  if (code.isEmpty) {
    return [
      "  --elf has names but no code (objcopy --only-keep-debug): the file with both shows the calls before",
    ];
  }
  if (symbolizer.isNameless) return ["  --elf has no symbols: the file that it was before strip has names"];
  const { debugFault } = symbolizer;
  return debugFault === undefined ? [] : [`  no lines: its debug information ${debugFault}`];
}
