/**
 * The one module that is not made from guest code: the dispatcher, and what an empty table slot holds.
 *
 * `run(pc, count, depth)` calls the table's entry for the pc, then for the pc that came back, until one comes
 * back with bit 0 set; it stores the count to RUN_RETIRED and returns that pc. So going from one translated
 * function to another never leaves WebAssembly.
 */
import { Hart } from "../cpu/hart.ts";
import { CodeWriter, ModuleWriter, Wasm } from "../wasm/emitter.ts";
import { Reason } from "./codegen.ts";
import type { Target } from "./unit.ts";

export function generateRuntime(target: Target): Uint8Array {
  const module = new ModuleWriter();
  module.importMemory("memory", target.memoryPages);
  module.importTable("table", target.tableSlots);
  module.importMutableGlobal("reason");
  const tableType = module.type(3, 2);
  const [PC, COUNT, DEPTH] = [0, 1, 2];

  const miss = new CodeWriter();
  miss.constant(Reason.MISS);
  miss.setGlobal(0);
  miss.get(PC);
  miss.constant(1);
  miss.op(Wasm.I32_OR);
  miss.get(COUNT);
  module.exportFunction("miss", module.function(tableType, 0, miss.finish()));

  const run = new CodeWriter();
  const again = run.loop();
  run.get(PC);
  run.get(COUNT);
  run.get(DEPTH);
  run.get(PC);
  run.constant(1);
  run.op(Wasm.I32_SHR_U);
  run.constant(target.tableSlots - 1);
  run.op(Wasm.I32_AND);
  run.callIndirect(tableType);
  run.set(COUNT);
  run.tee(PC);
  run.constant(1);
  run.op(Wasm.I32_AND);
  run.op(Wasm.I32_EQZ);
  run.branchIf(again);
  run.end();
  run.constant(target.hart);
  run.get(COUNT);
  run.memory(Wasm.I32_STORE, Hart.RUN_RETIRED * 4);
  run.get(PC);
  module.exportFunction("run", module.function(module.type(3, 1), 0, run.finish()));
  return module.finish();
}
