/** `flipside ctl command`: one host command, and how it ended. */
import { NvmeStatus } from "../../controller/devices/nvme-spec.ts";
import { hex, hex32 } from "../../emulator/base/text.ts";
import type { HostCommand } from "../../supervisor/host/host.ts";
import type { CommandAnswer } from "../../supervisor/process/protocol.ts";
import { EXIT_FINDING, EXIT_HELD, EXIT_USAGE } from "../exit-codes.ts";
import { readInput, requireWritable, writeOutput, writeReport } from "../input.ts";
import { parseInteger, UsageError } from "../options.ts";
import type { CtlCall, CtlClient, CtlValues } from "./said.ts";

/** Of the largest host memory that there is. */
const MOST_HOST_BYTES = 2 ** 24;
const MAX_WORD = 2 ** 32 - 1;

/** As the NVM Express Base Specification names them. */
const STATUS_NAMES: Readonly<Record<number, string>> = {
  [NvmeStatus.SUCCESS]: "Successful Completion",
  [NvmeStatus.INVALID_OPCODE]: "Invalid Command Opcode",
  [NvmeStatus.INVALID_FIELD]: "Invalid Field in Command",
  [NvmeStatus.INTERNAL_ERROR]: "Internal Error",
  [NvmeStatus.ABORT_REQUESTED]: "Command Abort Requested",
};

/** Throws {@link UsageError}. */
export function hostCommand(values: CtlValues): CtlCall {
  const command = parseCommand(values);
  const data = values.data === undefined ? undefined : readInput("the data", values.data, MOST_HOST_BYTES);
  const outputBytes = parseOutputBytes(values, data);
  if (values.output !== undefined) requireWritable(values.output, "the output");
  if (values.json !== undefined) requireWritable(values.json);
  const request = {
    command,
    withdraw: true,
    ...(data === undefined ? {} : { data }),
    ...(outputBytes === undefined ? {} : { outputBytes }),
  };
  return async (client) => {
    await requireRoom(client, data);
    const answer = await client.call("command", request);
    const { output, ...ended } = answer;
    process.stdout.write(`${describe(answer)}\n`);
    if (values.json !== undefined) writeReport(values.json, "command", ended);
    if (answer.outcome === "withdrawn") return EXIT_USAGE;
    if (answer.outcome !== "completed" || answer.status !== 0) return EXIT_FINDING;
    if (values.output !== undefined) writeOutput("the output", values.output, output ?? new Uint8Array());
    return EXIT_HELD;
  };
}

function parseCommand(values: CtlValues): HostCommand {
  if (values.opcode === undefined) throw new UsageError("command needs --opcode");
  const opcode = parseInteger("--opcode", values.opcode, 0, 0xff);
  const command: { -readonly [K in keyof HostCommand]: HostCommand[K] } = { opcode };
  for (const name of ["cdw10", "cdw11", "source", "destination"] as const) {
    const text = values[name];
    if (text !== undefined) command[name] = parseInteger(`--${name}`, text, 0, MAX_WORD);
  }
  return command;
}

function parseOutputBytes(values: CtlValues, data: Uint8Array | undefined): number | undefined {
  const text = values["output-bytes"];
  if (values.output === undefined) {
    if (text !== undefined) throw new UsageError("--output-bytes is for --output");
    return undefined;
  }
  if (text !== undefined) return parseInteger("--output-bytes", text, 1, MOST_HOST_BYTES);
  if (data !== undefined && data.length > 0) return data.length;
  throw new UsageError("--output needs --output-bytes where there is no --data");
}

/** A frame that is too large is cut off unread, so that is seen here. Throws {@link UsageError}. */
async function requireRoom(client: CtlClient, data: Uint8Array | undefined): Promise<void> {
  if (data === undefined) return;
  const { hostBufferBytes } = await client.call("status", null);
  if (data.length <= hostBufferBytes) return;
  throw new UsageError(
    `the data has ${data.length} bytes, more than the host's buffers of ${hostBufferBytes}`,
  );
}

function describe({ outcome, status, result, result2 }: CommandAnswer): string {
  switch (outcome) {
    case "completed": {
      const name = STATUS_NAMES[status];
      return `completed: status ${hex(status)}${name === undefined ? "" : ` (${name})`}, result ${hex32(result)} ${hex32(result2)}`;
    }
    case "aborted":
      return "aborted: a failover came between; it was fetched, and may have been carried out or not";
    case "withdrawn":
      return "not fetched: the version that runs has fetched no command since its start; it was taken back";
  }
}
