/** Runs one benchmark program over and over on an engine; whenever it is told to stop, says when it did. */
import { workerData } from "node:worker_threads";
import { Visibility } from "../../controller/address-space.ts";
import { Hart } from "../../controller/cpu/hart.ts";
import { Machine, MachineStop } from "../../controller/machine.ts";
import { chooseEngine } from "../../controller/translator/select.ts";
import { monotonicNs } from "../../emulator/clock.ts";
import { RAM_BASE } from "../../emulator/map.ts";
import { type HaltData, HaltWord, STOPPED_NS_F64 } from "./halt.ts";

const { memory, layout, program, engine, times } = workerData as HaltData;
const { options } = chooseEngine(engine);
const machine = new Machine({ memory, layout, slot: 0, visibility: Visibility.RAM_ONLY, ...options });
const words = new Int32Array(times);
const stamps = new Float64Array(times);

const load = (): void => {
  for (const { address, data, memoryBytes } of program.segments) {
    const at = layout.ram + address - RAM_BASE;
    machine.space.bytes.set(data, at);
    machine.space.bytes.fill(0, at + data.length, at + memoryBytes);
  }
  machine.reset(program.entry | 0);
};

load();
while (Atomics.load(words, HaltWord.DONE) === 0) {
  const stop = machine.run(2 ** 29);
  if (stop === MachineStop.STOPPED) load();
  if (stop !== MachineStop.ATTENTION) continue;
  stamps[STOPPED_NS_F64] = monotonicNs();
  Atomics.store(machine.hart, Hart.ATTENTION, 0);
  Atomics.add(words, HaltWord.COUNT, 1);
}
