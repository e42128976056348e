import { describe, expect, it } from "vitest";
import type { ControllerApi } from "../../controller/api.ts";
import { Hart } from "../../controller/cpu/hart.ts";
import { DEFAULT_HART } from "../../controller/cpu/hart-config.ts";
import { Counter } from "../../controller/translator/stats.ts";
import {
  Attention,
  Control,
  controlWords,
  engineCounters,
  SlotWord,
  slotWords,
  WorkerCommand,
  WorkerState,
} from "../../emulator/memory/control.ts";
import { Evidence } from "../../emulator/memory/evidence.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../emulator/memory/layout.ts";
import { WorkerThread } from "../../supervisor/device/worker-thread.ts";
import { launchController } from "../../supervisor/launch.ts";
import { readImage } from "../controller/firmware-device.ts";

const DEADLINE_MS = 5_000;
const REGION = 0;

/** A worker in slot 0, attached to a memory that holds an image, as the supervisor has one. */
async function attachedWorker() {
  const layout = planLayout(DEFAULT_MEMORY_CONFIG);
  const memory = createMemory(layout);
  new Uint8Array(memory.buffer).set(readImage("1.0.0"), layout.regions[REGION]);
  const control = controlWords(memory, layout);
  Atomics.store(control, Control.REGION, REGION);
  const thread = new WorkerThread<ControllerApi>(launchController(0), () => undefined);
  const log = { level: "silent", fd: 2 } as const;
  await thread.link.call(DEADLINE_MS, "attach", {
    memory,
    layout,
    slot: 0,
    engine: "auto",
    hart: DEFAULT_HART,
    log,
    requirements: {},
  });
  const words = slotWords(memory, layout, 0);
  return {
    thread,
    control,
    words,
    peerWords: slotWords(memory, layout, 1),
    counters: engineCounters(memory, layout, 0),
    state: (): number => Atomics.load(words, SlotWord.STATE),
    prepare: (): Promise<unknown> => thread.link.call(DEADLINE_MS, "prepare", REGION),
    command: (command: WorkerCommand): void => {
      Atomics.store(words, SlotWord.COMMAND, command);
      Atomics.notify(words, SlotWord.COMMAND);
    },
    halt: (): void => {
      Atomics.or(words, Hart.ATTENTION, Attention.HALT);
      Atomics.store(words, Hart.LIMIT, 0);
      Atomics.add(words, SlotWord.WAKE, 1);
      Atomics.notify(words, SlotWord.WAKE);
    },
  };
}

/** The supervisor may change its mind, or say RUN, between a preparation's answer and the worker's next turn. */
it("what a worker says of its state is of the last thing it was told, however late it gets to park", async () => {
  const { thread, state, prepare, command, halt } = await attachedWorker();

  // The first takes long enough for the second to be there when it ends: both are done in one turn.
  await Promise.all([prepare(), prepare()]);
  command(WorkerCommand.RUN);
  await expect.poll(state).toBe(WorkerState.RUNNING);
  halt();

  await thread.link.call(DEADLINE_MS, "inspect");
  expect(state(), "parked once for two preparations: the stop is the last word").toBe(WorkerState.STOPPED);

  // Mostly the second is under way when the first is answered, so the worker has not parked; if it has, it is sent back.
  const again = prepare();
  const later = prepare();
  await again;
  expect(state(), "prepared anew, it is not the one that stopped").not.toBe(WorkerState.STOPPED);
  command(WorkerCommand.RELEASE);
  await later;
  await thread.terminate(DEADLINE_MS);
});

describe("a worker that stops arms the other one", () => {
  /** Runs the worker until `stop` has stopped it; what the other slot's worker finds commanded then. */
  async function commandedOfPeer(
    peerState: WorkerState,
    pending: WorkerCommand,
    stop: (worker: Awaited<ReturnType<typeof attachedWorker>>) => Promise<void>,
  ): Promise<{ readonly command: number; readonly evidence: number }> {
    const worker = await attachedWorker();
    const { thread, words, peerWords } = worker;
    Atomics.store(peerWords, SlotWord.STATE, peerState);
    Atomics.store(peerWords, SlotWord.COMMAND, pending);
    await worker.prepare();
    await stop(worker);
    await expect.poll(worker.state).toBe(WorkerState.STOPPED);
    // It answers once it is back in its event loop, behind all that it does when it stops.
    await thread.link.call(DEADLINE_MS, "inspect");
    await thread.terminate(DEADLINE_MS);
    return {
      command: Atomics.load(peerWords, SlotWord.COMMAND),
      evidence: words[SlotWord.EVIDENCE] as number,
    };
  }

  /** Its region was stored to since it was verified. */
  async function fail({ control, command }: Awaited<ReturnType<typeof attachedWorker>>): Promise<void> {
    Atomics.add(control, Control.STORE_EPOCH + REGION, 1);
    command(WorkerCommand.RUN);
  }

  it("when it stops with evidence and the other one is parked", async () => {
    const found = await commandedOfPeer(WorkerState.PARKED, WorkerCommand.NONE, fail);
    expect(found).toEqual({ command: WorkerCommand.ARM, evidence: Evidence.BAD_DIGEST });
  });

  it("but not over what the supervisor has commanded", async () => {
    const { command } = await commandedOfPeer(WorkerState.PARKED, WorkerCommand.RELEASE, fail);
    expect(command).toBe(WorkerCommand.RELEASE);
  });

  it("nor one that is not parked", async () => {
    const { command } = await commandedOfPeer(WorkerState.IDLE, WorkerCommand.NONE, fail);
    expect(command).toBe(WorkerCommand.NONE);
  });

  it("nor when it was halted: whoever does that knows whether another is to run", async () => {
    const found = await commandedOfPeer(WorkerState.PARKED, WorkerCommand.NONE, async (worker) => {
      worker.command(WorkerCommand.RUN);
      await expect.poll(worker.state).toBe(WorkerState.RUNNING);
      worker.halt();
    });
    expect(found).toEqual({ command: WorkerCommand.NONE, evidence: Evidence.NONE });
  });
});

it("what only makes a version faster is left out in a hurry", async () => {
  const { thread, words, counters, state, prepare, command } = await attachedWorker();
  Atomics.store(words, SlotWord.HURRY, 1);
  await prepare();
  await expect.poll(state).toBe(WorkerState.PARKED);
  expect(counters[Counter.translationsAhead]).toBe(0);
  command(WorkerCommand.RELEASE);
  await expect.poll(state).toBe(WorkerState.IDLE);
  Atomics.store(words, SlotWord.HURRY, 0);
  await prepare();
  expect(counters[Counter.translationsAhead]).toBeGreaterThan(0);
  await thread.terminate(DEADLINE_MS);
});
