/**
 * Whether an image is what it says it is: its digest, and its signature where keys are set.
 *
 * The digest covers header, body and protected TLVs; what is believed about an image (version, security counter) lies
 * in there.
 */
import { verify } from "node:crypto";
import {
  ED25519_SIGNATURE_BYTES,
  type FaultResult,
  fail,
  type ImageFault,
  type ParsedImage,
  parseImage,
} from "./format.ts";
import { type ImageKey, sha256 } from "./keys.ts";

/** An image whose digest holds and, where keys are set, whose signature does. */
export interface VerifiedImage extends ParsedImage {
  /** SHA-256, 32 bytes, a copy. */
  readonly digest: Uint8Array;
  readonly signed: boolean;
}

export type VerifyResult = { readonly ok: true; readonly image: VerifiedImage } | FaultResult;

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
