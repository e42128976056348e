/** What images are hashed and verified with: SHA-256, and the public Ed25519 keys that may sign. */
import { createHash, createPublicKey, type KeyObject } from "node:crypto";

/** A public Ed25519 key that may sign images, with the hash by which an image names it. */
export interface ImageKey {
  readonly key: KeyObject;
  /** SHA-256 of the key's SubjectPublicKeyInfo (DER), 32 bytes. */
  readonly hash: Uint8Array;
}

/** A key that cannot be used; `message` is one sentence for its user. */
export class ImageKeyError extends Error {
  override readonly name = "ImageKeyError";
}

/**
 * Prepares an Ed25519 key for verifying images; of a private key the public half is taken.
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

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
