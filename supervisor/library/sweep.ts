/** `sweep()`: what `flipside sweep` does, for a program. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ENGINE_KINDS, type EngineKind } from "../../controller/cpu/engine-kind.ts";
import { requireLimits } from "../../emulator/base/limits.ts";
import type { DeviceConfig } from "../core/config.ts";
import { type LoadedDevice, loadDeviceFile } from "../device-file/load.ts";
import { DeviceError } from "../process/client.ts";
import { answerOf } from "../process/protocol.ts";
import { RequestError, requireKnown, shown } from "../process/requests.ts";
import { sweptDevice } from "../sweep/flipside/swept-device.ts";
import { defaultJobs, MAX_DEPTH, MAX_JOBS } from "../sweep/run/bounds.ts";
import type { SweepReport } from "../sweep/run/report.ts";
import type { AnySweepOptions, SweepOptions, SweepProgress, SweepTerms } from "../sweep/run/run.ts";
import { configOf } from "./options.ts";

/** What is swept, and how; each as the option of `flipside sweep` of that name. */
export interface SweepSettings {
  /**
   * Path of a device file (docs/device-file.md): its sizes, deadlines, images, keys and engine, but for what is said here.
   * Of one with the members `board` and `loader` that boot loader is swept (docs/loader.md); images, `rules` and
   * `scenariosFrom` are refused with it, for its file says what there is.
   */
  readonly device?: string;
  /** MCUboot images, A with the higher version. Default: those of the device file, or the reference firmware. */
  readonly imageA?: Uint8Array;
  readonly imageB?: Uint8Array;
  /** Of torn bits and sampled cuts, from 0 to 2^32 − 1. Default: 1. */
  readonly seed?: number;
  /** Cuts in a row: 1 (default) each cut, 2 also each cut of each recovery, and so on up to 8. */
  readonly depth?: number;
  /** Also a crash, a hang and flipped bits at every point, and pairs of fault and cut. Default: false. */
  readonly faults?: boolean;
  /** Each future is run to its end, even where it goes on as one that was run before. Default: false. */
  readonly runAll?: boolean;
  readonly engine?: EngineKind;
  /** Threads, 1 to 64. Default: one for each processor. */
  readonly jobs?: number;
  /** Part `index` (from 1) of `of` parts of the whole sweep. Default: all of it. */
  readonly shard?: { readonly index: number; readonly of: number };
  /** Names; one with * at its end stands for all that begin so. Default: all. */
  readonly scenarios?: readonly string[];
  /** File of a module that exports your boot decision or policy as `rules`. */
  readonly rules?: string;
  /** File of a module that exports your own `scenarios`, which are swept in the place of flipside's. */
  readonly scenariosFrom?: string;
  readonly onProgress?: (progress: SweepProgress) => void;
}

const SETTINGS: Readonly<Record<keyof SweepSettings, true>> = {
  device: true,
  imageA: true,
  imageB: true,
  seed: true,
  depth: true,
  faults: true,
  runAll: true,
  engine: true,
  jobs: true,
  shard: true,
  scenarios: true,
  rules: true,
  scenariosFrom: true,
  onProgress: true,
};

/**
 * Cuts power at every point of every scenario, in virtual time, and judges what comes back: `findings` of the report is
 * empty where everything held. Rejects with {@link DeviceError}; what is refused has the kind "usage".
 */
export async function sweep(settings: SweepSettings = {}): Promise<SweepReport> {
  try {
    requireKnown("the options of a sweep", settings, SETTINGS);
    const board = boardOf(settings.device);
    const options = await (board === undefined ? flipsideOptions(settings) : loaderOptions(settings, board));
    requireLimits(options.jobs);
    // Whoever only starts devices does not load a sweep.
    const [{ runSweep, scenariosOf }, { selectScenarios }] = await Promise.all([
      import("../sweep/run/run.ts"),
      import("../sweep/run/select.ts"),
    ]);
    const scenarios = selectScenarios(options.scenarios, await scenariosOf(options));
    const { onProgress } = settings;
    return await runSweep({ ...options, scenarios, ...(onProgress === undefined ? {} : { onProgress }) });
  } catch (error) {
    throw error instanceof DeviceError ? error : DeviceError.of(answerOf(error));
  }
}

/** The device of a file that describes a board, in the place of the controller; undefined for any other. */
function boardOf(file: unknown): LoadedDevice | undefined {
  // What is no path is refused with the other options.
  if (typeof file !== "string") return undefined;
  const device = loadDeviceFile(file);
  return device.board === undefined ? undefined : device;
}

/** A boot loader's file says all else. */
const NOT_OF_LOADERS = ["imageA", "imageB", "rules", "scenariosFrom"] as const;

async function loaderOptions(settings: SweepSettings, device: LoadedDevice): Promise<AnySweepOptions> {
  const refused = NOT_OF_LOADERS.find((name) => settings[name] !== undefined);
  if (refused !== undefined)
    throw new RequestError(
      `${refused} is not for the sweep of a boot loader: its device file says what there is`,
    );
  const { loadLoader } = await import("../device-file/load-loader.ts");
  return { ...termsOf(settings, device.engine), loader: loadLoader(device) };
}

async function flipsideOptions(settings: SweepSettings): Promise<AnySweepOptions> {
  const machine = machineOf(settings);
  const asked = optionsOf(settings, machine);
  const { imagePair } = await import("../sweep/flipside/image-library.ts");
  const isNamed = settings.imageA !== undefined || settings.imageB !== undefined;
  // The file of a device may name them in any order.
  const [imageA, imageB] = imagePair(machine.images, machine.memory.regionBytes, !isNamed);
  return { ...asked, imageA, imageB };
}

type Machine = Omit<DeviceConfig, "images"> & { readonly images: readonly [Uint8Array, Uint8Array] };

/** What is swept, with the two images that it holds, each of which it would run. */
function machineOf(settings: SweepSettings): Machine {
  const { device, imageA, imageB } = settings;
  for (const [name, image] of Object.entries({ imageA, imageB })) {
    if (image !== undefined && !(image instanceof Uint8Array))
      throw new RequestError(`${name} is ${shown(image)}: it must be a Uint8Array`);
  }
  const file = device === undefined ? {} : { device };
  const described = configOf(file);
  const [first = described.images[0], second = described.images[1]] = [imageA, imageB];
  if (first === undefined || second === undefined)
    throw new RequestError(`${device}: images: a sweep needs two, of different versions`);
  const images = [first, second] as const;
  return { ...configOf({ ...file, images }), images };
}

function optionsOf(settings: SweepSettings, machine: Machine): Omit<SweepOptions, "imageA" | "imageB"> {
  const { rules, scenariosFrom } = settings;
  return {
    ...termsOf(settings, machine.engine),
    device: sweptDevice(machine),
    ...(rules === undefined ? {} : { rulesModule: urlOf(rules) }),
    ...(scenariosFrom === undefined ? {} : { scenariosModule: urlOf(scenariosFrom) }),
  };
}

function termsOf(settings: SweepSettings, describedEngine: EngineKind): SweepTerms {
  const { engine = describedEngine, scenarios = [], shard = { index: 1, of: 1 } } = settings;
  if (!ENGINE_KINDS.includes(engine)) {
    throw new RequestError(`engine is ${shown(engine)}: it must be one of ${ENGINE_KINDS.join(", ")}`);
  }
  if (!Array.isArray(scenarios)) throw new RequestError("scenarios must be a list of names");
  const of = whole("shard.of", shard.of, 1, Number.MAX_SAFE_INTEGER);
  return {
    engine,
    scenarios,
    seed: whole("seed", settings.seed ?? 1, 0, 2 ** 32 - 1),
    depth: whole("depth", settings.depth ?? 1, 1, MAX_DEPTH),
    jobs: whole("jobs", settings.jobs ?? defaultJobs(), 1, MAX_JOBS),
    shard: { index: whole("shard.index", shard.index, 1, of), of },
    faults: settings.faults === true,
    runAll: settings.runAll === true,
  };
}

function whole(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new RequestError(`${name} is ${shown(value)}: it must be a whole number, from ${min} to ${max}`);
}

function urlOf(file: string): string {
  return pathToFileURL(resolve(file)).href;
}
