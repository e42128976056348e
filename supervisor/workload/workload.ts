/** What a user's own work is written in: `flipside emulate --workload`, docs/soak.md, "Your own work". */
import type { HostCommand } from "../host/host.ts";
import type { CommandAnswer, CommandRequest } from "../process/protocol.ts";

/** The host of a controller, as a user's own work has it. */
export interface WorkloadHost {
  /** Host memory that commands may use for their data. */
  readonly hostMemory: { readonly address: number; readonly bytes: number };
  /**
   * Submits a host command; resolves when it has ended: completed, with whatever status, or aborted by a failover. Rejects
   * where it cannot be submitted.
   * @param data goes to the begin of {@link WorkloadHost.hostMemory} first, and is the source where none is given
   */
  command(
    command: HostCommand,
    data?: Uint8Array,
    options?: Pick<CommandRequest, "outputBytes" | "withdraw">,
  ): Promise<CommandAnswer>;
  /** Reads host memory, the queues included. @param address physical */
  readHostMemory(address: number, bytes: number): Promise<Uint8Array>;
  /** Writes host memory. @param address physical, within {@link WorkloadHost.hostMemory} */
  writeHostMemory(address: number, data: Uint8Array): Promise<void>;
  /**
   * A rule of your own; where it does not hold the soak is violated.
   * @param rule the same text each time: a finding is known by it
   * @param detail what was seen instead
   */
  check(rule: string, holds: boolean, detail?: string): void;
  /** A whole number, from 0 to `below` − 1; the same of the same seed of the soak. */
  random(below: number): number;
}

/**
 * A round of work, before each fault of a soak. What it promises has come when the round is over, and then so have the
 * commands that it submitted.
 */
export type Workload = (host: WorkloadHost) => void | Promise<void>;

/** Of functions of {@link WorkloadHost}, which a module in JavaScript may call with anything. Throws TypeError. */
export function requireCheck(rule: unknown, holds: unknown, detail: unknown): void {
  if (typeof rule !== "string" || rule === "")
    throw new TypeError("the rule that is checked must be a text, and not an empty one");
  if (typeof holds !== "boolean") {
    const hint = holds instanceof Promise ? ": a promise has to be awaited" : "";
    throw new TypeError(`whether "${rule}" holds must be true or false, and is ${typeof holds}${hint}`);
  }
  if (detail !== undefined && typeof detail !== "string")
    throw new TypeError(`the detail of "${rule}" must be a text, and is ${typeof detail}`);
}

/** Throws TypeError. */
export function requireBelow(below: unknown): void {
  if (typeof below === "number" && Number.isInteger(below) && below > 0 && below <= 2 ** 32) return;
  throw new TypeError("random(below) needs a whole number, from 1 to 2^32");
}
