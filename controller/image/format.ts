/**
 * The MCUboot image: how one firmware version is stored in a region.
 *
 *   header (32 bytes, padded to headerBytes) | body | protected TLVs | TLVs (SHA-256, key hash, signature)
 *
 * Invariants: whatever the bytes, reading them ends in an image or in a named {@link ImageFault}, never in an
 * exception, and no byte outside the given array is looked at. All sizes come from the image itself and are checked
 * against the array before they are used, so the bytes may be shared memory.
 *
 * Source: MCUboot docs/design.md and boot/bootutil/include/bootutil/image.h. Supported: executed in place,
 * plain, SHA-256, Ed25519 over the digest. Not supported, and refused by name: encrypted, compressed,
 * RAM-load and non-bootable images, other digests.
 */
import type { ImageVersion } from "../../emulator/base/version.ts";
import { WINDOW_BASE } from "../../emulator/memory/map.ts";

export const IMAGE_MAGIC = 0x96f3_b83d;
/** Bytes of the header's fields; an image's header may be padded beyond. */
export const IMAGE_HEADER_BYTES = 32;
export const DIGEST_BYTES = 32;
/** The body starts with at least one instruction. */
export const MIN_BODY_BYTES = 4;

export const TLV_INFO_MAGIC = 0x6907;
export const TLV_PROTECTED_INFO_MAGIC = 0x6908;
/** Bytes of the head of a TLV area, and likewise of the head of one TLV. */
export const TLV_HEAD_BYTES = 4;

export const enum Tlv {
  KEY_HASH = 0x01,
  SHA256 = 0x10,
  ED25519 = 0x24,
  SECURITY_COUNTER = 0x50,
}

export const enum Flag {
  PIC = 0x1,
  ENCRYPTED_AES128 = 0x4,
  ENCRYPTED_AES256 = 0x8,
  NON_BOOTABLE = 0x10,
  RAM_LOAD = 0x20,
  ROM_FIXED = 0x100,
}
/** Flags that change nothing for an image that is executed in place. */
const SUPPORTED_FLAGS = Flag.PIC | Flag.ROM_FIXED;

export const ED25519_SIGNATURE_BYTES = 64;

/** Why an image is not usable. */
export type ImageFaultName =
  /** The region reads erased where the header should be. */
  | "blank"
  /** No MCUboot magic. */
  | "no-image"
  | "bad-header"
  | "unsupported-image"
  /** Linked for another address than the virtual load region. */
  | "wrong-address"
  /** The image reaches beyond its region. */
  | "too-large"
  | "bad-tlv"
  | "no-digest"
  | "digest-mismatch"
  | "no-signature"
  | "unknown-key"
  | "signature-mismatch";

export interface ImageFault {
  readonly name: ImageFaultName;
  /** One sentence for humans. */
  readonly message: string;
}

/** A well-formed image; nothing is said yet about its digest. */
export interface ParsedImage {
  readonly version: ImageVersion;
  /** Where the body, and so the entry, starts. */
  readonly headerBytes: number;
  readonly bodyBytes: number;
  /** Bytes covered by the digest: header, body and protected TLVs. */
  readonly hashedBytes: number;
  /** Bytes of the whole image, TLVs included. */
  readonly imageBytes: number;
  readonly flags: number;
  readonly loadAddress: number;
  /** 0 when the image has none. */
  readonly securityCounter: number;
  /** Offset in bytes of the SHA-256 that the image claims. */
  readonly digestOffset: number;
  /** Offsets in bytes of key hash and signature, in pairs, as they stand in the image. */
  readonly signatures: readonly SignaturePlace[];
}

export interface SignaturePlace {
  /** Offset in bytes of the SHA-256 of the public key; -1 when no key hash stands before the signature. */
  readonly keyHashOffset: number;
  readonly signatureOffset: number;
}

export type FaultResult = { readonly ok: false; readonly fault: ImageFault };
export type ParseResult = { readonly ok: true; readonly image: ParsedImage } | FaultResult;

export function fail(name: ImageFaultName, message: string): FaultResult {
  return { ok: false, fault: { name, message } };
}

function readU16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] as number) | ((bytes[offset + 1] as number) << 8);
}

function readU32(bytes: Uint8Array, offset: number): number {
  return (readU16(bytes, offset) | (readU16(bytes, offset + 2) << 16)) >>> 0;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function readVersion(bytes: Uint8Array, offset: number): ImageVersion {
  return {
    major: bytes[offset] as number,
    minor: bytes[offset + 1] as number,
    revision: readU16(bytes, offset + 2),
    build: readU32(bytes, offset + 4),
  };
}

/** What the TLVs say; filled while they are walked. */
interface TlvFindings {
  digestOffset: number;
  securityCounter: number;
  readonly signatures: SignaturePlace[];
}

/**
 * Walks the TLVs between `start` and `end`. The security counter counts only where it is protected, digest
 * and signatures only where they are not (they cannot cover themselves). Unknown types are skipped, as
 * MCUboot does. Returns what is wrong, or undefined.
 */
function walkTlvs(
  bytes: Uint8Array,
  start: number,
  end: number,
  isProtected: boolean,
  found: TlvFindings,
): ImageFault | undefined {
  const wrong = (message: string): ImageFault => ({ name: "bad-tlv", message });
  let keyHashOffset = -1;
  let offset = start;
  while (offset < end) {
    if (end - offset < TLV_HEAD_BYTES) return wrong(`a TLV head at ${hex(offset)} is cut off`);
    const type = readU16(bytes, offset);
    const length = readU16(bytes, offset + 2);
    const value = offset + TLV_HEAD_BYTES;
    if (length > end - value) return wrong(`the TLV ${hex(type)} at ${hex(offset)} reaches beyond its area`);
    offset = value + length;
    if (isProtected) {
      if (type !== Tlv.SECURITY_COUNTER) continue;
      if (length !== 4) return wrong(`the security counter has ${length} bytes instead of 4`);
      found.securityCounter = readU32(bytes, value);
    } else if (type === Tlv.SHA256) {
      if (length !== DIGEST_BYTES) return wrong(`the SHA-256 has ${length} bytes instead of ${DIGEST_BYTES}`);
      if (found.digestOffset >= 0) return wrong("there are two SHA-256 TLVs");
      found.digestOffset = value;
    } else if (type === Tlv.KEY_HASH) {
      keyHashOffset = length === DIGEST_BYTES ? value : -1;
    } else if (type === Tlv.ED25519) {
      if (length !== ED25519_SIGNATURE_BYTES) {
        return wrong(`the Ed25519 signature has ${length} bytes instead of ${ED25519_SIGNATURE_BYTES}`);
      }
      found.signatures.push({ keyHashOffset, signatureOffset: value });
    }
  }
  return undefined;
}

/** What is wrong with the flags and the address that the header claims, or undefined. */
function judgeFlags(flags: number, loadAddress: number): ImageFault | undefined {
  const unsupported = (message: string): ImageFault => ({ name: "unsupported-image", message });
  if ((flags & (Flag.ENCRYPTED_AES128 | Flag.ENCRYPTED_AES256)) !== 0) {
    return unsupported("the image is encrypted");
  }
  if ((flags & Flag.RAM_LOAD) !== 0) {
    return unsupported("the image wants to be loaded into RAM, but images are executed in place");
  }
  if ((flags & Flag.NON_BOOTABLE) !== 0) return unsupported("the image says that it is not bootable");
  if ((flags & ~SUPPORTED_FLAGS) !== 0) {
    return unsupported(`the image has flags that are not supported (${hex(flags >>> 0)})`);
  }
  if ((flags & Flag.ROM_FIXED) !== 0 && loadAddress !== WINDOW_BASE) {
    return {
      name: "wrong-address",
      message: `the image is linked for ${hex(loadAddress)} instead of the virtual load region at ${hex(WINDOW_BASE)}`,
    };
  }
  return undefined;
}

/** What the header says, checked as far as it can be by itself. */
type Header = Pick<
  ParsedImage,
  "version" | "headerBytes" | "bodyBytes" | "hashedBytes" | "flags" | "loadAddress"
>;

function readHeader(region: Uint8Array): { readonly ok: true; readonly header: Header } | FaultResult {
  const limit = region.length;
  if (limit < IMAGE_HEADER_BYTES) return fail("no-image", `${limit} bytes are too few for an image header`);
  const magic = readU32(region, 0);
  if (magic === 0xffff_ffff) return fail("blank", "it reads erased where the image's header should be");
  if (magic !== IMAGE_MAGIC) return fail("no-image", `there is no image: the magic is ${hex(magic)}`);
  const loadAddress = readU32(region, 4);
  const headerBytes = readU16(region, 8);
  const protectedBytes = readU16(region, 10);
  const bodyBytes = readU32(region, 12);
  const flags = readU32(region, 16);
  const version = readVersion(region, 20);
  if (headerBytes < IMAGE_HEADER_BYTES || headerBytes % 4 !== 0) {
    return fail("bad-header", `a header of ${headerBytes} bytes is not a multiple of 4 from 32 on`);
  }
  if (bodyBytes < MIN_BODY_BYTES) return fail("bad-header", `a body of ${bodyBytes} bytes holds no code`);
  const flagFault = judgeFlags(flags, loadAddress);
  if (flagFault !== undefined) return { ok: false, fault: flagFault };
  // The sum stays far below 2^53: it cannot wrap.
  const hashedBytes = headerBytes + bodyBytes + protectedBytes;
  if (hashedBytes + TLV_HEAD_BYTES > limit) {
    return fail("too-large", `the image reaches beyond the ${limit} bytes that there are`);
  }
  return { ok: true, header: { version, headerBytes, bodyBytes, hashedBytes, flags, loadAddress } };
}

/** The protected TLV area lies between the body and the end of what is hashed; it may be missing. */
function readProtectedTlvs(region: Uint8Array, header: Header, found: TlvFindings): ImageFault | undefined {
  const start = header.headerBytes + header.bodyBytes;
  const areaBytes = header.hashedBytes - start;
  if (areaBytes === 0) return undefined;
  const wrong = (message: string): ImageFault => ({ name: "bad-tlv", message });
  if (areaBytes < TLV_HEAD_BYTES || readU16(region, start) !== TLV_PROTECTED_INFO_MAGIC) {
    return wrong("the protected TLV area that the header announces is not there");
  }
  if (readU16(region, start + 2) !== areaBytes) {
    return wrong("header and protected TLV area disagree about its size");
  }
  return walkTlvs(region, start + TLV_HEAD_BYTES, header.hashedBytes, true, found);
}

/**
 * Reads the structure of the image at the start of `region` without hashing anything.
 * @param region all bytes of the region; the image must lie within
 */
export function parseImage(region: Uint8Array): ParseResult {
  const read = readHeader(region);
  if (!read.ok) return read;
  const { header } = read;
  const found: TlvFindings = { digestOffset: -1, securityCounter: 0, signatures: [] };
  const protectedFault = readProtectedTlvs(region, header, found);
  if (protectedFault !== undefined) return { ok: false, fault: protectedFault };

  const start = header.hashedBytes;
  if (readU16(region, start) !== TLV_INFO_MAGIC) {
    return fail("bad-tlv", `there is no TLV area behind the body at ${hex(start)}`);
  }
  const tlvBytes = readU16(region, start + 2);
  const imageBytes = start + tlvBytes;
  if (tlvBytes < TLV_HEAD_BYTES) return fail("bad-tlv", `a TLV area of ${tlvBytes} bytes is impossible`);
  if (imageBytes > region.length) {
    return fail(
      "too-large",
      `the image has ${imageBytes} bytes, more than the ${region.length} that there are`,
    );
  }
  const fault = walkTlvs(region, start + TLV_HEAD_BYTES, imageBytes, false, found);
  if (fault !== undefined) return { ok: false, fault };
  if (found.digestOffset < 0) return fail("no-digest", "the image has no SHA-256");
  return { ok: true, image: { ...header, ...found, imageBytes } };
}
