/**
 * The device that a command runs: what its device file says, and the command line in place of it. What cannot be used ends
 * in an error of kind "usage".
 */
import { ImageKeyError, imageKey } from "../controller/image/keys.ts";
import { type ImageRequirements, verifyImage } from "../controller/image/verify.ts";
import type { DeviceConfig } from "../supervisor/core/config.ts";
import { DEFAULT_DEVICE, type DescribedDevice } from "../supervisor/device-file/device-file.ts";
import {
  type LoadedDevice,
  loadDeviceFile,
  readImages,
  readKeys,
  requireController,
} from "../supervisor/device-file/load.ts";
import { type ImageOption, referenceImage } from "./firmware-image.ts";
import { readInput } from "./input.ts";
import { readRequirements, requirementsConfig } from "./keys.ts";
import { parseEngine, parseInteger, UsageError } from "./options.ts";

/** Of every command that takes a device file. */
export const DEVICE_OPTIONS = {
  device: { type: "string" },
  "image-a": { type: "string" },
  "image-b": { type: "string" },
  engine: { type: "string" },
} as const;

/** For the help of each. */
export const DEVICE_HELP =
  "--device FILE      device file: sizes, deadlines, images and more (docs/device-file.md); the options here count before it";

interface DeviceValues {
  readonly device?: string | undefined;
  readonly "image-a"?: string | undefined;
  readonly "image-b"?: string | undefined;
  readonly engine?: string | undefined;
  readonly regions?: string | undefined;
  readonly key?: readonly string[] | undefined;
  readonly "require-security-counter"?: boolean | undefined;
}

export interface DeviceImage {
  /** Who names it: an option, or a member of the device file. */
  readonly what: string;
  readonly bytes: Uint8Array;
  /** Nobody named it: the reference firmware. */
  readonly isReference: boolean;
}

/** What a command line has described: of a file what is not said otherwise, with all that it names read. */
export interface CommandDevice
  extends Pick<DescribedDevice, "memory" | "limits" | "recovery" | "engine" | "hart" | "capabilities"> {
  readonly requirements: ImageRequirements;
  /** From region 0 on. */
  readonly images: readonly DeviceImage[];
  /** Files that were read, and so are not written. */
  readonly files: readonly string[];
}

export function readDevice(values: DeviceValues): CommandDevice {
  const file = values.device === undefined ? undefined : loadDeviceFile(values.device);
  if (file !== undefined) requireController(file);
  const { memory, limits, recovery, engine, hart, capabilities } = file ?? DEFAULT_DEVICE;
  const regions =
    values.regions === undefined ? memory.regions : parseInteger("--regions", values.regions, 2, 4);
  const device = {
    memory: { ...memory, regions },
    limits,
    recovery,
    engine: values.engine === undefined ? engine : parseEngine(values.engine),
    hart,
    requirements: requirementsOf(values, file),
    capabilities,
    images: imagesOf(values, file, memory.regionBytes),
    files: filesOf(values, file),
  };
  if (device.images.length > regions)
    throw new UsageError(`--regions is ${regions}: ${values.device} names ${device.images.length} images`);
  return device;
}

/** As a supervisor process is told of it. */
export function deviceConfig({
  memory,
  limits,
  recovery,
  engine,
  hart,
  requirements,
  capabilities,
}: CommandDevice): Omit<DeviceConfig, "images" | "log"> {
  return {
    memory,
    limits,
    recovery,
    engine,
    hart,
    ...requirementsConfig(requirements),
    ...(capabilities === undefined ? {} : { capabilities }),
  };
}

/** Throws {@link UsageError} where a region of the device will not run the image. */
export function requireRunnable({ what, bytes }: DeviceImage, device: CommandDevice): void {
  const verified = verifyImage(bytes, device.requirements, device.memory.regionBytes);
  if (!verified.ok) throw new UsageError(`${what} cannot be run: ${verified.fault.message}`);
}

function requirementsOf(values: DeviceValues, file: LoadedDevice | undefined): ImageRequirements {
  const asked = readRequirements(values);
  if (file === undefined) return asked;
  return {
    keys: values.key === undefined ? keysOf(file) : asked.keys,
    securityCounter: asked.securityCounter || file.requireSecurityCounter,
  };
}

function keysOf(file: LoadedDevice): ImageRequirements["keys"] {
  return readKeys(file).map((text, index) => {
    try {
      return imageKey(text);
    } catch (error) {
      if (error instanceof ImageKeyError)
        throw new UsageError(`${file.file}: keys[${index}]: ${file.keys[index]}: ${error.message}`);
      throw error;
    }
  });
}

function imagesOf(values: DeviceValues, file: LoadedDevice | undefined, regionBytes: number): DeviceImage[] {
  const images =
    file?.images === undefined
      ? [reference("--image-a"), reference("--image-b")]
      : readImages(file).map((bytes, index) => ({
          what: `${file.file}: images[${index}]`,
          bytes,
          isReference: false,
        }));
  for (const [region, option] of (["image-a", "image-b"] as const).entries()) {
    const named = values[option];
    if (named === undefined) continue;
    if (region > images.length) throw new UsageError(`--${option} needs an image for region 0, too`);
    images[region] = {
      what: `--${option}`,
      bytes: readInput(`--${option}`, named, regionBytes),
      isReference: false,
    };
  }
  return images;
}

function reference(option: ImageOption): DeviceImage {
  return { what: option, bytes: referenceImage(option), isReference: true };
}

function filesOf(values: DeviceValues, file: LoadedDevice | undefined): readonly string[] {
  const named = [values.device, values["image-a"], values["image-b"], ...(values.key ?? [])];
  return [...named, ...(file?.images ?? []), ...(file?.keys ?? [])].filter((each) => each !== undefined);
}
