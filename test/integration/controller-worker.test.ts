import { expect, it } from "vitest";
import type { ControllerApi } from "../../controller/api.ts";
import { Hart } from "../../controller/cpu/hart.ts";
import {
  Attention,
  Control,
  controlWords,
  Engine,
  EngineCommand,
  EngineState,
  engineWords,
} from "../../emulator/control.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../emulator/layout.ts";
import { launchController } from "../../supervisor/launch.ts";
import { WorkerThread } from "../../supervisor/worker-thread.ts";
import { readImage } from "../controller/firmware-device.ts";

const DEADLINE_MS = 5_000;
const REGION = 0;

/** The supervisor may change its mind, or say RUN, between a preparation's answer and the worker's next turn. */
it("what a worker says of its state is of the last thing it was told, however late it gets to park", async () => {
  const layout = planLayout(DEFAULT_MEMORY_CONFIG);
  const memory = createMemory(layout);
  new Uint8Array(memory.buffer).set(readImage("1.0.0"), layout.regions[REGION]);
  const words = engineWords(memory, layout, 0);
  Atomics.store(controlWords(memory, layout), Control.REGION, REGION);
  const state = (): number => Atomics.load(words, Engine.STATE);
  const thread = new WorkerThread<ControllerApi>(launchController(0), () => undefined);
  const { link } = thread;
  const log = { level: "silent", fd: 2 } as const;
  await link.call(DEADLINE_MS, "attach", { memory, layout, slot: 0, engine: "auto", log, keys: [] });

  // The first takes long enough for the second to be there when it ends: both are done in one turn.
  const prepare = (): Promise<unknown> => link.call(DEADLINE_MS, "prepare", REGION, false);
  await Promise.all([prepare(), prepare()]);
  Atomics.store(words, Engine.COMMAND, EngineCommand.RUN);
  Atomics.notify(words, Engine.COMMAND);
  await expect.poll(state).toBe(EngineState.RUNNING);
  Atomics.or(words, Hart.ATTENTION, Attention.HALT);
  Atomics.store(words, Hart.LIMIT, 0);
  Atomics.add(words, Engine.WAKE, 1);
  Atomics.notify(words, Engine.WAKE);

  await link.call(DEADLINE_MS, "inspect");
  expect(state(), "parked once for two preparations: the stop is the last word").toBe(EngineState.STOPPED);

  // Mostly the second is under way when the first is answered, so the worker has not parked; if it has, it is sent back.
  const again = prepare();
  const later = prepare();
  await again;
  expect(state(), "prepared anew, it is not the one that stopped").not.toBe(EngineState.STOPPED);
  Atomics.store(words, Engine.COMMAND, EngineCommand.RELEASE);
  Atomics.notify(words, Engine.COMMAND);
  await later;
  await thread.terminate(DEADLINE_MS);
});
