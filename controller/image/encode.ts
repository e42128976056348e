/** Makes images, byte for byte what MCUboot's imgtool makes. */
import { type KeyObject, sign } from "node:crypto";
import { type ImageVersion, versionFits } from "../../emulator/base/version.ts";
import { WINDOW_BASE } from "../../emulator/memory/map.ts";
import {
  Flag,
  IMAGE_HEADER_BYTES,
  IMAGE_MAGIC,
  MIN_BODY_BYTES,
  TLV_HEAD_BYTES,
  TLV_INFO_MAGIC,
  TLV_PROTECTED_INFO_MAGIC,
  Tlv,
} from "./format.ts";
import { hashOf, imageKey } from "./keys.ts";

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
  const digest = hashOf("sha256", hashed);
  const entries = [tlv(Tlv.SHA256, digest)];
  if (source.signingKey !== undefined) {
    entries.push(tlv(Tlv.KEY_HASH, imageKey(source.signingKey).hashes.sha256));
    entries.push(tlv(Tlv.ED25519, sign(null, digest, source.signingKey)));
  }
  return concat([hashed, tlvArea(TLV_INFO_MAGIC, entries)]);
}

function u32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
