/** What a user asks of images on the command line: keys, a security counter. What cannot be used ends in a {@link UsageError}. */
import { type ImageKey, ImageKeyError, imageKey } from "../controller/image/keys.ts";
import type { ImageRequirements, RequirementsConfig } from "../controller/image/verify.ts";
import { readText } from "./input.ts";
import { UsageError } from "./options.ts";

/** Of every command that runs images, or says whether one would be run. */
export const REQUIREMENT_OPTIONS = {
  key: { type: "string", multiple: true },
  "require-security-counter": { type: "boolean" },
} as const;

export function readRequirements(values: {
  readonly key?: readonly string[] | undefined;
  readonly "require-security-counter"?: boolean | undefined;
}): ImageRequirements {
  return {
    keys: (values.key ?? []).map(readKey),
    securityCounter: values["require-security-counter"] === true,
  };
}

/** @param file PEM text of a key; of a private key the public half is taken */
function readKey(file: string): ImageKey {
  try {
    return imageKey(readText("the key", file));
  } catch (error) {
    if (error instanceof ImageKeyError) throw new UsageError(`${file}: ${error.message}`);
    throw error;
  }
}

/** As a device's configuration has it; never the private half of a key, whatever file it came from. */
export function requirementsConfig({
  keys,
  securityCounter,
}: ImageRequirements): Required<RequirementsConfig> {
  return {
    keys: keys.map(({ key }) => key.export({ type: "spki", format: "pem" }).toString()),
    requireSecurityCounter: securityCounter,
  };
}
