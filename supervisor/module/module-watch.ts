/**
 * Sees when a thread does not come back from somebody's module, and tells where in it the thread stands. So many looks
 * in vain are counted, as the thread that looks may stand still itself, and so much running time, as the other one may
 * wait for a processor.
 */
import { monotonicNs } from "../../emulator/base/clock.ts";
import { ownRunningTime } from "../../emulator/base/running-time.ts";
import type { CallsSeen } from "./calls.ts";
import { formatPlace } from "./place.ts";
import { standingOf } from "./standing.ts";

export const LOOK_MS = 1_000;
const MAX_IDLE_LOOKS = 10;

export interface Watched {
  readonly threadId: number;
  readonly calls: Pick<CallsSeen, "begun" | "underWay">;
  /** Of flipside's code, where nobody else's is. */
  readonly ownDirectory: string;
  /** @param account what does not come back, and where it stands: "decideBoot does not come back: it stands at …" */
  readonly onStuck: (account: string) => void;
}

export class ModuleWatch {
  readonly #watched: Watched;
  readonly #timer: NodeJS.Timeout;
  readonly #lookMs: number;
  #begun = 0;
  #looks = 0;
  #idle = ownRunningTime(monotonicNs());

  constructor(watched: Watched, lookMs = LOOK_MS) {
    this.#watched = watched;
    this.#lookMs = lookMs;
    this.#timer = setInterval(() => this.#look(), lookMs);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { calls } = this.#watched;
    const { begun, underWay } = calls;
    if (underWay === undefined || begun !== this.#begun) {
      this.#begun = begun;
      this.#looks = 0;
      this.#idle = ownRunningTime(monotonicNs());
      return;
    }
    this.#looks += 1;
    const isLate = this.#idle.passedNs(monotonicNs()) >= MAX_IDLE_LOOKS * this.#lookMs * 1e6;
    if (this.#looks < MAX_IDLE_LOOKS || !isLate) return;
    this.end();
    void this.#tell(underWay);
  }

  async #tell(what: string): Promise<void> {
    const { threadId, ownDirectory, onStuck } = this.#watched;
    const place = await standingOf(threadId, ownDirectory);
    onStuck(`${what} does not come back${place === undefined ? "" : `: it stands at ${formatPlace(place)}`}`);
  }
}
