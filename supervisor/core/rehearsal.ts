/**
 * A device that is only rehearsed: the rules of the live one over memory of its own, and nothing that executes.
 *
 * Invariant: every command of every step is performed, in its order. The policy goes by what it commanded, so where one
 * command is left out the next commit is refused.
 */
import type { RegionFacts } from "../../controller/boot/boot-rom.ts";
import { TableStore } from "../../emulator/table/commit.ts";
import { raiseFloor } from "../../emulator/table/floor.ts";
import type { NvramPort } from "../../emulator/table/nvram.ts";
import type { Table } from "../../emulator/table/table.ts";
import {
  type Budget,
  type Command,
  initialState,
  type PolicyEvent,
  type PolicyState,
  reduce,
} from "./policy.ts";

const LIFTED: Budget = { failures: null, windowMs: 1 };

export class Rehearsal {
  readonly #port: NvramPort;
  readonly #store: TableStore;
  #policy: PolicyState;

  /**
   * Powers on.
   * @param port memory that nobody else uses, in which recovery found `table` and `floor`
   * @param images what the boot ROM read
   */
  constructor(port: NvramPort, table: Table, floor: number, images: readonly RegionFacts[]) {
    this.#port = port;
    this.#store = new TableStore(port, table, () => undefined);
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
    for (const command of commands) this.#perform(command);
  }

  /**
   * Not by performer.ts: V8 would compile that for the functions of this performer, and throw it away at the first
   * failover, for which it is to be ready.
   */
  #perform(command: Command): void {
    switch (command.type) {
      case "stop":
        this.#dispatch({ type: "stopped" });
        break;
      case "commit":
        this.#store.commit(command.table);
        break;
      case "raise-floor":
        raiseFloor(this.#port, command.counter);
        break;
      case "execute":
      case "safe-mode":
        // There is no worker, and nobody to tell.
        break;
    }
  }
}
