/** The images that imgtool made (imgtool.json, which tells how), as bytes. */
import { readFileSync } from "node:fs";

interface Vector {
  readonly name: string;
  /** Of imgtool's command line. */
  readonly options: string;
  /** Name of the key that signed it. */
  readonly key?: string;
  readonly image: Uint8Array;
}

const file = JSON.parse(readFileSync(new URL("imgtool.json", import.meta.url), "utf8"));

/** PEM texts of the public keys. */
export const VECTOR_KEYS: Readonly<Record<string, string>> = file.keys;

export const PAYLOAD: Uint8Array = Buffer.from(file.payload, "base64");

export const VECTORS: readonly Vector[] = file.images.map((vector: Vector & { readonly image: string }) => ({
  ...vector,
  image: Uint8Array.from(Buffer.from(vector.image, "base64")),
}));
