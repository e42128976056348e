/**
 * A fault that a version was asked for by a command, and whether it may still come.
 *
 * Invariant: that it never took place is said only of a version that completed the command, and that is ready and completes
 * another one after every deadline by which the fault shows. One that hangs does neither, whoever finds it or not.
 */
import type { Capabilities } from "../../controller/devices/capabilities.ts";
import { Opcode } from "../../controller/devices/nvme-spec.ts";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { ownRunningTime } from "../../emulator/base/running-time.ts";
import { hex } from "../../emulator/base/text.ts";
import type { Limits } from "../core/config.ts";
import type { Device } from "../device/device.ts";
import type { Fault } from "../faults/catalogue.ts";
import type { HostCompletion } from "../host/host.ts";
import { deadlineOf } from "./judgements.ts";

/** Longer than this nothing is waited for that most likely never comes. */
const MAX_GRACE_MS = 5_000;

/** How long after its completion a command may still lead to the fault. */
export function graceMs({ evidence }: Pick<Fault, "evidence">, limits: Limits): number {
  // A hang shows by the next command at the latest, where it does not by a deadline of its own.
  const deadlinesMs = evidence.map((each) => deadlineOf(each, limits) ?? 0);
  return Math.min(MAX_GRACE_MS, Math.max(limits.commandMs, ...deadlinesMs));
}

export class AskedFault {
  readonly #device: Pick<Device, "bootEpoch" | "ready" | "submit">;
  readonly #graceMs: number;
  readonly #passedMs: () => number;
  readonly #epoch: number;
  #answer: HostCompletion | undefined;
  #answeredMs = 0;
  #isProbed = false;
  #servesOn = false;

  /** @param passedMs since any moment; by default of what this process got to run */
  constructor(
    device: Pick<Device, "bootEpoch" | "ready" | "submit">,
    graceMs: number,
    passedMs = runningTimeMs(),
  ) {
    this.#device = device;
    this.#graceMs = graceMs;
    this.#passedMs = passedMs;
    this.#epoch = device.bootEpoch;
  }

  /** What the version answered to the command, a status; undefined as long as it did not. */
  get status(): number | undefined {
    return this.#answer?.status;
  }

  /** Is told of the command. */
  readonly onCompletion = (completion: HostCompletion): void => {
    if (completion.outcome !== "completed") return;
    this.#answer = completion;
    this.#answeredMs = this.#passedMs();
  };

  /** It never took place; to be asked until it is so, or a version has failed. Submits a command when it is time for one. */
  wentOn(): boolean {
    if (this.#answer === undefined || this.#device.bootEpoch !== this.#epoch) return false;
    if (this.#passedMs() - this.#answeredMs < this.#graceMs) return false;
    this.#isProbed ||= this.#device.submit({ opcode: Opcode.FLUSH }, ({ outcome }) => {
      this.#servesOn = outcome === "completed";
    });
    return this.#servesOn && this.#device.ready;
  }
}

function runningTimeMs(): () => number {
  const running = ownRunningTime(monotonicNs());
  return () => running.passedNs(monotonicNs()) / 1e6;
}

/**
 * One sentence for people.
 * @param who "firmware 1.0.5 in region 0"
 * @param status of the command's completion
 */
export function describeNotInjected(
  who: string,
  kind: string,
  status: number | undefined,
  saidBy: Capabilities["saidBy"],
): string {
  const answer = status === undefined ? "" : `, completed the command with status ${hex(status)}`;
  return `not-injected: ${who} was told to do ${kind}${answer}, and went on as though nothing had happened: ${ADVICE[saidBy]}`;
}

const ADVICE: Readonly<Record<Capabilities["saidBy"], string>> = {
  nobody:
    "firmware that commits no faults on request says so in CAPABILITIES (docs/hardware.md), or its device file does",
  register:
    "it says INJECT in CAPABILITIES, and then has to do the fault; without that bit nothing of the kind is asked of it",
  configuration:
    'its device file has "inject" among the capabilities, and then it has to do the fault; without it nothing of the kind is asked of it',
};
