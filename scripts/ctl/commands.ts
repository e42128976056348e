/**
 * The commands of `flipside ctl`, each with what it takes.
 *
 * Invariant: all that a command line says is read and checked before the device is asked for anything.
 */
import { NO_REQUIREMENTS, verifyImage } from "../../controller/image/verify.ts";
import { REGION_STRIDE } from "../../emulator/memory/map.ts";
import { MAX_SEED } from "../../supervisor/faults/chance.ts";
import type { ServedMethods } from "../../supervisor/process/served-device.ts";
import { EXIT_FINDING, EXIT_HELD, EXIT_USAGE } from "../exit-codes.ts";
import { readInput, requireSeparate, requireWritable, writeReport } from "../input.ts";
import { parseInteger, UsageError } from "../options.ts";
import { attachTerminal } from "./console.ts";
import { readFlash } from "./flash.ts";
import { hostCommand } from "./host-command.ts";
import type { CtlCall, CtlClient, CtlValues, OptionName } from "./said.ts";
import { formatStatus } from "./status.ts";
import { printUart } from "./uart.ts";

export interface CtlCommand {
  /** What its words stand for, without itself. */
  readonly needs: readonly string[];
  /** Options that it takes beside --dir. */
  readonly options: readonly OptionName[];
  /** Throws {@link UsageError}. */
  readonly prepare: (words: readonly string[], values: CtlValues) => CtlCall;
  /** Of what needs no server: likewise, where there is none. */
  readonly unserved?: (words: readonly string[], values: CtlValues) => () => Promise<number>;
}

export const CTL_COMMANDS: Readonly<Record<string, CtlCommand>> = {
  status: {
    needs: [],
    options: ["watch", "json"],
    prepare: (_, { watch = false, json }) => {
      if (json !== undefined) requireWritable(json);
      return (client) => showStatus(client, watch, json);
    },
  },
  inject: {
    needs: ["the kind of a fault"],
    options: ["seed", "json"],
    prepare: ([kind = ""], { seed, json }) => {
      if (json !== undefined) requireWritable(json);
      const params = seed === undefined ? {} : { seed: parseInteger("--seed", seed, 0, MAX_SEED) };
      return (client) => inject(client, { kind, ...params }, json);
    },
  },
  designate: regionCommand("designate"),
  activate: regionCommand("activate"),
  clear: regionCommand("clear"),
  load: {
    needs: ["the number of a region", "the file of an image"],
    options: [],
    prepare: ([region = "", file = ""]) => {
      const params = { region: parseRegion(region), image: readInput("the image", file, REGION_STRIDE) };
      return (client) => load(client, file, params);
    },
  },
  command: {
    needs: [],
    options: ["opcode", "cdw10", "cdw11", "source", "destination", "data", "output", "output-bytes", "json"],
    prepare: (_, values) => {
      requireSeparate([values.output, values.json], [values.data]);
      return hostCommand(values);
    },
  },
  uart: {
    needs: [],
    options: ["follow"],
    prepare:
      (_, { follow = false }) =>
      (client) =>
        printUart((params) => client.call("uart", params), follow),
  },
  console: { needs: [], options: [], prepare: () => attachTerminal },
  flash: {
    needs: ["read", "the file that takes it"],
    options: [],
    prepare: (words, values) => {
      const write = readFlash(words, values);
      return async (client) => {
        const { persistence } = await client.call("status", null);
        if (persistence === "on") return write();
        throw new UsageError(
          "the flash file cannot be written at the moment, and does not hold what memory holds",
        );
      };
    },
    unserved: readFlash,
  },
  stop: {
    needs: [],
    options: [],
    prepare: () => async (client) => {
      await client.call("stop", null);
      return EXIT_HELD;
    },
  },
};

function parseRegion(text: string): number {
  return parseInteger("the region", text, 0, 3);
}

function regionCommand(method: "designate" | "activate" | "clear"): CtlCommand {
  return {
    needs: ["the number of a region"],
    options: [],
    prepare: ([text = ""]) => {
      const params = { region: parseRegion(text) };
      return async (client) => {
        await client.call(method, params);
        return EXIT_HELD;
      };
    },
  };
}

const WATCH_MS = 500;

/** Once, or until somebody ends it. */
async function showStatus(client: CtlClient, watch: boolean, json: string | undefined): Promise<number> {
  for (;;) {
    const status = await client.call("status", null);
    if (watch && process.stdout.isTTY === true) process.stdout.write("\x1b[H\x1b[2J");
    process.stdout.write(formatStatus(status));
    if (json !== undefined) writeReport(json, "status", status);
    if (!watch) return EXIT_HELD;
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  }
}

async function inject(
  client: CtlClient,
  params: ServedMethods["injectAndAwait"]["params"],
  json: string | undefined,
): Promise<number> {
  const outcome = await client.call("injectAndAwait", params);
  const { seed, effect, message, region, version } = outcome;
  process.stdout.write(`${message}\n`);
  process.stdout.write(
    region === null ? "no version runs: safe mode\n" : `region ${region} runs, ${version}\n`,
  );
  if (seed !== null) process.stdout.write(`again: --seed ${seed}\n`);
  if (json !== undefined) writeReport(json, "fault", outcome);
  if (effect === "nothing") return EXIT_USAGE;
  return effect === "safe-mode" ? EXIT_FINDING : EXIT_HELD;
}

/** A frame that is larger than a region is cut off unread, so what can be seen here is seen here. Throws {@link UsageError}. */
async function load(
  client: CtlClient,
  file: string,
  params: { readonly region: number; readonly image: Uint8Array },
): Promise<number> {
  const { regionBytes } = await client.call("status", null);
  const verified = verifyImage(params.image, NO_REQUIREMENTS, regionBytes);
  if (!verified.ok) throw new UsageError(`the image ${file} cannot be run: ${verified.fault.message}`);
  await client.call("load", params);
  return EXIT_HELD;
}
