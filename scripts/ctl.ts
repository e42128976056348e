/** `flipside ctl`: asks or commands a controller that `flipside serve` keeps running. */
import { NO_REQUIREMENTS, verifyImage } from "../controller/image/verify.ts";
import { isUsed } from "../controller/translator/stats.ts";
import { REGION_STRIDE } from "../emulator/memory/map.ts";
import { MAX_SEED } from "../supervisor/faults/chance.ts";
import { DeviceError } from "../supervisor/process/client.ts";
import { ControlClient } from "../supervisor/process/control-client.ts";
import type { ServedMethodName } from "../supervisor/process/protocol.ts";
import { controlPath, type ServedMethods, type ServedStatus } from "../supervisor/process/served-device.ts";
import { EXIT_FINDING, EXIT_HELD, OTHER_EXIT_CODES } from "./exit-codes.ts";
import { readInput, writeReport } from "./input.ts";
import { HELP_OPTION, parseInteger, parseOptions, UsageError } from "./options.ts";
import { formatTable, formatTranslator, paint } from "./terminal.ts";

const HELP = `flipside ctl: ask or command a controller that flipside serve keeps running.

usage: flipside ctl [--dir DIR] status [--watch] [--json FILE]
       flipside ctl [--dir DIR] inject KIND [--seed N]
       flipside ctl [--dir DIR] designate N | clear N | load N FILE | stop

  status       what executes, the regions, the table, the standby, restarts, what was translated
  inject KIND  do a fault to it; an unknown KIND is answered with the list; where chance has a say, as in what rots or
               where power goes, the seed is printed
  designate N  stop what executes and start region N; on trial if it is not accepted
  clear N      region N, which was given up, may run again
  load N FILE  write an MCUboot image into region N, verify it, and choose it for the next start
  stop         power off and end flipside serve

  --dir DIR    directory of the device (default ./flipside-device)
  --seed N     of a fault: the same KIND and N do the same again (default: random)
  --watch      keep the status on the screen
  --json FILE  write the status as JSON
  -h, --help   this text

Exit code: 0 done, 1 the device failed,
${OTHER_EXIT_CODES}.
`;

const WATCH_MS = 500;

function formatStatus(status: ServedStatus): string {
  const state = status.phase === "safe-mode" ? paint("red", "safe mode") : status.phase;
  const standby = status.standby === null ? `none: ${status.noStandbyBecause}` : `region ${status.standby}`;
  const causes = Object.entries(status.failoversByCause).map(([cause, count]) => `${cause} ${count}`);
  const rows = status.regions.map((region) => [
    `${region.region}${region.region === status.primary ? " *" : ""}`,
    region.version === "" ? "–" : region.version,
    region.state,
    String(region.triesLeft),
    String(region.failures),
    region.lastFailure,
    formatWear(region.eraseCounts),
  ]);
  return [
    `${state}: ${status.reason}`,
    `ready ${status.ready ? "yes" : "no"}   standby ${standby}`,
    `table generation ${status.generation}${status.rebuilt ? ", made anew after both replicas were lost" : ""}   security floor ${status.securityFloor}   flash file ${status.persistence}`,
    `failovers ${status.failovers}${causes.length > 0 ? ` (${causes.join(", ")})` : ""}   process restarts ${status.processRestarts}   memory workers replaced ${status.memoryReplacements}   mended ${status.mended}   up ${(status.uptimeMs / 1000).toFixed(0)} s`,
    "",
    formatTable(
      ["region", "version", "state", "tries left", "failures", "last failure", "erases min/median/max"].map(
        (title) => ({ title }),
      ),
      rows,
    ),
    ...status.regions
      .filter(({ unusableBecause }) => unusableBecause !== "")
      .map(({ region, unusableBecause }) => `region ${region} is not usable: ${unusableBecause}`),
    ...(status.logLinesDropped > 0
      ? [`log lines dropped, as nobody reads the log: ${status.logLinesDropped}`]
      : []),
    ...(isUsed(status.translator) ? ["", ...formatTranslator(status.translator)] : []),
    "",
  ].join("\n");
}

/** Least, median and most erases of a region's sectors, and the sector that was erased most. */
function formatWear(eraseCounts: readonly number[]): string {
  const sorted = eraseCounts.toSorted((a, b) => a - b);
  const most = sorted.at(-1) ?? 0;
  const summary = `${sorted[0]}/${sorted[sorted.length >> 1]}/${most}`;
  return most === 0 ? summary : `${summary} (sector ${eraseCounts.indexOf(most)})`;
}

type Client = ControlClient<ServedMethods>;
type Call = (client: Client) => Promise<unknown>;

/** How many words each command is, itself included. */
const TAKES = {
  status: 1,
  inject: 2,
  designate: 2,
  clear: 2,
  load: 3,
  stop: 1,
} as const satisfies Partial<Record<ServedMethodName, number>>;

function isCommand(word: string): word is keyof typeof TAKES {
  return Object.hasOwn(TAKES, word);
}

/** What the words of the command line ask of the socket. Throws UsageError. */
function parseCall(words: readonly string[], seed: string | undefined): Call {
  const [command, first, second] = words;
  const region = (): number => {
    if (first === undefined) throw new UsageError(`${command} needs the number of a region`);
    return parseInteger("the region", first, 0, 3);
  };
  if (command === undefined || !isCommand(command)) {
    throw new UsageError("ctl needs one of status, inject, designate, clear, load and stop");
  }
  const takes = TAKES[command];
  if (words.length > takes) throw new UsageError(`there is one argument too many: ${words[takes]}`);
  if (command !== "inject" && seed !== undefined) throw new UsageError("--seed is for inject");
  if (command === "inject") {
    if (first === undefined) throw new UsageError("inject needs the kind of a fault");
    const params = seed === undefined ? {} : { seed: parseInteger("--seed", seed, 0, MAX_SEED) };
    return (client) => inject(client, { kind: first, ...params });
  }
  if (command === "load") {
    if (second === undefined) throw new UsageError("load needs a region and the file of an image");
    const params = { region: region(), image: readInput("the image", second, REGION_STRIDE) };
    return (client) => load(client, second, params);
  }
  if (command === "designate" || command === "clear") {
    const params = { region: region() };
    return (client) => client.call(command, params);
  }
  return (client) => client.call(command, null);
}

async function inject(client: Client, params: ServedMethods["inject"]["params"]): Promise<void> {
  const { seed } = await client.call("inject", params);
  if (seed !== null) process.stdout.write(`again: --seed ${seed}\n`);
}

/** A frame that is larger than a region is cut off unread, so what can be seen here is seen here. Throws {@link UsageError}. */
async function load(
  client: Client,
  file: string,
  params: { readonly region: number; readonly image: Uint8Array },
): Promise<unknown> {
  const { regionBytes } = await client.call("status", null);
  const verified = verifyImage(params.image, NO_REQUIREMENTS, regionBytes);
  if (!verified.ok) throw new UsageError(`the image ${file} cannot be run: ${verified.fault.message}`);
  return client.call("load", params);
}

export async function ctlCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(
    args,
    {
      dir: { type: "string" },
      seed: { type: "string" },
      watch: { type: "boolean" },
      json: { type: "string" },
      ...HELP_OPTION,
    },
    3,
  );
  if (values.help === true) {
    process.stdout.write(HELP);
    return EXIT_HELD;
  }
  const call = parseCall(positionals, values.seed);
  const isStatus = positionals[0] === "status";
  if (!isStatus && (values.watch === true || values.json !== undefined)) {
    throw new UsageError("--watch and --json are for status");
  }
  let client: Client | undefined;
  try {
    client = await ControlClient.connect<ServedMethods>(controlPath(values.dir ?? "flipside-device"));
    if (isStatus) await showStatus(client, values.watch === true, values.json);
    else await call(client);
    return EXIT_HELD;
  } catch (error) {
    if (!(error instanceof DeviceError) || error.kind !== undefined) throw error;
    process.stderr.write(`flipside: ${error.message}\n`);
    return EXIT_FINDING;
  } finally {
    client?.close();
  }
}

/** Once, or until somebody ends it. */
async function showStatus(client: Client, watch: boolean, json: string | undefined): Promise<void> {
  for (;;) {
    const status = await client.call("status", null);
    if (watch && process.stdout.isTTY === true) process.stdout.write("\x1b[H\x1b[2J");
    process.stdout.write(formatStatus(status));
    if (json !== undefined) writeReport(json, status);
    if (!watch) return;
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  }
}
