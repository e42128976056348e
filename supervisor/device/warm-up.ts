/**
 * Lets V8 compile the failover path before it matters: the first failover of a process should not be the slowest.
 * Takes the decisions and commits of many failovers over memory of its own, a few at a time.
 */
import { type RegionFacts, recoverManagement } from "../../controller/boot/boot-rom.ts";
import { TABLE_BYTES } from "../../emulator/memory/layout.ts";
import { TableStore } from "../../emulator/table/commit.ts";
import { SharedNvram } from "../../emulator/table/nvram.ts";
import { DEFAULT_RECOVERY } from "../core/config.ts";
import { initialState, reduce } from "../core/policy.ts";

/** Enough for V8's optimising compiler to have taken notice of everything on the path. */
const ROUNDS = 3_000;
/** At a time: well under a millisecond once compiled, so nothing waits long. */
const ROUNDS_AT_ONCE = 50;

/** @param images what the boot ROM read; nothing is warmed up when they give no version to run */
export function warmUpFailover(images: readonly RegionFacts[]): void {
  const port = new SharedNvram(new Int32Array(new SharedArrayBuffer(TABLE_BYTES)));
  const { table } = recoverManagement(port, images, DEFAULT_RECOVERY).table;
  if (table === undefined) return;
  const store = new TableStore(port, table, () => undefined);
  const lifted = initialState(table, 0, { failures: null, windowMs: 1 });
  let { state } = reduce(lifted, { type: "power-on", images });
  const failOver = (round: number): void => {
    const failure = { evidence: 1, code: round, pc: 0 };
    const stopping = reduce(state, { type: "evidence", failure, nowNs: round });
    const stopped = reduce(stopping.state, { type: "stopped" });
    for (const command of stopped.commands) if (command.type === "commit") store.commit(command.table);
    state = stopped.state;
  };
  const rounds = (from: number): void => {
    if (state.phase !== "executing" || from >= ROUNDS) return;
    for (let round = from; round < from + ROUNDS_AT_ONCE; round++) failOver(round);
    setImmediate(() => rounds(from + ROUNDS_AT_ONCE));
  };
  rounds(0);
}
