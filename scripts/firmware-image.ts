/** The reference firmware, which runs where a user names no image. */
import { fileURLToPath } from "node:url";
import { DEFAULT_MEMORY_CONFIG } from "../emulator/memory/layout.ts";
import { readInput } from "./input.ts";

/** By the option that names another one: the higher version first. */
const REFERENCE = { "--image-a": "controller-1.1.0.img", "--image-b": "controller-1.0.0.img" } as const;

export type ImageOption = keyof typeof REFERENCE;

export function referenceImage(option: ImageOption): Uint8Array {
  const file = new URL(`../../controller/firmware/images/${REFERENCE[option]}`, import.meta.url);
  return readInput(option, fileURLToPath(file), DEFAULT_MEMORY_CONFIG.regionBytes);
}
