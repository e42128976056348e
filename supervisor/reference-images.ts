/** The reference firmware that is shipped: what a device begins with where nobody names images. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** File names by region; the first is the higher version. */
export const REFERENCE_IMAGES = ["controller-1.1.0.img", "controller-1.0.0.img"] as const;

export function referenceImagePath(name: (typeof REFERENCE_IMAGES)[number]): string {
  return fileURLToPath(new URL(`../../controller/firmware/images/${name}`, import.meta.url));
}

/** The images of regions 0 and 1. */
export function referenceImages(): readonly [Uint8Array, Uint8Array] {
  const [a, b] = REFERENCE_IMAGES;
  return [readFileSync(referenceImagePath(a)), readFileSync(referenceImagePath(b))];
}
