/**
 * The management memory as the live device holds it: the table, the security floor, and what of them was found rotten.
 *
 * Invariants: nothing is committed before the memory is recovered; the supervisor's main thread alone writes here;
 * whatever was mended is counted and told.
 */
import { confirmedCounter, type RegionFacts, recoverManagement } from "../../controller/boot/boot-rom.ts";
import type { Logger } from "../../emulator/base/log.ts";
import { TableStore } from "../../emulator/table/commit.ts";
import { raiseFloor, readFloor, recoverFloor } from "../../emulator/table/floor.ts";
import type { NvramPort } from "../../emulator/table/nvram.ts";
import type { RecoveryPolicy } from "../../emulator/table/recovery.ts";
import type { Table } from "../../emulator/table/table.ts";
import { ManagementLostError } from "./errors.ts";

/** What a lost security floor is made from. */
export interface Known {
  readonly table: Table;
  readonly images: readonly RegionFacts[];
}

export class Management {
  #nvram: NvramPort;
  readonly #policy: RecoveryPolicy;
  readonly #publish: (generation: number) => void;
  readonly #log: Logger;
  /** Undefined until the memory is recovered. */
  #store: TableStore | undefined;
  #mended = 0;

  /** @param publish tells everybody which generation stands in both replicas */
  constructor(nvram: NvramPort, policy: RecoveryPolicy, publish: (generation: number) => void, log: Logger) {
    this.#nvram = nvram;
    this.#policy = policy;
    this.#publish = publish;
    this.#log = log;
  }

  /** Table and security floor as they stand in memory. */
  get nvram(): NvramPort {
    return this.#nvram;
  }

  /** Stores go through another port to the same memory from here on: how a fault gets between two of them. */
  set nvram(port: NvramPort) {
    this.#nvram = port;
    if (this.#store !== undefined) this.#store = new TableStore(port, this.#store.table, this.#publish);
  }

  /** Replicas and security floors that were found rotten and mended since power-on. */
  get mended(): number {
    return this.#mended;
  }

  /**
   * Finds what counts, and repairs what does not hold it. Throws {@link ManagementLostError} when configuration forbids
   * to go on without a table.
   * @param images facts of every region
   */
  recover(images: readonly RegionFacts[]): { readonly table: Table; readonly floor: number } {
    const { table: found, floor } = recoverManagement(this.#nvram, images, this.#policy);
    this.#log[found.severity]({ outcome: found.outcome }, found.message);
    this.#log[floor.severity]({ outcome: floor.outcome }, floor.message);
    if (found.table === undefined) throw new ManagementLostError(found.message);
    this.#store = new TableStore(this.#nvram, found.table, this.#publish);
    return { table: found.table, floor: floor.floor };
  }

  /** Makes `table` the one that counts, in both replicas. On the failover path. */
  commit(table: Table): void {
    if (this.#store === undefined) throw new Error("the device is off");
    const { rottenReplicas } = this.#store.commit(table);
    if (rottenReplicas === 0) return;
    this.#mended += rottenReplicas;
    this.#log.warn({ rottenReplicas }, "replicas were rotten and are repaired");
  }

  /** Raises the security floor to `counter`, if it is lower; one that is damaged is mended first. */
  raiseFloor(counter: number, known: Known): void {
    if (readFloor(this.#nvram) === undefined) this.mend(known);
    raiseFloor(this.#nvram, counter);
  }

  /** Mends replicas and security floor that do not hold what they should, and tells. */
  mend({ table, images }: Known): void {
    if (this.#store === undefined) return;
    const repaired = this.#store.repair();
    this.#mended += repaired;
    if (repaired > 0)
      this.#log.warn({ replicas: repaired }, "replicas of the table were rotten and are repaired");
    if (readFloor(this.#nvram) !== undefined) return;
    this.#mended += 1;
    const { severity, outcome, message } = recoverFloor(this.#nvram, confirmedCounter(table, images));
    this.#log[severity]({ outcome }, message);
  }
}
