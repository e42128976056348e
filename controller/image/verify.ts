/**
 * Whether an image is what it says it is, and what a device asks for: its digest, its signature where keys are set, and a
 * security counter where there must be one.
 *
 * The digest covers header, body and protected TLVs; what is believed about an image (version, security counter) lies
 * in there. So does the signature. The rules are those of MCUboot's boot/bootutil/src/image_validate.c, and never laxer.
 */
import { constants, type VerifyKeyObjectInput, verify } from "node:crypto";
import type { HashAlgorithm } from "../../emulator/api.ts";
import {
  type ClaimedDigest,
  digestName,
  type FaultResult,
  fail,
  type ImageFault,
  isSignature,
  type ParsedImage,
  parseImage,
  type SigningTlv,
  Tlv,
} from "./format.ts";
import { hashOf, type ImageKey, imageKeys, type SignatureScheme } from "./keys.ts";

/** What a device asks of images besides their being whole, as a configuration has it. */
export interface RequirementsConfig {
  /** PEM texts of the keys that images are verified with. Absent or empty: signatures are not looked at. */
  readonly keys?: readonly string[];
  /** Rollback protection is meant: an image without a security counter is not usable. */
  readonly requireSecurityCounter?: boolean;
}

/** The same, ready for use. */
export interface ImageRequirements {
  readonly keys: readonly ImageKey[];
  readonly securityCounter: boolean;
}

export const NO_REQUIREMENTS: ImageRequirements = { keys: [], securityCounter: false };

/** Throws ImageKeyError. */
export function imageRequirements(config: RequirementsConfig): ImageRequirements {
  const { keys = [], requireSecurityCounter = false } = config;
  return { keys: imageKeys(keys), securityCounter: requireSecurityCounter };
}

/** An image whose digest holds and that has what was asked for. */
export interface VerifiedImage extends ParsedImage {
  /** SHA-256 of what digest and signature cover, 32 bytes, whichever digest the image has: what it is known by. */
  readonly sha256: Uint8Array;
  readonly signed: boolean;
}

export type VerifyResult = { readonly ok: true; readonly image: VerifiedImage } | FaultResult;

/** Hashes of the first `hashedBytes` of an image: the digest that it has one of, and its SHA-256. */
export type ImageHashes = Readonly<Record<"digest" | "sha256", Uint8Array>>;

/** A signature to be verified, as `verify` of node:crypto takes it. */
export interface SignatureCheck {
  readonly algorithm: HashAlgorithm | null;
  readonly message: Uint8Array;
  readonly key: VerifyKeyObjectInput;
  readonly signature: Uint8Array;
}

/** Usable, if the signature holds that there is to check. */
export type Judgement =
  | { readonly ok: true; readonly image: VerifiedImage; readonly check: SignatureCheck | undefined }
  | FaultResult;

/**
 * Reads and hashes the whole image at the start of `region`, and checks what is asked for.
 * @param regionBytes size of the region where `region` is a file that is to be put into one; see {@link parseImage}
 * @param unreadableAt the first byte of the region that cannot be read; see there, too
 */
export function verifyImage(
  region: Uint8Array,
  requirements: ImageRequirements = NO_REQUIREMENTS,
  regionBytes = region.length,
  unreadableAt?: number,
): VerifyResult {
  const parsed = parseImage(region, regionBytes, unreadableAt);
  if (!parsed.ok) return parsed;
  const { image } = parsed;
  const hashed = region.subarray(0, image.hashedBytes);
  const sha256 = hashOf("sha256", hashed);
  const { algorithm } = image.digest;
  const digest = algorithm === "sha256" ? sha256 : hashOf(algorithm, hashed);
  const judgement = judgeImage(region, image, { digest, sha256 }, requirements);
  return !judgement.ok || judgement.check === undefined || holds(judgement.check) ? judgement : MISMATCH;
}

const MISMATCH = fail("signature-mismatch", "the image's signature does not hold");

function holds({ algorithm, message, key, signature }: SignatureCheck): boolean {
  return verify(algorithm, message, key, signature);
}

/**
 * Checks the signature of a judgement in a thread of Node's pool: for RSA and ECDSA, and for a pure image, the whole
 * image is hashed once more.
 */
export async function concludeInBackground(judgement: Judgement): Promise<VerifyResult> {
  if (!judgement.ok || judgement.check === undefined) return judgement;
  const { algorithm, message, key, signature } = judgement.check;
  return new Promise((resolve) => {
    verify(algorithm, message, key, signature, (error, isRight) =>
      resolve(error === null && isRight ? judgement : MISMATCH),
    );
  });
}

/** What becomes of a well-formed image whose bytes somebody has hashed. */
export function judgeImage(
  region: Uint8Array,
  image: ParsedImage,
  { digest, sha256 }: ImageHashes,
  { keys, securityCounter }: ImageRequirements,
): Judgement {
  if (!equalAt(region, image.digest.offset, digest)) {
    return fail(
      "digest-mismatch",
      `the image's ${digestName(image.digest.algorithm)} does not match its bytes`,
    );
  }
  const signed = keys.length > 0;
  const found = signed ? findSignature(region, image, digest, keys) : undefined;
  if (found !== undefined && "fault" in found) return found;
  const fault = securityCounter ? judgeCounter(image) : undefined;
  if (fault !== undefined) return { ok: false, fault };
  return { ok: true, image: { ...image, sha256: Uint8Array.from(sha256), signed }, check: found };
}

/** One of several in the protected TLVs makes no image at all (format.ts). */
function judgeCounter({ securityCounter, hasStrayCounter }: ImageParts): ImageFault | undefined {
  const fault = (message: string): ImageFault => ({ name: "no-security-counter", message });
  if (securityCounter === undefined) return fault("the image has no security counter, which is asked for");
  if (hasStrayCounter)
    return fault("the image has a second security counter, where its digest does not cover it");
  return undefined;
}
type ImageParts = Pick<ParsedImage, "securityCounter" | "hasStrayCounter">;

/**
 * Finds the signature that decides, as MCUboot does: each belongs to the key that was named last before it, a name is
 * used up by one signature, and of those by configured keys the last one counts.
 */
function findSignature(
  region: Uint8Array,
  image: ParsedImage,
  digest: Uint8Array,
  keys: readonly ImageKey[],
): SignatureCheck | FaultResult {
  if (!image.signing.some(isSignature)) return fail("no-signature", "the image is not signed");
  let named: ImageKey | undefined;
  let decides: { readonly key: ImageKey; readonly place: SigningTlv } | undefined;
  for (const place of image.signing) {
    if (!isSignature(place)) named = keys.find((key) => isNamed(region, place, image.digest, key));
    // What a key of another kind signed is none of MCUboot's business, and leaves the name to the next one.
    if (named === undefined || place.type !== named.scheme.tlv) continue;
    const { name, signatureBytes, isDer } = named.scheme;
    if (isDer ? place.length > signatureBytes : place.length !== signatureBytes) {
      return fail(
        "bad-tlv",
        `the ${name} signature has ${place.length} bytes: they are ${isDer ? "at most " : ""}${signatureBytes}`,
      );
    }
    decides = { key: named, place };
    named = undefined;
  }
  if (decides === undefined)
    return fail("unknown-key", "the image is signed with a key that is not configured");
  return checkOf(region, image, digest, decides.key, decides.place);
}

/**
 * MCUboot is built for hashes or for whole keys, to it the first bytes of a hash name a key, too, and a name that it has no
 * room for ends everything: a name that is not as it should be could hide the signature that decides.
 */
function judgeNames(
  { signing, digest }: ParsedImage,
  { publicKeyBytes }: SignatureScheme,
): ImageFault | undefined {
  const fault = (message: string): ImageFault => ({ name: "bad-tlv", message });
  const names = signing.filter((tlv) => !isSignature(tlv));
  const inFull = names.filter(({ type }) => type === Tlv.PUBLIC_KEY);
  if (inFull.length > 0 && inFull.length < names.length) return fault("keys are named by hash and in full");
  for (const { type, length } of names) {
    if (type === Tlv.PUBLIC_KEY && length > publicKeyBytes) {
      return fault(`a public key has ${length} bytes, more than ${publicKeyBytes}`);
    }
    if (type === Tlv.KEY_HASH && length !== digest.bytes) {
      return fault(`the hash of a key has ${length} bytes instead of ${digest.bytes}`);
    }
  }
  return undefined;
}

function isNamed(region: Uint8Array, place: SigningTlv, digest: ClaimedDigest, key: ImageKey): boolean {
  const name = place.type === Tlv.PUBLIC_KEY ? key.publicBytes : key.hashes[digest.algorithm];
  return place.length === name.length && equalAt(region, place.offset, name);
}

function checkOf(
  region: Uint8Array,
  image: ParsedImage,
  digest: Uint8Array,
  { key, scheme }: ImageKey,
  place: SigningTlv,
): SignatureCheck | FaultResult {
  const { algorithm } = image.digest;
  if (!scheme.digests.includes(algorithm)) {
    return fail("signature-mismatch", `${scheme.name} keys sign no image with a ${digestName(algorithm)}`);
  }
  const fault = judgeNames(image, scheme);
  if (fault !== undefined) return { ok: false, fault };
  const overDigest = scheme.hash === undefined && !image.isPure;
  // A copy: the check must not see bytes that another thread changes under it.
  const signature = region.slice(place.offset, place.offset + place.length);
  return {
    algorithm: scheme.hash ?? null,
    message: overDigest ? digest : region.subarray(0, image.hashedBytes),
    key: key.asymmetricKeyType === "rsa" ? { key, ...PSS } : { key },
    signature: scheme.isDer ? withoutPadding(signature) : signature,
  };
}

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } as const;

/** imgtool's `--pad-sig` makes all DER signatures of a kind as long as the longest, by zeros behind them. */
function withoutPadding(signature: Uint8Array): Uint8Array {
  const derBytes = 2 + (signature[1] ?? 0);
  return signature.subarray(derBytes).every((byte) => byte === 0)
    ? signature.subarray(0, derBytes)
    : signature;
}

function equalAt(bytes: Uint8Array, offset: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i += 1) {
    if (bytes[offset + i] !== expected[i]) return false;
  }
  return true;
}
