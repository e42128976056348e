/**
 * Rounds of a user's work against a device: what it asks for is asked of the device, and what it checks is counted.
 *
 * Invariants: a round has ended when all that it asked for has; a controller that can be asked nothing more is no error
 * of the work's, whatever the work makes of it; what the work throws is no fault of the controller's.
 */
import { Random } from "../../emulator/base/random.ts";
import { DeviceError } from "../process/client.ts";
import type { WorkCheck, WorkRound } from "../soak/own-work.ts";
import { requireBelow, requireCheck, type Workload, type WorkloadHost } from "./workload.ts";

/** What of a device a user's work has to do with. */
export type WorkedDevice = Pick<
  WorkloadHost,
  "hostMemory" | "command" | "readHostMemory" | "writeHostMemory"
>;

/** Of each rule, in a round; nobody reads more. */
const MAX_DETAILS = 20;

export class Rounds {
  readonly #workload: Workload;
  readonly #host: WorkloadHost;
  readonly #underWay = new Set<Promise<unknown>>();
  #commands = 0;
  #checks = new Map<string, { -readonly [K in keyof WorkCheck]: WorkCheck[K] }>();
  #lost: DeviceError | undefined;
  #thrown: { readonly error: unknown } | undefined;

  /** @param seed of what the work draws */
  constructor(workload: Workload, device: WorkedDevice, seed: number) {
    this.#workload = workload;
    const random = new Random(seed);
    this.#host = {
      hostMemory: device.hostMemory,
      command: async (...request) => {
        const answer = await this.#ask(device.command(...request));
        if (answer.outcome === "completed") this.#commands += 1;
        return answer;
      },
      readHostMemory: (...range) => this.#ask(device.readHostMemory(...range)),
      writeHostMemory: (...place) => this.#ask(device.writeHostMemory(...place)),
      check: (rule, holds, detail) => this.#check(rule, holds, detail),
      random: (below) => {
        requireBelow(below);
        return random.below(below);
      },
    };
  }

  /** What the work threw, which ended it; undefined where nothing did. */
  get thrown(): { readonly error: unknown } | undefined {
    return this.#thrown;
  }

  /** Never rejects. */
  async run(): Promise<WorkRound> {
    this.#commands = 0;
    this.#checks = new Map();
    try {
      await this.#workload(this.#host);
      while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    } catch (error) {
      this.#thrown = { error };
    }
    const lost = this.#lost;
    const done = { commands: this.#commands, checks: [...this.#checks.values()] };
    if (lost?.kind === "finding") {
      this.#thrown = undefined;
      return { ...done, failure: lost.message };
    }
    if (lost !== undefined) this.#thrown = { error: lost };
    return this.#thrown === undefined ? done : { ...done, ended: true };
  }

  async #ask<T>(asked: Promise<T>): Promise<T> {
    this.#underWay.add(asked);
    try {
      return await asked;
    } catch (error) {
      if (error instanceof DeviceError && error.kind !== "usage") this.#lost ??= error;
      throw error;
    } finally {
      this.#underWay.delete(asked);
    }
  }

  #check(rule: string, holds: boolean, detail = ""): void {
    requireCheck(rule, holds, detail);
    const made = this.#checks.get(rule) ?? { rule, held: 0, broken: 0, details: [] };
    this.#checks.set(rule, made);
    if (holds) {
      made.held += 1;
      return;
    }
    made.broken += 1;
    if (made.details.length < MAX_DETAILS) made.details = [...made.details, detail];
  }
}
