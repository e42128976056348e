/** What the command line of `flipside emulate` asks for. All that it says is checked here; nothing is made yet. */
import { randomInt } from "node:crypto";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { LOG_LEVELS, type LogLevel } from "../../emulator/base/log.ts";
import { FAULTS, failsOver, needsEcc, SURVIVAL_KINDS } from "../../supervisor/faults/catalogue.ts";
import type { SoakOptions } from "../../supervisor/index.ts";
import {
  type CommandDevice,
  DEVICE_OPTIONS,
  type DeviceImage,
  deviceConfig,
  readDevice,
  requireRunnable,
} from "../described-device.ts";
import { MAX_TIME_OPTION, parseMaxTime } from "../ending.ts";
import { OTHER_EXIT_CODES } from "../exit-codes.ts";
import { type Known, readExpectations } from "../expectations.ts";
import { requireSeparate } from "../input.ts";
import { REQUIREMENT_OPTIONS } from "../keys.ts";
import {
  HELP_OPTION,
  parseDuration,
  parseInteger,
  parseLogLevel,
  parseOptions,
  UsageError,
} from "../options.ts";

export const HELP = `flipside emulate: a live controller under seeded faults; it must come back from every one.

usage: flipside emulate [options]

  --duration TIME    how long, such as 30s, 10m, 1h (default 20s); every kind comes at least once
  --failovers N      stop after N failovers
  --seed S           seed of the order of faults and of the host's work (default: random, printed)
  --faults a,b       only these kinds (default: all)
  --workload FILE    module that exports the work of the host between faults: your own, for commands of your own (docs/soak.md)
  --device FILE      device file: sizes, deadlines, images and more (docs/device-file.md); what is said here counts before
  --image-a FILE     MCUboot image of region 0 (default: the reference firmware 1.1.0)
  --image-b FILE     MCUboot image of region 1 (default: the reference firmware 1.0.0)
  --key FILE         public key (PEM; Ed25519, ECDSA P-256 or P-384, RSA-2048 or RSA-3072) that both images, and then not
                     the reference firmware, are signed with; several may be given, and one of them is enough (default:
                     signatures are not looked at)
  --require-security-counter
                     both images, and then not the reference firmware, must have a security counter
  --regions N        2 to 4 regions; those without an image of their own hold the others in turn (default 2)
  --jobs N           so many controllers at once, with the seeds S, S + 1, … (default 1)
  --engine KIND      auto (default), translator or interpreter
  --stats            tell at the end what was translated, when, and why it was left
  --max-time TIME    end after so long, starts and all, and tell which kinds were not tried
  --expect FILE      findings that are known: new ones fail, and so do these where they are gone (docs/soak.md)
  --json FILE        write the report
  --junit FILE       write the report as JUnit XML
  --log LEVEL        ${LOG_LEVELS.join(", ")} (default error), as NDJSON to stderr;
                     --log-level is the same option
  -h, --help         this text

Ctrl-C and SIGTERM end it early, with the summary of what was done.

Exit code: 0 everything held, 1 something was violated, 2 also where a fault that was asked for never took place
(not-injected),
${OTHER_EXIT_CODES}.

Kinds: ${FAULTS.map((fault) => fault.kind).join(", ")}
Of the process, the power and the memory, in a soak by time: ${SURVIVAL_KINDS.join(", ")}
`;

const DEFAULT_DURATION_MS = 20_000;
/** Each is a process of several threads and some 100 MB. */
const MAX_JOBS = 64;

export interface EmulateOptions {
  readonly soak: SoakOptions;
  /** Kinds of survival.ts; empty for none. */
  readonly survivalKinds: readonly string[];
  /** The device, with its own budget: a soak fails regions far more often than that allows, and lifts it. */
  readonly device: ReturnType<typeof deviceConfig>;
  /** One for each region. */
  readonly images: readonly Uint8Array[];
  /** Controllers at once. */
  readonly jobs: number;
  /** The report has what the translators counted. */
  readonly stats: boolean;
  /** File URL of a module with the host's work. */
  readonly workload: string | undefined;
  readonly json: string | undefined;
  readonly junit: string | undefined;
  readonly maxTimeMs: number | undefined;
  /** Undefined where nobody says what is known. */
  readonly expected: readonly Known[] | undefined;
  readonly logLevel: LogLevel;
}

function parseKinds(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  // One that is named twice would be counted twice.
  const kinds = [...new Set(text.split(",").filter((kind) => kind !== ""))];
  if (kinds.length === 0) {
    throw new UsageError(`--faults is "${text}": it names none; flipside emulate --help lists them`);
  }
  for (const kind of kinds) {
    if (!FAULTS.some((fault) => fault.kind === kind) && !SURVIVAL_KINDS.includes(kind)) {
      throw new UsageError(`there is no fault "${kind}": flipside emulate --help lists them`);
    }
  }
  return kinds;
}

/** Of a soak that ends by their number. Throws {@link UsageError}. */
function requireFailover(kinds: readonly string[]): void {
  if (FAULTS.some((fault) => kinds.includes(fault.kind) && failsOver(fault))) return;
  const outages = kinds.filter((kind) => SURVIVAL_KINDS.includes(kind));
  const instead = outages.length === 0 ? "" : `; ${outages.join(", ")} comes in a soak by time: --duration`;
  throw new UsageError(`--failovers would never be over: ${kinds.join(", ")} causes no failover${instead}`);
}

function inEachRegion(images: readonly DeviceImage[], { memory }: CommandDevice): readonly Uint8Array[] {
  return Array.from(
    { length: memory.regions },
    (_, region) => (images[region % images.length] as DeviceImage).bytes,
  );
}

/** Throws {@link UsageError}. */
export function parseEmulate(args: readonly string[]): EmulateOptions | "help" {
  const { values } = parseOptions(args, {
    duration: { type: "string" },
    failovers: { type: "string" },
    seed: { type: "string" },
    faults: { type: "string" },
    ...DEVICE_OPTIONS,
    ...REQUIREMENT_OPTIONS,
    regions: { type: "string" },
    jobs: { type: "string" },
    workload: { type: "string" },
    stats: { type: "boolean" },
    json: { type: "string" },
    junit: { type: "string" },
    expect: { type: "string" },
    ...MAX_TIME_OPTION,
    log: { type: "string" },
    "log-level": { type: "string" },
    ...HELP_OPTION,
  });
  if (values.help === true) return "help";
  const failovers =
    values.failovers === undefined ? null : parseInteger("--failovers", values.failovers, 1, 2 ** 31);
  const durationMs = values.duration === undefined ? null : parseDuration("--duration", values.duration);
  const kinds = parseKinds(values.faults);
  const chosen = kinds.length > 0 ? kinds.filter((kind) => SURVIVAL_KINDS.includes(kind)) : undefined;
  const ofDevice = kinds.filter((kind) => !SURVIVAL_KINDS.includes(kind));
  if (failovers !== null && kinds.length > 0) requireFailover(kinds);
  const described = readDevice(values);
  const { workload } = values;
  const isPossible = (kind: string): boolean => described.memory.ecc || !needsEcc(kind);
  const impossible = kinds.find((kind) => !isPossible(kind));
  if (impossible !== undefined)
    throw new UsageError(`${impossible} needs flash with ECC: say so in the device file, memory.ecc`);
  if (workload !== undefined && kinds.length > 0 && ofDevice.length === 0)
    throw new UsageError(`--workload would do nothing: before ${kinds.join(", ")} no work is done`);
  const inputs = [values.expect, workload].filter((file) => file !== undefined);
  requireSeparate([values.json, values.junit], [...described.files, ...inputs]);
  const { images } = described;
  if (images.length === 0) throw new UsageError(`${values.device}: images: a soak needs one at least`);
  // Versions that can run are what a soak is about; what becomes of others is the sweep's.
  for (const image of images) requireRunnable(image, described);
  return {
    soak: {
      seed:
        values.seed === undefined ? randomInt(2 ** 31) : parseInteger("--seed", values.seed, 0, 2 ** 32 - 1),
      durationMs: durationMs ?? (failovers === null ? DEFAULT_DURATION_MS : null),
      failovers,
      kinds: kinds.length === 0 ? null : ofDevice,
    },
    survivalKinds: chosen ?? (failovers === null ? SURVIVAL_KINDS.filter(isPossible) : []),
    device: deviceConfig(described),
    images: inEachRegion(images, described),
    jobs: parseInteger("--jobs", values.jobs ?? "1", 1, MAX_JOBS),
    stats: values.stats === true,
    workload: workload === undefined ? undefined : pathToFileURL(resolve(workload)).href,
    json: values.json,
    junit: values.junit,
    maxTimeMs: parseMaxTime(values["max-time"]),
    expected: values.expect === undefined ? undefined : readExpectations(values.expect),
    logLevel:
      values.log === undefined
        ? parseLogLevel("--log-level", values["log-level"] ?? "error")
        : parseLogLevel("--log", values.log),
  };
}
