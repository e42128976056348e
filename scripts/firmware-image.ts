/** The reference firmware, which runs where a user names no image. */
import { DEFAULT_MEMORY_CONFIG } from "../emulator/memory/layout.ts";
import { REFERENCE_IMAGES, referenceImagePath } from "../supervisor/reference-images.ts";
import { readInput } from "./input.ts";

/** By the option that names another one: the higher version first. */
const REFERENCE = { "--image-a": REFERENCE_IMAGES[0], "--image-b": REFERENCE_IMAGES[1] } as const;

export type ImageOption = keyof typeof REFERENCE;

export function referenceImage(option: ImageOption): Uint8Array {
  return readInput(option, referenceImagePath(REFERENCE[option]), DEFAULT_MEMORY_CONFIG.regionBytes);
}
