/** What a command line of `flipside ctl` may say, and what is made of it. */
import type { ControlClient } from "../../supervisor/process/control-client.ts";
import type { ServedMethods } from "../../supervisor/process/served-device.ts";

export type CtlClient = ControlClient<ServedMethods>;

/** Of all commands. */
export const CTL_OPTIONS = {
  dir: { type: "string" },
  seed: { type: "string" },
  watch: { type: "boolean" },
  follow: { type: "boolean" },
  json: { type: "string" },
  opcode: { type: "string" },
  cdw10: { type: "string" },
  cdw11: { type: "string" },
  source: { type: "string" },
  destination: { type: "string" },
  data: { type: "string" },
  output: { type: "string" },
  "output-bytes": { type: "string" },
} as const;

export type OptionName = keyof typeof CTL_OPTIONS;

/** What was said of them. */
export type CtlValues = {
  readonly [N in OptionName]?: (typeof CTL_OPTIONS)[N]["type"] extends "boolean" ? boolean : string;
};

/** Asks the device; the exit code. */
export type CtlCall = (client: CtlClient) => Promise<number>;

/** Of the device. */
export function directoryOf({ dir = "flipside-device" }: CtlValues): string {
  return dir;
}
