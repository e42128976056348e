/** The rules of a device over memory alone: what the policy commands is performed, and nothing executes. */
import type { RegionFacts } from "../../controller/boot/boot-rom.ts";
import { TableStore } from "../../emulator/table/commit.ts";
import { raiseFloor } from "../../emulator/table/floor.ts";
import type { NvramPort } from "../../emulator/table/nvram.ts";
import type { Table } from "../../emulator/table/table.ts";
import { type Performer, perform } from "../../supervisor/core/performer.ts";
import {
  type Budget,
  initialState,
  type PolicyEvent,
  type PolicyState,
  reduce,
} from "../../supervisor/core/policy.ts";

const LIFTED: Budget = { failures: null, windowMs: 1 };

export class PerformedPolicy {
  readonly #performer: Performer;
  #policy: PolicyState;

  /**
   * Powers on.
   * @param port memory in which recovery found `table` and `floor`
   * @param images what the boot ROM read
   */
  constructor(port: NvramPort, table: Table, floor: number, images: readonly RegionFacts[]) {
    const store = new TableStore(port, table, () => undefined);
    this.#performer = {
      stop: () => this.#dispatch({ type: "stopped" }),
      commit: (next) => store.commit(next),
      raiseFloor: (counter) => raiseFloor(port, counter),
      execute: () => undefined,
      safeMode: () => undefined,
    };
    this.#policy = initialState(table, floor, LIFTED);
    this.#dispatch({ type: "power-on", images });
  }

  get policy(): PolicyState {
    return this.#policy;
  }

  /** What executes fails, and what the policy makes of that is done. Nothing happens in safe mode. */
  failOver(code: number): void {
    this.#dispatch({ type: "evidence", failure: { evidence: 1, code, pc: 0 }, nowNs: code });
  }

  #dispatch(event: PolicyEvent): void {
    const { state, commands } = reduce(this.#policy, event);
    this.#policy = state;
    perform(commands, this.#performer);
  }
}
