/**
 * Runs one benchmark program without end; whenever it is told to stop, says when it did and where. Told that memory
 * changed it goes on, and says when the first exception came.
 */

import { workerData } from "node:worker_threads";
import { BARE_BOARD } from "../../controller/boards.ts";
import { Hart } from "../../controller/cpu/hart.ts";
import { Machine, MachineStop } from "../../controller/machine.ts";
import { chooseEngine } from "../../controller/translator/select.ts";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { Attention } from "../../emulator/memory/control.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";
import { FELT_NS_F64, type HaltData, HaltWord, STOPPED_NS_F64 } from "./halt.ts";

const { memory, layout, program, engine, times } = workerData as HaltData;
const words = new Int32Array(times);
const stamps = new Float64Array(times);
const stamp = (): void => {
  stamps[STOPPED_NS_F64] = monotonicNs();
};
const machine = new Machine({
  memory,
  layout,
  slot: 0,
  plan: BARE_BOARD,
  onException: stamp,
  ...(engine === "none" ? {} : chooseEngine(engine).options),
});

const load = (): void => {
  for (const { address, data, memoryBytes } of program.parts) {
    const at = layout.ram + address - RAM_BASE;
    machine.space.bytes.set(data, at);
    machine.space.bytes.fill(0, at + data.length, at + memoryBytes);
  }
  machine.reset(program.entry | 0);
};

/** What every engine is beside: a thread that does nothing but look whether it is to stop. */
const lookOnly = (): MachineStop => {
  Atomics.store(machine.hart, Hart.LIMIT, 1);
  while (Atomics.load(machine.hart, Hart.ATTENTION) === 0 && Atomics.load(machine.hart, Hart.LIMIT) !== 0);
  return MachineStop.ATTENTION;
};

load();
while (Atomics.load(words, HaltWord.DONE) === 0) {
  const stop = engine === "none" ? lookOnly() : machine.run(2 ** 29);
  if (stop === MachineStop.BUDGET) continue;
  if (stop === MachineStop.STOPPED) {
    load();
  } else {
    const attention = Atomics.exchange(machine.hart, Hart.ATTENTION, 0);
    if ((attention & Attention.MEMORY_CHANGED) !== 0) {
      stamps[FELT_NS_F64] = monotonicNs();
      machine.ramChanged();
    }
    if ((attention & Attention.HALT) === 0) continue;
    stamp();
    words[HaltWord.PC] = machine.hart[Hart.PC] as number;
  }
  Atomics.add(words, HaltWord.COUNT, 1);
}
