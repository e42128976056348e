/**
 * The MCUboot image: how one firmware version is stored in a region.
 *
 *   header (32 bytes, padded to headerBytes) | body | protected TLVs | TLVs (digest, key hash, signature)
 *
 * Invariants: whatever the bytes, reading them ends in an image or in a named {@link ImageFault}, never in an
 * exception, and no byte outside the given array is looked at. All sizes come from the image itself and are checked
 * against the array before they are used, so the bytes may be shared memory.
 *
 * Source: MCUboot docs/design.md, boot/bootutil/include/bootutil/image.h and boot/bootutil/src/image_validate.c. Read is
 * what imgtool makes for direct-XIP. Not supported, and refused by name: encrypted, compressed, big-endian, RAM-load and
 * non-bootable images. docs/table.md tells where this is stricter than MCUboot.
 */

import type { HashAlgorithm } from "../../emulator/api.ts";
import { hex } from "../../emulator/base/text.ts";
import type { ImageVersion } from "../../emulator/base/version.ts";
import { WINDOW_BASE } from "../../emulator/memory/map.ts";

export const IMAGE_MAGIC = 0x96f3_b83d;
/** Bytes of the header's fields; an image's header may be padded beyond. */
export const IMAGE_HEADER_BYTES = 32;
/** The magic of an image whose fields are big-endian, read as little-endian. */
const BIG_ENDIAN_MAGIC = 0x3db8_f396;
/** The body starts with at least one instruction. */
export const MIN_BODY_BYTES = 4;

export const TLV_INFO_MAGIC = 0x6907;
export const TLV_PROTECTED_INFO_MAGIC = 0x6908;
/** Bytes of the head of a TLV area, and likewise of the head of one TLV. */
export const TLV_HEAD_BYTES = 4;

/**
 * Bytes at the end of a region that no image may reach into: MCUboot keeps its trailer there (swap info, copy done and
 * image ok with 8 bytes each, a magic of 16), whatever the image update is (`bootutil_max_image_size`, direct-XIP).
 */
export const TRAILER_BYTES = 40;

export const enum Tlv {
  KEY_HASH = 0x01,
  PUBLIC_KEY = 0x02,
  SHA256 = 0x10,
  SHA384 = 0x11,
  SHA512 = 0x12,
  RSA2048_PSS = 0x20,
  ECDSA = 0x22,
  RSA3072_PSS = 0x23,
  ED25519 = 0x24,
  PURE_SIGNATURE = 0x25,
  SECURITY_COUNTER = 0x50,
}

interface DigestKind {
  readonly algorithm: HashAlgorithm;
  readonly bytes: number;
}
const DIGESTS: ReadonlyMap<number, DigestKind> = new Map([
  [Tlv.SHA256, { algorithm: "sha256", bytes: 32 }],
  [Tlv.SHA384, { algorithm: "sha384", bytes: 48 }],
  [Tlv.SHA512, { algorithm: "sha512", bytes: 64 }],
]);
/** What names a key or is a signature. */
const SIGNING: readonly number[] = [
  ...[Tlv.KEY_HASH, Tlv.PUBLIC_KEY],
  ...[Tlv.RSA2048_PSS, Tlv.ECDSA, Tlv.RSA3072_PSS, Tlv.ED25519],
];

export const enum Flag {
  PIC = 0x1,
  ENCRYPTED_AES128 = 0x4,
  ENCRYPTED_AES256 = 0x8,
  NON_BOOTABLE = 0x10,
  RAM_LOAD = 0x20,
  ROM_FIXED = 0x100,
  COMPRESSED_LZMA1 = 0x200,
  COMPRESSED_LZMA2 = 0x400,
  COMPRESSED_ARM_THUMB = 0x800,
}
const ENCRYPTED = Flag.ENCRYPTED_AES128 | Flag.ENCRYPTED_AES256;
const COMPRESSED = Flag.COMPRESSED_LZMA1 | Flag.COMPRESSED_LZMA2 | Flag.COMPRESSED_ARM_THUMB;
/** Flags that change nothing for an image that is executed in place. */
const SUPPORTED_FLAGS = Flag.PIC | Flag.ROM_FIXED;

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
  /** A byte of it cannot be read: its ECC is not valid. */
  | "unreadable"
  | "bad-tlv"
  | "no-digest"
  | "digest-mismatch"
  | "no-signature"
  | "unknown-key"
  | "signature-mismatch"
  /** None, where one is asked for, or one that stands where the digest does not cover it. */
  | "no-security-counter";

export interface ImageFault {
  readonly name: ImageFaultName;
  /** One sentence for humans. */
  readonly message: string;
}

/** Where an image stands, or is to be put. */
interface ImagePlace {
  readonly regionBytes: number;
  readonly unreadableAt: number;
}

/** A well-formed image; nothing is said yet about its digest. */
export interface ParsedImage {
  readonly version: ImageVersion;
  /** Where the body, and so the entry, starts. */
  readonly headerBytes: number;
  readonly bodyBytes: number;
  /** Bytes covered by digest and signature: header, body and protected TLVs. */
  readonly hashedBytes: number;
  /** Bytes of the whole image, TLVs included. */
  readonly imageBytes: number;
  readonly flags: number;
  readonly loadAddress: number;
  /** Undefined when no protected TLV has one. */
  readonly securityCounter: number | undefined;
  /** One stands outside the protected TLVs, too, where anybody can put it. It does not count. */
  readonly hasStrayCounter: boolean;
  readonly digest: ClaimedDigest;
  /** The image says that it, and not its digest, is what Ed25519 signed. */
  readonly isPure: boolean;
  /** Names of keys, and signatures, as they stand in the image. */
  readonly signing: readonly SigningTlv[];
}

/** The digest that an image claims. */
export interface ClaimedDigest extends DigestKind {
  /** In bytes, from the start of the image. */
  readonly offset: number;
}

/** Of a type in `SIGNING`: the hash of a public key, a public key, or a signature by the key that was named last. */
export interface SigningTlv {
  readonly type: number;
  /** Of the value in bytes, from the start of the image. */
  readonly offset: number;
  readonly length: number;
}

export function isSignature({ type }: SigningTlv): boolean {
  return type !== Tlv.KEY_HASH && type !== Tlv.PUBLIC_KEY;
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
  digest: ClaimedDigest | undefined;
  securityCounter: number | undefined;
  hasStrayCounter: boolean;
  isPure: boolean | undefined;
  readonly signing: SigningTlv[];
}

function badTlv(message: string): ImageFault {
  return { name: "bad-tlv", message };
}

/**
 * Walks the TLVs between `start` and `end`. Unknown types are skipped, as MCUboot does. Returns what is wrong, or
 * undefined.
 */
function walkTlvs(
  bytes: Uint8Array,
  start: number,
  end: number,
  isProtected: boolean,
  found: TlvFindings,
): ImageFault | undefined {
  let offset = start;
  while (offset < end) {
    if (end - offset < TLV_HEAD_BYTES) return badTlv(`a TLV head at ${hex(offset)} is cut off`);
    const type = readU16(bytes, offset);
    const length = readU16(bytes, offset + 2);
    const value = offset + TLV_HEAD_BYTES;
    if (length > end - value) return badTlv(`the TLV ${hex(type)} at ${hex(offset)} reaches beyond its area`);
    const fault = noteTlv(bytes, { type, offset: value, length }, isProtected, found);
    if (fault !== undefined) return fault;
    offset = value + length;
  }
  return undefined;
}

/**
 * Adds what one TLV says. Of all of them only the security counter has to be protected: the others are good for nothing
 * but the comparison that shows them right. Returns what is wrong, or undefined.
 */
function noteTlv(
  bytes: Uint8Array,
  tlv: SigningTlv,
  isProtected: boolean,
  found: TlvFindings,
): ImageFault | undefined {
  const { type, offset, length } = tlv;
  const kind = DIGESTS.get(type);
  if (kind !== undefined) {
    const name = digestName(kind.algorithm);
    if (length !== kind.bytes) return badTlv(`the ${name} has ${length} bytes instead of ${kind.bytes}`);
    if (found.digest !== undefined) return badTlv(`there is a second digest, a ${name}`);
    found.digest = { ...kind, offset };
  } else if (SIGNING.includes(type)) {
    found.signing.push(tlv);
  } else if (type === Tlv.PURE_SIGNATURE) {
    found.isPure ??= length === 1 && bytes[offset] === 1;
  } else if (type === Tlv.SECURITY_COUNTER) {
    return noteCounter(bytes, tlv, isProtected, found);
  }
  return undefined;
}

function noteCounter(
  bytes: Uint8Array,
  { offset, length }: SigningTlv,
  isProtected: boolean,
  found: TlvFindings,
): ImageFault | undefined {
  if (!isProtected) {
    found.hasStrayCounter = true;
    return undefined;
  }
  if (length !== 4) return badTlv(`the security counter has ${length} bytes instead of 4`);
  if (found.securityCounter !== undefined) return badTlv("there are two security counters");
  found.securityCounter = readU32(bytes, offset);
  return undefined;
}

/** As people write it: "SHA-256". */
export function digestName(algorithm: HashAlgorithm): string {
  return `SHA-${algorithm.slice(3)}`;
}

/** What is wrong with the flags and the address that the header claims, or undefined. */
function judgeFlags(flags: number, loadAddress: number): ImageFault | undefined {
  const unsupported = (message: string): ImageFault => ({ name: "unsupported-image", message });
  if ((flags & ENCRYPTED) !== 0) return unsupported("the image is encrypted");
  if ((flags & COMPRESSED) !== 0) return unsupported("the image is compressed");
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

/** Why an image of so many bytes, or more, cannot be read; undefined where it can. */
function judgeReadable(imageBytes: number, unreadableAt: number): ImageFault | undefined {
  if (imageBytes <= unreadableAt) return undefined;
  return {
    name: "unreadable",
    message: `the flash cannot be read at ${hex(unreadableAt)}: its ECC is not valid`,
  };
}

/** What is wrong with an image of so many bytes, or more, where it stands or is to be put; or undefined. */
function judgeSize(
  imageBytes: number,
  region: Uint8Array,
  { regionBytes, unreadableAt }: ImagePlace,
): ImageFault | undefined {
  const tooLarge = (message: string): ImageFault => ({ name: "too-large", message });
  const { length } = region;
  if (imageBytes > length) {
    return tooLarge(
      `the image reaches beyond the ${length} bytes that there are: it has ${imageBytes} or more`,
    );
  }
  const room = regionBytes - TRAILER_BYTES;
  if (imageBytes > room) {
    return tooLarge(
      `the image has ${imageBytes} bytes or more, and a region of ${regionBytes} takes ${room}: ` +
        `the last ${TRAILER_BYTES} are for MCUboot's trailer`,
    );
  }
  if (length <= regionBytes) return judgeReadable(imageBytes, unreadableAt);
  return tooLarge(
    `with what is behind the image there are ${length} bytes, more than the ${regionBytes} of a region`,
  );
}

/** What the header says, checked as far as it can be by itself. */
type Header = Pick<
  ParsedImage,
  "version" | "headerBytes" | "bodyBytes" | "hashedBytes" | "flags" | "loadAddress"
>;

function readHeader(
  region: Uint8Array,
  place: ImagePlace,
): { readonly ok: true; readonly header: Header } | FaultResult {
  const unreadable = judgeReadable(IMAGE_HEADER_BYTES, place.unreadableAt);
  if (unreadable !== undefined) return { ok: false, fault: unreadable };
  if (region.length < IMAGE_HEADER_BYTES) {
    return fail("no-image", `${region.length} bytes are too few for an image header`);
  }
  const magic = readU32(region, 0);
  if (magic === 0xffff_ffff) return fail("blank", "it reads erased where the image's header should be");
  if (magic === BIG_ENDIAN_MAGIC) return fail("unsupported-image", "the image is big-endian");
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
  const outside = judgeSize(hashedBytes + TLV_HEAD_BYTES, region, place);
  if (outside !== undefined) return { ok: false, fault: outside };
  return { ok: true, header: { version, headerBytes, bodyBytes, hashedBytes, flags, loadAddress } };
}

/** The protected TLV area lies between the body and the end of what is hashed; it may be missing. */
function readProtectedTlvs(region: Uint8Array, header: Header, found: TlvFindings): ImageFault | undefined {
  const start = header.headerBytes + header.bodyBytes;
  const areaBytes = header.hashedBytes - start;
  if (areaBytes === 0) return undefined;
  if (areaBytes < TLV_HEAD_BYTES || readU16(region, start) !== TLV_PROTECTED_INFO_MAGIC) {
    return badTlv("the protected TLV area that the header announces is not there");
  }
  if (readU16(region, start + 2) !== areaBytes) {
    return badTlv("header and protected TLV area disagree about its size");
  }
  return walkTlvs(region, start + TLV_HEAD_BYTES, header.hashedBytes, true, found);
}

/**
 * Reads the structure of the image at the start of `region` without hashing anything.
 * @param region all bytes of the region, or of a file that is to be put into one
 * @param regionBytes size of the region; infinite where it is not known, and then MCUboot's trailer has no place either
 * @param unreadableAt the first byte that cannot be read: neither it nor what follows is looked at
 */
export function parseImage(
  region: Uint8Array,
  regionBytes = region.length,
  unreadableAt = Number.POSITIVE_INFINITY,
): ParseResult {
  const place = { regionBytes, unreadableAt };
  const read = readHeader(region, place);
  if (!read.ok) return read;
  const { header } = read;
  const found: TlvFindings = {
    digest: undefined,
    securityCounter: undefined,
    hasStrayCounter: false,
    isPure: undefined,
    signing: [],
  };
  const protectedFault = readProtectedTlvs(region, header, found);
  if (protectedFault !== undefined) return { ok: false, fault: protectedFault };

  const start = header.hashedBytes;
  if (readU16(region, start) !== TLV_INFO_MAGIC) {
    return fail("bad-tlv", `there is no TLV area behind the body at ${hex(start)}`);
  }
  const tlvBytes = readU16(region, start + 2);
  const imageBytes = start + tlvBytes;
  if (tlvBytes < TLV_HEAD_BYTES) return fail("bad-tlv", `a TLV area of ${tlvBytes} bytes is impossible`);
  const fault =
    judgeSize(imageBytes, region, place) ??
    walkTlvs(region, start + TLV_HEAD_BYTES, imageBytes, false, found);
  if (fault !== undefined) return { ok: false, fault };
  const { digest, isPure = false } = found;
  if (digest === undefined) return fail("no-digest", "the image has no SHA-256, SHA-384 or SHA-512");
  return { ok: true, image: { ...header, ...found, digest, isPure, imageBytes } };
}
