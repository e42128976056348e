/**
 * The MCUboot image: how one firmware version is stored in a region.
 *
 *   header (32 bytes, padded to headerBytes) | body | protected TLVs | TLVs (SHA-256, key hash, signature)
 *
 * Invariants: whatever the bytes, reading them ends in an image or in a named {@link ImageFault}, never in an
 * exception, and no byte outside the given array is looked at. The digest covers header, body and protected
 * TLVs; what is believed about an image (version, security counter) lies in there. All sizes come from the
 * image itself and are checked against the array before they are used, so the bytes may be shared memory.
 *
 * Source: MCUboot docs/design.md and boot/bootutil/include/bootutil/image.h. Supported: executed in place,
 * plain, SHA-256, Ed25519 over the digest. Not supported, and refused by name: encrypted, compressed,
 * RAM-load and non-bootable images, other digests.
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { type ImageVersion, versionFits } from "../../emulator/base/version.ts";
import { WINDOW_BASE } from "../../emulator/memory/map.ts";

export const IMAGE_MAGIC = 0x96f3_b83d;
/** Bytes of the header's fields; an image's header may be padded beyond. */
export const IMAGE_HEADER_BYTES = 32;
export const DIGEST_BYTES = 32;
/** The body starts with at least one instruction. */
const MIN_BODY_BYTES = 4;

const TLV_INFO_MAGIC = 0x6907;
const TLV_PROTECTED_INFO_MAGIC = 0x6908;
/** Bytes of the head of a TLV area, and likewise of the head of one TLV. */
const TLV_HEAD_BYTES = 4;

const enum Tlv {
  KEY_HASH = 0x01,
  SHA256 = 0x10,
  ED25519 = 0x24,
  SECURITY_COUNTER = 0x50,
}

const enum Flag {
  PIC = 0x1,
  ENCRYPTED_AES128 = 0x4,
  ENCRYPTED_AES256 = 0x8,
  NON_BOOTABLE = 0x10,
  RAM_LOAD = 0x20,
  ROM_FIXED = 0x100,
}
/** Flags that change nothing for an image that is executed in place. */
const SUPPORTED_FLAGS = Flag.PIC | Flag.ROM_FIXED;

const ED25519_SIGNATURE_BYTES = 64;

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

/** An image whose digest holds and, where keys are set, whose signature does. */
export interface VerifiedImage extends ParsedImage {
  /** SHA-256, 32 bytes, a copy. */
  readonly digest: Uint8Array;
  readonly signed: boolean;
}

type FaultResult = { readonly ok: false; readonly fault: ImageFault };
export type ParseResult = { readonly ok: true; readonly image: ParsedImage } | FaultResult;
export type VerifyResult = { readonly ok: true; readonly image: VerifiedImage } | FaultResult;

/** A public Ed25519 key that may sign images, with the hash by which an image names it. */
export interface ImageKey {
  readonly key: KeyObject;
  /** SHA-256 of the key's SubjectPublicKeyInfo (DER), 32 bytes. */
  readonly hash: Uint8Array;
}

function fail(name: ImageFaultName, message: string): FaultResult {
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

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

function equalAt(bytes: Uint8Array, offset: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i += 1) {
    if (bytes[offset + i] !== expected[i]) return false;
  }
  return true;
}

/** Any one signature by any one of the keys is enough, as in MCUboot. */
function judgeSignatures(
  region: Uint8Array,
  image: ParsedImage,
  digest: Uint8Array,
  keys: readonly ImageKey[],
): ImageFault | undefined {
  if (image.signatures.length === 0) return { name: "no-signature", message: "the image is not signed" };
  let known = false;
  for (const { keyHashOffset, signatureOffset } of image.signatures) {
    if (keyHashOffset < 0) continue;
    for (const { key, hash } of keys) {
      if (!equalAt(region, keyHashOffset, hash)) continue;
      known = true;
      // A copy: the check must not see bytes that another thread changes under it.
      const signature = region.slice(signatureOffset, signatureOffset + ED25519_SIGNATURE_BYTES);
      if (verify(null, digest, key, signature)) return undefined;
    }
  }
  return known
    ? { name: "signature-mismatch", message: "the image's signature does not hold" }
    : { name: "unknown-key", message: "the image is signed with a key that is not configured" };
}

/**
 * Reads and hashes the whole image at the start of `region` and checks its signature.
 * @param keys with none, signatures are not looked at
 */
export function verifyImage(region: Uint8Array, keys: readonly ImageKey[] = []): VerifyResult {
  const parsed = parseImage(region);
  if (!parsed.ok) return parsed;
  const { image } = parsed;
  return judgeImage(region, image, sha256(region.subarray(0, image.hashedBytes)), keys);
}

/**
 * What becomes of a well-formed image whose bytes somebody has hashed.
 * @param digest SHA-256 of the first `image.hashedBytes` of the region
 * @param keys with none, signatures are not looked at
 */
export function judgeImage(
  region: Uint8Array,
  image: ParsedImage,
  digest: Uint8Array,
  keys: readonly ImageKey[],
): VerifyResult {
  if (!equalAt(region, image.digestOffset, digest)) {
    return fail("digest-mismatch", "the image's SHA-256 does not match its bytes");
  }
  const signed = keys.length > 0;
  if (signed) {
    const fault = judgeSignatures(region, image, digest, keys);
    if (fault !== undefined) return { ok: false, fault };
  }
  return { ok: true, image: { ...image, digest: Uint8Array.from(digest), signed } };
}

/** A key that cannot be used; `message` is one sentence for its user. */
export class ImageKeyError extends Error {
  override readonly name = "ImageKeyError";
}

/**
 * Prepares an Ed25519 key for {@link verifyImage}; of a private key the public half is taken.
 * @param source PEM text, or a key object
 * Throws {@link ImageKeyError}.
 */
export function imageKey(source: string | KeyObject): ImageKey {
  let key: KeyObject;
  try {
    key = typeof source !== "string" && source.type === "public" ? source : createPublicKey(source);
  } catch {
    throw new ImageKeyError("the key is no PEM text of an Ed25519 key");
  }
  if (key.asymmetricKeyType !== "ed25519") {
    throw new ImageKeyError(`the key is of type ${key.asymmetricKeyType ?? "secret"} instead of Ed25519`);
  }
  return { key, hash: Uint8Array.from(sha256(key.export({ type: "spki", format: "der" }))) };
}

/**
 * Prepares the keys of a configuration.
 * @param texts PEM texts
 * Throws {@link ImageKeyError}, which says which of them cannot be used.
 */
export function imageKeys(texts: readonly string[]): readonly ImageKey[] {
  return texts.map((text, index) => {
    try {
      return imageKey(text);
    } catch (error) {
      if (!(error instanceof ImageKeyError)) throw error;
      throw new ImageKeyError(`keys[${index}] cannot verify images: ${error.message}`);
    }
  });
}

/** What an image is made of. */
export interface ImageSource {
  /** Machine code linked for `WINDOW_BASE + headerBytes`; its first instruction is the entry. */
  readonly body: Uint8Array;
  readonly version: ImageVersion;
  /** 32 unless set; a multiple of 4 up to 65532. */
  readonly headerBytes?: number;
  /** Put into a protected TLV when set. */
  readonly securityCounter?: number;
  /** Record in the header that the image is linked for the virtual load region (MCUboot's ROM_FIXED). */
  readonly romFixed?: boolean;
  /** Ed25519 private key to sign with. */
  readonly signingKey?: KeyObject;
}

/** An image that cannot be made; `message` is one sentence for its user. */
export class ImageSourceError extends Error {
  override readonly name = "ImageSourceError";
}

function checkSource(source: ImageSource, headerBytes: number): void {
  if (!versionFits(source.version)) throw new ImageSourceError("the version has a part that is out of range");
  const headerFits = headerBytes >= IMAGE_HEADER_BYTES && headerBytes <= 0xfffc && headerBytes % 4 === 0;
  if (!headerFits) {
    throw new ImageSourceError(`a header of ${headerBytes} bytes is not a multiple of 4 from 32 to 65532`);
  }
  if (source.body.length < MIN_BODY_BYTES || source.body.length > 0xffff_ffff) {
    throw new ImageSourceError(`a body of ${source.body.length} bytes cannot be an image`);
  }
  const counter = source.securityCounter ?? 0;
  if (!Number.isInteger(counter) || counter < 0 || counter > 0xffff_ffff) {
    throw new ImageSourceError(`the security counter ${counter} is no 32-bit number`);
  }
  if (source.signingKey !== undefined) {
    const { type, asymmetricKeyType } = source.signingKey;
    if (type !== "private" || asymmetricKeyType !== "ed25519") {
      throw new ImageSourceError("the signing key is no Ed25519 private key");
    }
  }
}

function tlv(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(TLV_HEAD_BYTES + value.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, type, true);
  view.setUint16(2, value.length, true);
  bytes.set(value, TLV_HEAD_BYTES);
  return bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** A TLV area: its head (which has the shape of a TLV but counts itself) and its entries. */
function tlvArea(magic: number, entries: readonly Uint8Array[]): Uint8Array {
  const area = concat([new Uint8Array(TLV_HEAD_BYTES), ...entries]);
  const view = new DataView(area.buffer);
  view.setUint16(0, magic, true);
  view.setUint16(2, area.length, true);
  return area;
}

function encodeHeader(source: ImageSource, headerBytes: number, protectedBytes: number): Uint8Array {
  // Padding reads as erased flash, as imgtool's `--pad-header` leaves it.
  const header = new Uint8Array(headerBytes).fill(0xff);
  const view = new DataView(header.buffer);
  const romFixed = source.romFixed ?? false;
  view.setUint32(0, IMAGE_MAGIC, true);
  view.setUint32(4, romFixed ? WINDOW_BASE : 0, true);
  view.setUint16(8, headerBytes, true);
  view.setUint16(10, protectedBytes, true);
  view.setUint32(12, source.body.length, true);
  view.setUint32(16, romFixed ? Flag.ROM_FIXED : 0, true);
  view.setUint8(20, source.version.major);
  view.setUint8(21, source.version.minor);
  view.setUint16(22, source.version.revision, true);
  view.setUint32(24, source.version.build, true);
  view.setUint32(28, 0, true);
  return header;
}

/**
 * Makes an image, byte for byte what MCUboot's imgtool makes of the same input.
 * Throws {@link ImageSourceError}.
 */
export function encodeImage(source: ImageSource): Uint8Array {
  const headerBytes = source.headerBytes ?? IMAGE_HEADER_BYTES;
  checkSource(source, headerBytes);
  const protectedArea =
    source.securityCounter === undefined
      ? new Uint8Array(0)
      : tlvArea(TLV_PROTECTED_INFO_MAGIC, [tlv(Tlv.SECURITY_COUNTER, u32Bytes(source.securityCounter))]);
  const header = encodeHeader(source, headerBytes, protectedArea.length);
  const hashed = concat([header, source.body, protectedArea]);
  const digest = sha256(hashed);
  const entries = [tlv(Tlv.SHA256, digest)];
  if (source.signingKey !== undefined) {
    entries.push(tlv(Tlv.KEY_HASH, imageKey(source.signingKey).hash));
    entries.push(tlv(Tlv.ED25519, sign(null, digest, source.signingKey)));
  }
  return concat([hashed, tlvArea(TLV_INFO_MAGIC, entries)]);
}

function u32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
