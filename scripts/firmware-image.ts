/** The images that a device's first two regions begin with: what the user names, or the reference firmware. */
import { fileURLToPath } from "node:url";
import { type ImageRequirements, verifyImage } from "../controller/image/verify.ts";
import { DEFAULT_MEMORY_CONFIG } from "../emulator/memory/layout.ts";
import { readInput } from "./input.ts";
import { UsageError } from "./options.ts";

const REFERENCE = { "--image-a": "controller-1.1.0.img", "--image-b": "controller-1.0.0.img" } as const;

export type ImageOption = keyof typeof REFERENCE;

/** @param file undefined for the reference firmware. Throws {@link UsageError} when it cannot be read or is too large. */
export function readImage(option: ImageOption, file: string | undefined): Uint8Array {
  const reference = new URL(`../../controller/firmware/images/${REFERENCE[option]}`, import.meta.url);
  return readInput(option, file ?? fileURLToPath(reference), DEFAULT_MEMORY_CONFIG.regionBytes);
}

/** Reads an image that a region of the default size will run. Throws {@link UsageError} when it will not. */
export function readRunnableImage(
  option: ImageOption,
  file: string | undefined,
  requirements: ImageRequirements,
): Uint8Array {
  const bytes = readImage(option, file);
  const verified = verifyImage(bytes, requirements, DEFAULT_MEMORY_CONFIG.regionBytes);
  if (!verified.ok) throw new UsageError(`${option} cannot be run: ${verified.fault.message}`);
  return bytes;
}
