/** The right loaders of this repository, for tests: their device files, as they are or with something else in them. */
import { createPrivateKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeImage } from "../../../../../controller/image/encode.ts";
import type { LoaderProfile } from "../../../../../supervisor/core/loader-profile.ts";
import { loadDeviceFile } from "../../../../../supervisor/device-file/load.ts";
import { loadLoader } from "../../../../../supervisor/device-file/load-loader.ts";
import type { LoaderScenario } from "../../../../../supervisor/sweep/loader/scenario.ts";
import { loaderScenarios } from "../../../../../supervisor/sweep/loader/scenarios.ts";

export const LOADERS = ["direct-xip", "overwrite", "swap"] as const;
export type LoaderName = (typeof LOADERS)[number];

const DIRECTORY = fileURLToPath(new URL("../../../../../controller/firmware/loaders/", import.meta.url));

/** What a test changes of a device file. */
export interface LoaderFile {
  readonly board: {
    readonly flash: readonly object[];
    readonly programs: readonly { readonly file: string }[];
  };
  readonly loader: object;
}

export function loaderProfile(name: LoaderName | `wrong/${string}`): LoaderProfile {
  return loadLoader(loadDeviceFile(join(DIRECTORY, `${name}.json`)));
}

export function loaderFile(name: LoaderName): LoaderFile {
  return JSON.parse(readFileSync(join(DIRECTORY, `${name}.json`), "utf8")) as LoaderFile;
}

/** Files that it names lie where those of the loaders do. */
export function profileOf(file: LoaderFile): LoaderProfile {
  const directory = mkdtempSync(join(tmpdir(), "flipside-loader-"));
  const path = join(directory, "device.json");
  writeFileSync(path, JSON.stringify(file).replaceAll('"images/', `"${DIRECTORY}images/`));
  try {
    return loadLoader(loadDeviceFile(path));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export function scenarioOf(profile: LoaderProfile, name: string): LoaderScenario {
  const scenario = loaderScenarios(profile).find((each) => each.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  return scenario;
}

const HEADER_BYTES = 32;
/** Digest, name of the key and signature, with their heads. */
const TLV_BYTES = 144;

/** An update that the loaders take, of so many bytes in all. */
export function updateOf(byteCount: number): Uint8Array {
  const known = readFileSync(join(DIRECTORY, "images/application-2.0.0-16k.img"));
  const body = Buffer.alloc(byteCount - HEADER_BYTES - TLV_BYTES, 0x5a);
  known.copy(body, 0, HEADER_BYTES, known.length - TLV_BYTES);
  const signingKey = createPrivateKey(readFileSync(join(DIRECTORY, "throw-away-test-key.pem")));
  return encodeImage({ body, version: { major: 2, minor: 0, revision: 0, build: 0 }, signingKey });
}
