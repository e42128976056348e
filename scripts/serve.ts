/** `flipside serve`: one controller that is kept running, and its control socket. */
import { accessSync, constants } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { kindOf } from "../emulator/base/errors.ts";
import { MACHINES_OF_A_CONTROLLER, quotaWarning, requireLimits } from "../emulator/base/limits.ts";
import { LOG_LEVELS } from "../emulator/base/log.ts";
import { errorMessage } from "../emulator/base/text.ts";
import { planLayout } from "../emulator/memory/layout.ts";
import { planPersistentSpace } from "../emulator/persist/persistent-space.ts";
import { decodeRaw, RawMemoryError, rawBytes } from "../emulator/persist/raw-memory.ts";
import { DUMP_MEMORY, type DumpMemory } from "../supervisor/core/config.ts";
import { requireSocketPath } from "../supervisor/process/control-server.ts";
import type { Methods } from "../supervisor/process/protocol.ts";
import type { Provisioning } from "../supervisor/process/provisioning.ts";
import { controlPath, ServedDevice } from "../supervisor/process/served-device.ts";
import { followUart, writeUart } from "./ctl/uart.ts";
import {
  type CommandDevice,
  DEVICE_OPTIONS,
  deviceConfig,
  readDevice,
  requireRunnable,
} from "./described-device.ts";
import { EXIT_FINDING, EXIT_HELD, OTHER_EXIT_CODES } from "./exit-codes.ts";
import { makeDirectory, readInput } from "./input.ts";
import { REQUIREMENT_OPTIONS } from "./keys.ts";
import { HELP_OPTION, parseLogLevel, parseOptions, UsageError } from "./options.ts";
import { fitHelp } from "./terminal.ts";

const HELP = `flipside serve: keep a controller running; flipside ctl asks and commands it.

usage: flipside serve [options]

  --device FILE    device file: sizes, deadlines, images and more
                   (docs/device-file.md); what is said here counts before
  --dir DIR        directory of the device: its flash file, crash dumps and
                   control socket (default ./flipside-device)
  --image-a FILE   MCUboot image that the factory puts into region 0 (default:
                   the reference firmware 1.1.0)
  --image-b FILE   the same for region 1 (default: the reference firmware 1.0.0)
  --flash-image FILE
                   make the device of raw memory, as a probe or flipside ctl
                   flash read reads it: the regions, then the table's 12 KiB and
                   NVRAM, or the regions alone
  --reprovision    program the device anew, as the first time; all that its
                   flash file keeps is lost
  --key FILE       public key (PEM; Ed25519, ECDSA P-256 or P-384, RSA-2048 or
                   RSA-3072): no image runs that is not signed with it; several
                   may be given, and one of them is enough (default: signatures
                   are not looked at)
  --require-security-counter
                   no image without a security counter runs (default: such an
                   image counts as one with counter 0)
  --regions N      2 to 4 regions (default 2)
  --engine KIND    auto (default), translator or interpreter
  --dump-memory WHAT
                   what of the firmware's memory goes into a crash dump: stack
                   (default, 4 KiB), or none; its registers and UART output
                   always do
  --uart           print what the firmware prints; what is no text is shown as
                   a dot on a terminal
  --log LEVEL      ${LOG_LEVELS.join(", ")}
                   (default warn), as NDJSON to stderr
  -h, --help       this text

The images count only while the flash file holds no table yet; where it does, an
--image that is not in its region is refused. The reference firmware is not
signed, and has no security counter.
Ends at SIGINT, SIGTERM or flipside ctl stop.
Exit code: 0 stopped as told, 1 the device could not be kept running,
${OTHER_EXIT_CODES}.
`;

/** A process that ended is asked again. */
const UART_AGAIN_MS = 100;

function parseDumpMemory(text: string): DumpMemory {
  const memory = DUMP_MEMORY.find((known) => known === text);
  if (memory !== undefined) return memory;
  throw new UsageError(`--dump-memory is "${text}": it must be one of ${DUMP_MEMORY.join(", ")}`);
}

/** An image that is named must be one; the reference firmware, unsigned, counts for nothing on a device that has a table. */
function requireNamedRunnable(device: CommandDevice): void {
  for (const image of device.images) if (!image.isReference) requireRunnable(image, device);
}

/** What the device is to begin with. Throws {@link UsageError}. */
function readProvisioning(
  values: { readonly "flash-image"?: string; readonly reprovision?: boolean },
  { images, memory }: CommandDevice,
): Provisioning {
  const file = values["flash-image"];
  const named = images.flatMap(({ what, bytes }, region) =>
    what.startsWith("--") && !images[region]?.isReference ? [{ what, region, bytes }] : [],
  );
  const provisioning = { named, anew: values.reprovision === true };
  if (file === undefined) return provisioning;
  const [image] = named;
  if (image !== undefined)
    throw new UsageError(
      `--flash-image holds every region: ${image.what} is for a device that is made of images`,
    );
  const space = planPersistentSpace(planLayout(memory));
  const bytes = readInput("--flash-image", file, rawBytes(space));
  try {
    decodeRaw(space, bytes);
  } catch (error) {
    if (error instanceof RawMemoryError) throw new UsageError(`--flash-image ${file} ${error.message}`);
    throw error;
  }
  return { ...provisioning, raw: { what: `--flash-image ${file}`, bytes } };
}

/** Makes the device's directory, if a socket can be made in it, when it is not there. Throws {@link UsageError}. */
function requireDirectory(directory: string): void {
  try {
    requireSocketPath(controlPath(directory));
    makeDirectory(resolve(directory), 0o700);
    accessSync(directory, constants.W_OK);
  } catch (error) {
    if (kindOf(error) === "resource") throw error;
    throw new UsageError(`--dir cannot be used: ${errorMessage(error)}`);
  }
}

export async function serveCommand(args: readonly string[]): Promise<number> {
  const { values } = parseOptions(args, {
    dir: { type: "string" },
    ...DEVICE_OPTIONS,
    ...REQUIREMENT_OPTIONS,
    regions: { type: "string" },
    "dump-memory": { type: "string" },
    "flash-image": { type: "string" },
    reprovision: { type: "boolean" },
    uart: { type: "boolean" },
    log: { type: "string" },
    ...HELP_OPTION,
  });
  if (values.help === true) {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  const directory = values.dir ?? "flipside-device";
  const described = readDevice(values);
  requireNamedRunnable(described);
  const provisioning = readProvisioning(values, described);
  const config = {
    ...deviceConfig(described),
    images: described.images.map(({ bytes }) => bytes),
    dumpMemory: parseDumpMemory(values["dump-memory"] ?? "stack"),
    log: { level: parseLogLevel("--log", values.log ?? "warn"), fd: 2 },
  };
  requireLimits(MACHINES_OF_A_CONTROLLER);
  // Nothing is made before everything that was said is known to be good.
  requireDirectory(directory);
  let end: (code: number) => void = () => undefined;
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  const device = new ServedDevice(
    directory,
    config,
    {},
    {
      onRestart: ({ reason, startedNs, detectedNs }) => {
        const ms = ((startedNs - detectedNs) / 1e6).toFixed(0);
        process.stdout.write(`${reason}: another one runs ${ms} ms later\n`);
      },
      onStarved: (account) => void process.stdout.write(`${account}\n`),
      onGivenUp: (reason) => {
        process.stderr.write(`flipside: the device is not kept running any more: ${reason}\n`);
        end(EXIT_FINDING);
      },
      onStop: () => end(EXIT_HELD),
    },
    provisioning,
  );
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => end(EXIT_HELD));
  const warning = quotaWarning(1);
  if (warning !== undefined) process.stderr.write(`flipside: ${warning}\n`);
  await start(device);
  process.stdout.write(`serving ${controlPath(directory)}\n`);
  if (values.uart === true) void showUart(device, ended);
  const code = await ended;
  await device.stop();
  return code;
}

/** From the first character on, until the end; meanwhile a process may take another one's place. */
async function showUart(device: ServedDevice, ended: Promise<number>): Promise<void> {
  let goesOn = true;
  void ended.then(() => (goesOn = false));
  const read = (params: Methods["uart"]["params"]) => device.readUart(params);
  while (goesOn) {
    // What is printed by a process that has ended is gone with it.
    await followUart(read, writeUart, () => goesOn).catch(() => undefined);
    if (goesOn) await delay(UART_AGAIN_MS);
  }
}

async function start(device: ServedDevice): Promise<void> {
  try {
    await device.start();
  } catch (error) {
    // What the file system says of the directory, and no machine that lacks something.
    if (error instanceof Error && kindOf(error) === undefined && "code" in error) {
      throw new UsageError(error.message);
    }
    throw error;
  }
}
