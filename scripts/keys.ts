/** The key files that a user names. What cannot be used ends in a {@link UsageError}. */
import { type ImageKey, ImageKeyError, imageKey } from "../controller/image/keys.ts";
import { readText } from "./input.ts";
import { UsageError } from "./options.ts";

/** @param file PEM text of an Ed25519 key; of a private key the public half is taken */
export function readKey(file: string): ImageKey {
  try {
    return imageKey(readText("the key", file));
  } catch (error) {
    if (error instanceof ImageKeyError) throw new UsageError(`${file}: ${error.message}`);
    throw error;
  }
}

/** The key as a device's configuration has it; never a private half, whatever file it came from. */
export function publicPem({ key }: ImageKey): string {
  return key.export({ type: "spki", format: "pem" }).toString();
}
