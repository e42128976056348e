/**
 * What images are hashed and verified with: digests, and the public keys that may sign. A key is of one of the kinds that
 * imgtool signs with, and each kind has one way in which MCUboot verifies with it.
 */

import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import type { HashAlgorithm } from "../../emulator/api.ts";
import type { ErrorKind } from "../../emulator/base/errors.ts";
import { Tlv } from "./format.ts";

/** How keys of one kind sign images: imgtool's scripts/imgtool/keys, MCUboot's boot/bootutil/src/image_*.c. */
export interface SignatureScheme {
  /** For people. */
  readonly name: string;
  /** Type of the TLV that holds a signature. */
  readonly tlv: number;
  /** Of each signature; of the longest that MCUboot takes where it is DER. */
  readonly signatureBytes: number;
  readonly isDer: boolean;
  /** Of the longest public key that MCUboot takes from an image. */
  readonly publicKeyBytes: number;
  /** Digests of images that are signed with such keys. */
  readonly digests: readonly HashAlgorithm[];
  /** What is hashed and signed: the image, by this algorithm. Undefined: its digest, or the image itself if it is pure. */
  readonly hash: "sha256" | "sha384" | undefined;
}

const ED25519: SignatureScheme = {
  name: "Ed25519",
  tlv: Tlv.ED25519,
  signatureBytes: 64,
  isDer: false,
  publicKeyBytes: 88,
  digests: ["sha256", "sha512"],
  hash: undefined,
};
const ECDSA_P256: SignatureScheme = {
  name: "ECDSA P-256",
  tlv: Tlv.ECDSA,
  signatureBytes: 128,
  isDer: true,
  publicKeyBytes: 152,
  digests: ["sha256"],
  hash: "sha256",
};
const ECDSA_P384: SignatureScheme = {
  name: "ECDSA P-384",
  tlv: Tlv.ECDSA,
  signatureBytes: 128,
  isDer: true,
  publicKeyBytes: 152,
  digests: ["sha384"],
  hash: "sha384",
};
const RSA_2048: SignatureScheme = {
  name: "RSA-2048",
  tlv: Tlv.RSA2048_PSS,
  signatureBytes: 256,
  isDer: false,
  publicKeyBytes: 280,
  digests: ["sha256"],
  hash: "sha256",
};
const RSA_3072: SignatureScheme = {
  name: "RSA-3072",
  tlv: Tlv.RSA3072_PSS,
  signatureBytes: 384,
  isDer: false,
  publicKeyBytes: 408,
  digests: ["sha256"],
  hash: "sha256",
};

/** What keys must be, for the sentences that say so. */
export const KEY_KINDS = "Ed25519, ECDSA P-256 or P-384, RSA-2048 or RSA-3072";

/** A public key that may sign images. */
export interface ImageKey {
  readonly key: KeyObject;
  readonly scheme: SignatureScheme;
  /** The key as an image may hold it: SubjectPublicKeyInfo, of RSA keys PKCS #1; both DER. */
  readonly publicBytes: Uint8Array;
  /** Of these bytes, by the digest of the image that names the key by it. */
  readonly hashes: Readonly<Record<HashAlgorithm, Uint8Array>>;
}

/** A key that cannot be used; `message` is one sentence for its user. */
export class ImageKeyError extends Error {
  override readonly name = "ImageKeyError";
  readonly kind: ErrorKind = "usage";
}

/**
 * Prepares a key for verifying images; of a private key the public half is taken.
 * @param source PEM text, or a key object
 * Throws {@link ImageKeyError}.
 */
export function imageKey(source: string | KeyObject): ImageKey {
  let key: KeyObject;
  try {
    key = typeof source !== "string" && source.type === "public" ? source : createPublicKey(source);
  } catch {
    throw new ImageKeyError("the key is no PEM text of a key");
  }
  const scheme = schemeOf(key);
  const isRsa = key.asymmetricKeyType === "rsa";
  const publicBytes = Uint8Array.from(key.export({ type: isRsa ? "pkcs1" : "spki", format: "der" }));
  const hashes = {
    sha256: hashOf("sha256", publicBytes),
    sha384: hashOf("sha384", publicBytes),
    sha512: hashOf("sha512", publicBytes),
  };
  return { key, scheme, publicBytes, hashes };
}

function schemeOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): SignatureScheme {
  const { namedCurve, modulusLength } = details ?? {};
  if (type === "ed25519") return ED25519;
  if (type === "ec" && namedCurve === "prime256v1") return ECDSA_P256;
  if (type === "ec" && namedCurve === "secp384r1") return ECDSA_P384;
  if (type === "rsa" && modulusLength === 2048) return RSA_2048;
  if (type === "rsa" && modulusLength === 3072) return RSA_3072;
  const size = modulusLength === undefined ? "" : ` of ${modulusLength} bits`;
  const curve = namedCurve === undefined ? "" : ` on ${namedCurve}`;
  throw new ImageKeyError(`the key is of type ${type ?? "secret"}${size}${curve}: it must be ${KEY_KINDS}`);
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

export function hashOf(algorithm: HashAlgorithm, bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash(algorithm).update(bytes).digest());
}
