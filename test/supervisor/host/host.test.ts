/** The host's end of the queue pair against firmware that does what it may, and what it may not. */
import { beforeEach, describe, expect, it } from "vitest";
import { HostQueue } from "../../../controller/devices/host-queue.ts";
import { Control, controlWords } from "../../../emulator/memory/control.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../../emulator/memory/layout.ts";
import { HOST_BASE } from "../../../emulator/memory/map.ts";
import {
  CQ_ENTRY_BYTES,
  CQ_PHYSICAL,
  QUEUE_ENTRIES,
  SQ_ENTRY_BYTES,
  SQ_PHYSICAL,
} from "../../../emulator/memory/queues.ts";
import { Host, type HostCompletion } from "../../../supervisor/host/host.ts";

const MASK = QUEUE_ENTRIES - 1;
const layout = planLayout(DEFAULT_MEMORY_CONFIG);

let control: Int32Array;
let words: Int32Array;
let host: Host;
let ended: Map<number, HostCompletion>;
let submitted: number;

beforeEach(() => {
  const memory = createMemory(layout);
  control = controlWords(memory, layout);
  words = new Int32Array(memory.buffer, layout.host);
  host = new Host(memory, layout);
  ended = new Map();
  submitted = 0;
});

/** Submits a command and returns its number, from 0. */
function submit(): number {
  const number = submitted++;
  expect(host.submit({ opcode: 0xc1 }, 0, (completion) => ended.set(number, completion))).toBe(true);
  return number;
}

/** The firmware fetches the next command; its id. */
function fetch(): number {
  const head = Atomics.load(control, Control.SQ_HEAD);
  Atomics.store(control, Control.SQ_HEAD, (head + 1) & MASK);
  return (words[(SQ_PHYSICAL - HOST_BASE + head * SQ_ENTRY_BYTES) / 4] as number) >>> 16;
}

/** The firmware posts a completion. */
function post(id: number): void {
  const tail = Atomics.load(control, Control.CQ_TAIL);
  words[(CQ_PHYSICAL - HOST_BASE + tail * CQ_ENTRY_BYTES) / 4 + 3] = id;
  Atomics.store(control, Control.CQ_TAIL, (tail + 1) & MASK);
}

describe("after a version was stopped", () => {
  it("what it completed is taken, what it had only fetched is aborted, and the rest is the next version's", () => {
    const [completed, fetched, queued] = [submit(), submit(), submit()];
    post(fetch());
    fetch();
    host.afterStop(host.atStop());
    expect(ended.get(completed)?.outcome).toBe("completed");
    expect(ended.get(fetched)?.outcome).toBe("aborted");
    expect(ended.has(queued)).toBe(false);
    expect(host.outstanding).toBe(1);
  });

  it("what it had not fetched is queued as it was submitted, whatever it stored there, also past the queue's end", () => {
    for (let i = 0; i < QUEUE_ENTRIES - 2; i++) {
      submit();
      post(fetch());
      host.poll();
    }
    submit();
    fetch();
    const queue = words.subarray(0, (QUEUE_ENTRIES * SQ_ENTRY_BYTES) / 4);
    const command = { opcode: 0xc2, source: 0x4001_0000, destination: 0x4002_0000, cdw10: 512, cdw11: 3 };
    for (let i = 0; i < 3; i++) host.submit(command, 0, () => undefined);
    const queued = queue.slice();
    queue.fill(-1);
    host.afterStop(host.atStop());
    const tail = Atomics.load(control, Control.SQ_TAIL);
    expect(tail, "the last of them stands at the beginning").toBe(2);
    for (const index of [QUEUE_ENTRIES - 1, 0, 1]) {
      const at = (index * SQ_ENTRY_BYTES) / 4;
      expect(queue.slice(at, at + SQ_ENTRY_BYTES / 4)).toEqual(queued.slice(at, at + SQ_ENTRY_BYTES / 4));
    }
    expect(queue[(tail * SQ_ENTRY_BYTES) / 4], "what is nobody's command stays as it was left").toBe(-1);
  });

  it("a command that it fetched and left is aborted, also when its place in the queue was used again", () => {
    const left = submit();
    fetch();
    for (let i = 1; i < QUEUE_ENTRIES; i++) {
      submit();
      post(fetch());
      expect(host.poll()).toBe(1);
    }
    const again = submit();
    host.afterStop(host.atStop());
    expect(ended.get(left)?.outcome).toBe("aborted");
    expect(ended.has(again)).toBe(false);
  });

  it("a full queue that goes on while completions are taken is the next version's, all of it", () => {
    const outcomes: string[] = [];
    const onCompletion = ({ outcome }: HostCompletion): void => {
      outcomes.push(outcome);
      host.submit({ opcode: 0xc1 }, 0, onCompletion);
      if (outcomes.length === 1) post(fetch()); // The next version, which runs by now.
    };
    while (host.submit({ opcode: 0xc1 }, 0, onCompletion));
    post(fetch());
    post(0xffff);
    host.afterStop(host.atStop());
    expect(outcomes).toEqual(["completed"]);
    expect(host.poll()).toBe(1);
    expect(outcomes).toEqual(["completed", "completed"]);
    expect(host.outstanding).toBe(MASK);
  });

  it("a completion of what it never fetched is evidence against it, and the command the next version's", () => {
    const [, queued] = [submit(), submit()];
    const id = fetch();
    post(id + 1);
    expect(host.poll()).toContain("was not fetched");
    host.afterStop(host.atStop());
    expect(ended.has(queued)).toBe(false);
    post(fetch());
    expect(host.poll()).toBe(1);
    expect(ended.get(queued)?.outcome).toBe("completed");
  });

  it("entries that it may not have posted are its own, and no evidence against the next version", () => {
    const command = submit();
    const id = fetch();
    for (const wild of [id + 1, id + 2, id + 3, id + 4]) post(wild);
    expect(host.poll()).toContain("not outstanding");
    host.afterStop(host.atStop());
    expect(ended.get(command)?.outcome).toBe("aborted");
    expect(host.poll()).toBe(0);
  });
});

it("a tail outside the queue is told at each look, and ends no command", () => {
  const command = submit();
  Atomics.store(control, Control.CQ_TAIL, QUEUE_ENTRIES);
  expect(host.poll()).toContain("outside the queue");
  expect(host.poll()).toContain("outside the queue");
  expect(ended.has(command)).toBe(false);
});

describe("a command that may be taken back", () => {
  /** Submits one, and notes how it ends. */
  function submitWithdrawable(): number {
    const number = submitted++;
    host.submit({ opcode: 0xe0, cdw10: 8 }, 0, (completion) => ended.set(number, completion), true);
    return number;
  }

  function entryAt(index: number): Int32Array {
    return words.subarray((index * SQ_ENTRY_BYTES) / 4, ((index + 1) * SQ_ENTRY_BYTES) / 4);
  }

  it("is, where its version has fetched nothing, and is no longer owed", () => {
    const number = submitWithdrawable();
    expect(host.withdrawOldest()).toBe(true);
    expect(ended.get(number)?.outcome).toBe("withdrawn");
    expect(host.oldest).toBe(undefined);
    expect(host.withdrawOldest()).toBe(false);
  });

  it("leaves in its place one that does nothing, of which the completion is taken whenever it comes", () => {
    submitWithdrawable();
    host.withdrawOldest();
    expect((entryAt(0)[0] as number) & 0xff).toBe(0);
    const later = submit();
    post(fetch());
    post(fetch());
    expect(host.poll()).toBe(2);
    expect(ended.get(later)?.outcome).toBe("completed");
    post(1);
    expect(host.poll()).toBe("completion of command 1, which is not outstanding");
  });

  it("does nothing for the next version, either, whatever the one before stored over it", () => {
    submitWithdrawable();
    host.withdrawOldest();
    entryAt(0).fill(-1);
    host.afterStop(host.atStop());
    expect((entryAt(0)[0] as number) & 0xff).toBe(0);
    expect([...entryAt(0).subarray(1)].every((word) => word === 0)).toBe(true);
    post(fetch());
    expect(host.poll()).toBe(1);
  });

  it("is not where its version fetches commands, nor where nobody said that it may be", () => {
    submit();
    expect(host.withdrawOldest()).toBe(false);
    fetch();
    const second = submitWithdrawable();
    expect(host.withdrawOldest()).toBe(false);
    // The next version has fetched nothing.
    host.afterStop(host.atStop());
    expect(host.withdrawOldest()).toBe(true);
    expect(ended.get(second)?.outcome).toBe("withdrawn");
  });

  it("no longer interrupts, until there is another one", () => {
    const board = {
      nowTicks: () => 0,
      catchUp: () => 0,
      timeTold() {},
      changed() {},
      stop() {},
      bootEpoch: 1,
      ring() {},
    };
    const queue = new HostQueue(control, layout.config.hostBytes, board);
    submitWithdrawable();
    submitWithdrawable();
    host.withdrawOldest();
    expect(queue.interrupt).toBe(true);
    host.withdrawOldest();
    expect(queue.interrupt).toBe(false);
    submit();
    expect(queue.interrupt).toBe(true);
  });

  it("is counted among those that the queue has room for", () => {
    for (let i = 0; i < QUEUE_ENTRIES - 1; i++) submitWithdrawable();
    while (host.withdrawOldest());
    expect(host.outstanding).toBe(0);
    expect(host.submit({ opcode: 0 }, 0, () => undefined)).toBe(false);
  });
});
