/**
 * Debug information as it lies in an executable: sections, each of which may be compressed.
 * Source: System V ABI, "Section Compression" (gABI, 2015): a header, then the data; ELFCOMPRESS_ZLIB is RFC 1950.
 */
import { inflateSync } from "node:zlib";
import { errorMessage } from "../../../emulator/base/text.ts";
import type { ElfFile, NamedSection } from "../elf.ts";
import { type DebugError, DebugInfo } from "./debug-info.ts";

const CHDR_BYTES = 12;
const ELFCOMPRESS_ZLIB = 1;
const ELFCOMPRESS_ZSTD = 2;
/** Decompressed, of one section: a large firmware has a tenth of it. */
const MAX_SECTION_BYTES = 256 * 2 ** 20;
const NOTHING = new Uint8Array(0);

/** What an executable tells of where its code comes from. */
export function debugInfoOf(elf: ElfFile): DebugInfo | DebugError {
  const sections = new Map<string, Uint8Array>();
  for (const [name, section] of elf.sections) {
    if (!name.startsWith(".debug_")) continue;
    const bytes = section.isCompressed ? decompressed(section) : section.bytes;
    if ("error" in bytes) return bytes;
    sections.set(name.slice(".debug_".length), bytes);
  }
  return DebugInfo.read((name) => sections.get(name) ?? NOTHING);
}

function unreadable(message: string): DebugError {
  return { error: "unreadable", message };
}

function decompressed({ bytes }: NamedSection): Uint8Array | DebugError {
  if (bytes.length < CHDR_BYTES) return unreadable("ends in the midst of something");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const type = view.getUint32(0, true);
  const maxOutputLength = view.getUint32(4, true);
  if (type === ELFCOMPRESS_ZSTD)
    return unreadable("is compressed by zstd, which is not read: link with --compress-debug-sections=zlib");
  if (type !== ELFCOMPRESS_ZLIB) return unreadable(`is compressed in an unknown way, ${type}`);
  if (maxOutputLength > MAX_SECTION_BYTES) return unreadable(`is larger than ${MAX_SECTION_BYTES} bytes`);
  if (maxOutputLength === 0) return NOTHING;
  try {
    return inflateSync(bytes.subarray(CHDR_BYTES), { maxOutputLength });
  } catch (error) {
    return unreadable(`cannot be decompressed: ${errorMessage(error)}`);
  }
}
