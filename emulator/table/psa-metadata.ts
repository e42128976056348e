/**
 * PSA Firmware Update metadata, version 2, whoever made it: read by what it says of itself, for people to look at.
 * What of it is ours, and counts, is table-codec.ts's alone.
 *
 * Invariant: nothing is taken on trust: sizes and counts that do not fit become a fault, in words.
 * Source: Arm DEN0118 "PSA Firmware Update", section 4.1; field names as in U-Boot's include/fwu_mdata.h.
 */
import { crc32 } from "../base/crc32.ts";

export interface PsaImageBank {
  /** GUIDs are as text, in lower case. */
  readonly imageGuid: string;
  readonly accepted: boolean;
}

/** What of the firmware is updated by itself, with one image in each bank. */
export interface PsaImage {
  readonly imageTypeGuid: string;
  readonly locationGuid: string;
  readonly banks: readonly PsaImageBank[];
}

export interface PsaMetadata {
  readonly metadataBytes: number;
  readonly activeIndex: number;
  /** 0xffff_ffff where there is none. */
  readonly previousActiveIndex: number;
  /** Of each bank; "unknown" for a state that PSA does not define. */
  readonly bankStates: readonly string[];
  readonly images: readonly PsaImage[];
  /** Behind the last image. */
  readonly vendorBytes: number;
  /** What does not hold, in words. */
  readonly faults: readonly string[];
}

const VERSION = 2;
const NO_INDEX = 0xffff_ffff;
const MAX_BANKS = 4;
/** Bytes in front of the firmware store descriptor, of that, and of an entry without its banks. */
const HEADER_BYTES = 0x20;
const DESCRIPTOR_BYTES = 8;
const IMAGE_ENTRY_BYTES = 32;
const BANK_INFO_BYTES = 24;
const BANK_STATES = new Map([
  [0xff, "invalid"],
  [0xfe, "valid"],
  [0xfc, "accepted"],
]);

/** Byte offsets. */
const enum At {
  CRC = 0x00,
  VERSION = 0x04,
  ACTIVE_INDEX = 0x08,
  PREVIOUS_ACTIVE_INDEX = 0x0c,
  METADATA_SIZE = 0x10,
  DESC_OFFSET = 0x14,
  BANK_STATE = 0x18,
}

/** `metadata_size` of what begins like PSA metadata of version 2; undefined for anything else. */
export function psaMetadataBytes(bytes: Uint8Array): number | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  const size = view.getUint32(At.METADATA_SIZE, true);
  return view.getUint32(At.VERSION, true) === VERSION && size >= HEADER_BYTES ? size : undefined;
}

/** @param bytes as many as {@link psaMetadataBytes} says, or more */
export function readPsaMetadata(bytes: Uint8Array): PsaMetadata {
  const view = viewOf(bytes);
  const metadataBytes = view.getUint32(At.METADATA_SIZE, true);
  const faults: string[] = [];
  if (view.getUint32(At.CRC, true) !== crc32(bytes.subarray(At.VERSION, metadataBytes)) >>> 0) {
    faults.push("its CRC does not hold");
  }
  const { banks, images, endsAt } = readStore(view, metadataBytes, faults);
  const bankStates = Array.from(
    { length: banks },
    (_, bank) => BANK_STATES.get(view.getUint8(At.BANK_STATE + bank)) ?? "unknown",
  );
  const activeIndex = view.getUint32(At.ACTIVE_INDEX, true);
  const previousActiveIndex = view.getUint32(At.PREVIOUS_ACTIVE_INDEX, true);
  if (activeIndex >= banks) faults.push(`its active bank ${activeIndex} does not exist`);
  if (previousActiveIndex >= banks && previousActiveIndex !== NO_INDEX) {
    faults.push(`its previous bank ${previousActiveIndex} does not exist`);
  }
  faults.push(...bankFaults(bankStates, images));
  const vendorBytes = metadataBytes - endsAt;
  return { metadataBytes, activeIndex, previousActiveIndex, bankStates, images, vendorBytes, faults };
}

/** The firmware store descriptor and its images; a descriptor offset of 0 says that there is none. */
function readStore(view: DataView, size: number, faults: string[]) {
  const none = { banks: MAX_BANKS, images: [], endsAt: HEADER_BYTES };
  const at = view.getUint16(At.DESC_OFFSET, true);
  if (at === 0) return none;
  if (at < HEADER_BYTES || at + DESCRIPTOR_BYTES > size) {
    faults.push(`its descriptor at ${at} is not inside its ${size} bytes`);
    return none;
  }
  const banks = view.getUint8(at);
  if (banks < 1 || banks > MAX_BANKS) {
    faults.push(`it has ${banks} banks instead of 1 to ${MAX_BANKS}`);
    return none;
  }
  const count = view.getUint16(at + 2, true);
  const entryBytes = view.getUint16(at + 4, true);
  const bankBytes = view.getUint16(at + 6, true);
  const first = at + DESCRIPTOR_BYTES;
  const endsAt = first + count * entryBytes;
  if (bankBytes < BANK_INFO_BYTES || entryBytes < IMAGE_ENTRY_BYTES + banks * bankBytes || endsAt > size) {
    faults.push(`its ${count} image entries of ${entryBytes} bytes do not fit`);
    return { ...none, banks };
  }
  const images = Array.from({ length: count }, (_, i) =>
    readImage(view, first + i * entryBytes, banks, bankBytes),
  );
  return { banks, images, endsAt };
}

function readImage(view: DataView, at: number, banks: number, bankBytes: number): PsaImage {
  return {
    imageTypeGuid: guidText(view, at),
    locationGuid: guidText(view, at + 16),
    banks: Array.from({ length: banks }, (_, bank) => {
      const info = at + IMAGE_ENTRY_BYTES + bank * bankBytes;
      return { imageGuid: guidText(view, info), accepted: (view.getUint32(info + 16, true) & 1) !== 0 };
    }),
  };
}

/** A bank is accepted when all its images are. */
function bankFaults(states: readonly string[], images: readonly PsaImage[]): string[] {
  return states.flatMap((state, bank) => {
    if (state === "unknown") return [`the state of its bank ${bank} is unknown`];
    const open = images.findIndex(({ banks }) => banks[bank]?.accepted === false);
    return state === "accepted" && open >= 0
      ? [`its bank ${bank} is accepted and image ${open} in it is not`]
      : [];
  });
}

/** EFI GUID: the first three fields little-endian, the rest byte by byte. */
function guidText(view: DataView, at: number): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  const rest = Array.from({ length: 8 }, (_, i) => hex(view.getUint8(at + 8 + i), 2)).join("");
  const fields = [hex(view.getUint32(at, true), 8), hex(view.getUint16(at + 4, true), 4)];
  return [...fields, hex(view.getUint16(at + 6, true), 4), rest.slice(0, 4), rest.slice(4)].join("-");
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
