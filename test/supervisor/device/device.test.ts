/** The live device's failover path, each rule of it, with slots that have no thread and a clock that the test moves. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RegionFacts } from "../../../controller/boot/boot-rom.ts";
import { activate, beginUpdate, clear, endUpdate } from "../../../controller/boot/transitions.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { CapabilityBit } from "../../../controller/devices/capabilities.ts";
import { BootReason } from "../../../controller/devices/status.ts";
import { forcedFaultCode } from "../../../controller/forced-faults.ts";
import { RunningTime } from "../../../emulator/base/running-time.ts";
import { Control, controlWords, ringDoorbell, SlotWord } from "../../../emulator/memory/control.ts";
import { EventCode } from "../../../emulator/memory/events.ts";
import { Evidence } from "../../../emulator/memory/evidence.ts";
import {
  createMemory,
  DEFAULT_MEMORY_CONFIG,
  planLayout,
  TABLE_BYTES,
} from "../../../emulator/memory/layout.ts";
import { type NvramPort, SharedNvram } from "../../../emulator/table/nvram.ts";
import { DEFAULT_LIMITS, DEFAULT_RECOVERY, type Limits } from "../../../supervisor/core/config.ts";
import { Crew } from "../../../supervisor/device/crew.ts";
import { Device } from "../../../supervisor/device/device.ts";
import { Durability } from "../../../supervisor/device/durability.ts";
import type { Failover } from "../../../supervisor/device/failover.ts";
import { Management } from "../../../supervisor/device/management.ts";
import { newsOfRunning } from "../../../supervisor/device/waiting.ts";
import { findFault } from "../../../supervisor/faults/catalogue.ts";
import { inject } from "../../../supervisor/faults/injector.ts";
import type { HostCompletion } from "../../../supervisor/host/host.ts";
import { type FakeBoard, FakeSlot } from "./fake-slot.ts";

const layout = planLayout({ ...DEFAULT_MEMORY_CONFIG, regionBytes: 65_536, ramBytes: 1024 * 1024 });
const silent = () => undefined;
const log = { error: silent, warn: silent, info: silent, debug: silent };
/** Where the version that fails stands: what is kept of it shows it. */
const FAILED_PC = 0x2000_1234;

function facts(minor: number): RegionFacts {
  const version = { major: 1, minor, revision: 0, build: 0 };
  const digest = [minor + 1, 0, 0, 0, 0, 0, 0, 0] as const;
  return {
    usable: true,
    version,
    digest,
    securityCounter: 0,
    headerBytes: 32,
    imageBytes: 4096,
    signed: false,
  };
}

const ROTTEN: RegionFacts = { usable: false, fault: { name: "digest-mismatch", message: "it rots" } };

/** A device of two regions with versions 1.1 and 1.0, powered on: 1.1 executes, in region 0. */
const SCHEDULE = {
  atNs: 0,
  own: { runNs: 0, waitNs: 0, runnable: false },
  heldUpNs: 0,
  helpers: () => new Map(),
};

class Rig {
  readonly journal: string[] = [];
  readonly failovers: Failover[] = [];
  readonly safeModes: string[] = [];
  readonly fatal: string[] = [];
  readonly board: FakeBoard;
  readonly device: Device;
  readonly slots: FakeSlot[] = [];
  images: readonly RegionFacts[] = [facts(1), facts(0)];

  constructor(limits: Partial<Limits> = {}) {
    const memory = createMemory(layout);
    const control = controlWords(memory, layout);
    this.board = {
      memory,
      layout,
      control,
      journal: this.journal,
      inspection: () => ({
        regions: this.images,
        storeEpochs: this.images.map((_, region) => Atomics.load(control, Control.STORE_EPOCH + region)),
      }),
      prepareMs: 0,
    };
    const nowNs = (): number => performance.now() * 1e6;
    const words = new Int32Array(memory.buffer, layout.table, TABLE_BYTES / 4);
    const publish = (generation: number): void => {
      this.journal.push("publish");
      Atomics.store(control, Control.GENERATION, generation);
    };
    this.device = new Device({
      memory,
      layout,
      limits: { ...DEFAULT_LIMITS, ...limits },
      management: new Management(this.#noting(new SharedNvram(words)), DEFAULT_RECOVERY, publish, log),
      durability: new Durability(undefined),
      crew: (events) =>
        new Crew(
          (onEnd) => {
            for (const index of [0, 1]) this.slots.push(new FakeSlot(index, this.board, onEnd));
            return this.slots;
          },
          control,
          nowNs,
          events,
        ),
      nowNs,
      // Its threads always get to run.
      runningTime: (startNs) => new RunningTime(() => SCHEDULE, startNs),
      log,
      fatal: (reason) => this.fatal.push(reason),
    });
    this.device.listen({
      onFailover: (failover) => this.failovers.push(failover),
      onSafeMode: (reason) => this.safeModes.push(reason),
    });
  }

  /** Stores to the table stand in the journal, with what was kept by then. */
  #noting(nvram: NvramPort): NvramPort {
    return {
      load32: (word) => nvram.load32(word),
      store32: (word, value) => {
        const kept = this.device.kept.hart[Hart.PC] === FAILED_PC ? "kept" : "nothing kept";
        const entry = `store to the table, ${kept}`;
        if (this.journal.at(-1) !== entry) this.journal.push(entry);
        nvram.store32(word, value);
      },
    };
  }

  get control(): Int32Array {
    return this.board.control;
  }

  get executing(): FakeSlot {
    const slot = this.slots.find((each) => each === this.device.crew.executing);
    if (slot === undefined) throw new Error("nothing executes");
    return slot;
  }

  get standby(): FakeSlot | undefined {
    return this.slots.find((slot) => slot === this.device.crew.standby);
  }

  /** Everything that is due now is done, and nothing later. */
  async settle(): Promise<void> {
    await vi.advanceTimersByTimeAsync(0);
  }

  async pass(ms: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms);
  }

  /** The supervisor's thread hears of what was stored. */
  async ring(): Promise<void> {
    const heard = this.device.news();
    ringDoorbell(this.control);
    await heard;
    await this.settle();
  }

  /** The version that was told to run gets to say that it is ready. */
  /** @param capabilities what the version says beside, in its register */
  async becomeReady(capabilities = 0): Promise<void> {
    this.executing.executes();
    if (capabilities !== 0) Atomics.store(this.control, Control.CAPABILITIES, capabilities);
    Atomics.store(this.control, Control.READY, this.device.bootEpoch);
    await this.ring();
  }

  /** Power on, ready, and a standby parked. */
  async quiet(): Promise<void> {
    await this.device.powerOn();
    await this.settle();
    await this.becomeReady();
    expect(this.standby?.region).toBe(1);
    this.journal.length = 0;
  }

  /** The engine that executes stops by itself, with evidence. */
  async failByItself(evidence: Evidence = Evidence.PANIC): Promise<void> {
    this.executing.words[Hart.PC] = FAILED_PC;
    this.executing.stops(evidence, FAILED_PC);
    await this.ring();
  }
}

/** Names in the event ring and the regions that they are of, in their order. */
function told(rig: Rig): readonly string[] {
  return rig.device.events.read(0).map(({ name, region }) => `${name} ${region}`);
}

const LIFTED = { budget: { failures: null, windowMs: 60_000 } };
let rig: Rig;

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setImmediate", "clearImmediate", "performance"],
  });
  rig = new Rig();
});

afterEach(async () => {
  await rig.device.close();
  vi.useRealTimers();
});

describe("a failover", () => {
  it("of an engine that stopped by itself: keep, commit, publish, wake, and nothing between", async () => {
    await rig.quiet();
    const failed = rig.executing;
    await rig.failByItself();
    expect(rig.journal.slice(0, 4)).toEqual([
      "expect run in slot 1",
      "store to the table, kept",
      "publish",
      "run region 1 in slot 1",
    ]);
    expect(rig.device.table.active).toBe(1);
    expect(rig.device.table.regions[0]?.lastFailure).toMatchObject({
      evidence: Evidence.PANIC,
      pc: FAILED_PC,
    });
    expect(rig.control[Control.REGION]).toBe(1);
    expect(rig.control[Control.BOOT_REASON]).toBe(BootReason.FAILOVER);
    expect(rig.executing).not.toBe(failed);
  });

  it("of a version that runs on: nothing is stored before its engine has answered the halt", async () => {
    await rig.quiet();
    const failed = rig.executing;
    failed.words[Hart.PC] = FAILED_PC;
    rig.device.inspected([{ region: 0, facts: ROTTEN, storeEpoch: 0 }]);
    expect(rig.journal).toEqual(["arm in slot 1", `halt in slot ${failed.index}`]);
    expect(rig.device.policy.phase).toBe("stopping");
    failed.stops(Evidence.NONE);
    await rig.ring();
    expect(rig.journal.slice(2, 5)).toEqual([
      "store to the table, kept",
      "publish",
      "run region 1 in slot 1",
    ]);
  });

  it("of a thread that does not answer: it is ended, and the other version waits for that", async () => {
    await rig.quiet();
    const failed = rig.executing;
    failed.silent = true;
    await rig.pass(DEFAULT_LIMITS.heartbeatMs + 10);
    const [halt, end] = [`halt in slot ${failed.index}`, `terminate in slot ${failed.index}`];
    const run = "run region 1 in slot 1";
    const steps = rig.journal.filter((entry) => [halt, end, "publish", run].includes(entry));
    expect(steps).toEqual([halt, end, "publish", run]);
    expect(rig.device.table.regions[0]?.lastFailure.evidence).toBe(Evidence.HEARTBEAT);
  });

  it("counts as what the engine told, not as rot that was read since, though its doorbell was not heard", async () => {
    await rig.quiet();
    rig.executing.stops(Evidence.FINISHER);
    rig.device.inspected([{ region: 0, facts: ROTTEN, storeEpoch: 0 }]);
    expect(rig.device.table.regions[0]?.lastFailure.evidence).toBe(Evidence.FINISHER);
  });

  it("counts as what the engine told, not as the silence that follows, though its doorbell was not heard", async () => {
    await rig.quiet();
    const failed = rig.executing;
    failed.silent = true;
    failed.stops(Evidence.FINISHER);
    await rig.pass(DEFAULT_LIMITS.heartbeatMs + 10);
    expect(rig.device.table.regions[0]?.lastFailure.evidence).toBe(Evidence.FINISHER);
  });

  it("is told once the other version is ready, and then there is another standby", async () => {
    await rig.quiet();
    await rig.failByItself();
    expect(rig.control[Control.FAILOVER]).toBe(1);
    await rig.becomeReady();
    expect(rig.failovers).toMatchObject([
      { index: 0, fromRegion: 0, toRegion: 1, failure: { evidence: "panic" } },
    ]);
    expect(rig.control[Control.FAILOVER]).toBe(0);
    expect(rig.standby?.region).toBe(0);
  });

  it("has no part in what is stored once the other version is ready, while its crash is told", async () => {
    await rig.quiet();
    rig.device.listen({
      onCrash: () => {
        // Flash is written as soon as it may be, by another thread.
        if (Atomics.load(rig.control, Control.FAILOVER) === 0)
          Atomics.add(rig.control, Control.STORE_COUNT, 4096);
      },
    });
    await rig.failByItself();
    await rig.becomeReady();
    expect(rig.control[Control.STORE_COUNT]).toBe(4096);
    expect(rig.failovers).toMatchObject([{ storedBytes: 0 }]);
  });

  it("leaves to the next version what the one before had not fetched, and aborts what it had", async () => {
    await rig.quiet();
    const ended: (HostCompletion["outcome"] | "queued")[] = ["queued", "queued"];
    for (const each of [0, 1])
      rig.device.submit({ opcode: 0xc1 }, ({ outcome }) => {
        ended[each] = outcome;
      });
    Atomics.store(rig.control, Control.SQ_HEAD, 1);
    await rig.failByItself();
    expect(ended).toEqual(["aborted", "queued"]);
  });
});

describe("evidence during a stop", () => {
  it("counts as no second failure: the first one stands", async () => {
    await rig.quiet();
    const failed = rig.executing;
    failed.silent = true;
    await rig.pass(DEFAULT_LIMITS.heartbeatMs);
    expect(rig.device.policy.phase).toBe("stopping");
    // It answers the halt after all, with a panic of its own.
    failed.stops(Evidence.PANIC);
    await rig.ring();
    const [record] = rig.device.table.regions;
    expect(record).toMatchObject({ failures: 1, lastFailure: { evidence: Evidence.HEARTBEAT } });
    expect(rig.executing.region).toBe(1);
  });

  it("of a queue that no controller may leave is not looked at", async () => {
    await rig.quiet();
    rig.executing.silent = true;
    await rig.pass(DEFAULT_LIMITS.heartbeatMs);
    const before = rig.journal.length;
    Atomics.store(rig.control, Control.CQ_TAIL, -1);
    await rig.ring();
    expect(rig.journal.slice(before)).toEqual([]);
    expect(rig.device.policy.phase).toBe("stopping");
  });
});

describe("a start", () => {
  it("that is lost before the first instruction is repeated, and is no failure of the version", async () => {
    await rig.device.powerOn();
    await rig.settle();
    const lost = rig.executing;
    const epoch = rig.device.bootEpoch;
    // Told to run, and gone before its worker said so.
    lost.ends();
    await rig.settle();
    expect(rig.executing.region).toBe(0);
    expect(rig.device.bootEpoch).toBe(epoch + 1);
    expect(rig.device.table.regions[0]?.failures).toBe(0);
  });

  it("of a version that fails before it is ready ends its failover, and begins another", async () => {
    await rig.quiet();
    await rig.failByItself();
    rig.executing.executes();
    await rig.failByItself(Evidence.TRAP);
    expect(rig.failovers).toMatchObject([
      { fromRegion: 0, toRegion: 1, readyNs: 0, failure: { evidence: "panic" } },
    ]);
    await rig.settle();
    await rig.becomeReady();
    expect(rig.failovers[1]).toMatchObject({ fromRegion: 1, toRegion: 0, failure: { evidence: "trap" } });
  });

  it("never is of bytes that were stored to since they were verified: they are verified anew", async () => {
    await rig.quiet();
    Atomics.add(rig.control, Control.STORE_EPOCH + 1, 1);
    await rig.failByItself();
    const steps = rig.journal.filter((entry) => entry.startsWith("run") || entry.startsWith("release"));
    expect(steps).toEqual(["release in slot 1", expect.stringMatching(/^run region 1/)]);
    const { words } = rig.executing;
    expect(words[SlotWord.VERIFIED_STORE_EPOCH]).toBe(rig.control[Control.STORE_EPOCH + 1]);
  });

  it("of bytes that do not hold any more is decided anew", async () => {
    await rig.quiet();
    Atomics.add(rig.control, Control.STORE_EPOCH + 1, 1);
    rig.images = [facts(1), ROTTEN];
    await rig.failByItself();
    await rig.settle();
    expect(rig.executing.region).toBe(0);
    expect(rig.journal.filter((entry) => entry.startsWith("run region 1"))).toEqual([]);
  });
});

describe("safe mode", () => {
  /** The only version that is left fails too often. */
  async function enter(): Promise<void> {
    rig = new Rig({ budget: { failures: 0, windowMs: 60_000 } });
    await rig.quiet();
    await rig.failByItself();
    await rig.becomeReady();
    await rig.failByItself();
  }

  it("executes nothing, and says so to all who wait", async () => {
    await enter();
    expect(rig.device.policy.phase).toBe("safe-mode");
    expect(rig.control[Control.REGION]).toBe(-1);
    expect(rig.control[Control.FAILOVER]).toBe(0);
    expect(rig.safeModes).toHaveLength(1);
    await expect(newsOfRunning(rig.device)).rejects.toMatchObject({ name: "SafeModeError" });
    const before = rig.journal.length;
    await rig.pass(1_000);
    expect(rig.journal.slice(before)).toEqual([]);
  });

  it("aborts what was fetched: nobody will complete it", async () => {
    rig = new Rig({ budget: { failures: 0, windowMs: 60_000 } });
    await rig.quiet();
    await rig.failByItself();
    await rig.becomeReady();
    let outcome: string | undefined;
    rig.device.submit({ opcode: 0xc1 }, (completion) => {
      outcome = completion.outcome;
    });
    Atomics.store(rig.control, Control.SQ_HEAD, 1);
    await rig.failByItself();
    expect(outcome).toBe("aborted");
  });

  it("is left by an operator's word alone", async () => {
    await enter();
    rig.device.inspected([{ region: 0, facts: facts(1), storeEpoch: 0 }]);
    await rig.pass(100);
    expect(rig.device.policy.phase).toBe("safe-mode");
    rig.device.operate((table) => clear(table, 0, 1), false);
    await rig.settle();
    expect(rig.executing.region).toBe(0);
  });
});

describe("what a version asks of flash", () => {
  it("is served from its start on, and no more once it is to stop, though its engine has not answered the halt", async () => {
    await rig.quiet();
    expect(rig.control[Control.FLASH_EPOCH]).toBe(rig.device.bootEpoch);
    const failed = rig.executing;
    rig.device.inspected([{ region: 0, facts: ROTTEN, storeEpoch: 0 }]);
    expect(rig.control[Control.FLASH_EPOCH]).toBe(0);
    failed.stops(Evidence.NONE);
    await rig.ring();
    expect(rig.executing).not.toBe(failed);
    expect(rig.control[Control.FLASH_EPOCH]).toBe(rig.device.bootEpoch);
  });

  it("is looked at as soon as somebody serves it, for it may have been asked before, and at every doorbell", async () => {
    await rig.quiet();
    const looks: string[] = [];
    rig.device.serveUpdates({ look: () => looks.push("look") });
    expect(looks).toHaveLength(1);
    await rig.ring();
    expect(looks).toHaveLength(2);
  });
});

describe("READY", () => {
  it("ends a failover as one that got ready, though its thread has not stamped the event yet", async () => {
    await rig.quiet();
    await rig.failByItself();
    await rig.pass(3);
    const seenNs = performance.now() * 1e6;
    await rig.becomeReady();
    expect(rig.failovers).toMatchObject([{ toRegion: 1, readyNs: seenNs }]);
  });

  it("is told with the time that its thread stamped", async () => {
    await rig.quiet();
    await rig.pass(3);
    await rig.failByItself();
    const readyNs = performance.now() * 1e6;
    rig.device.events.stamp(EventCode.READY, 1, rig.device.bootEpoch, readyNs);
    await rig.pass(3);
    await rig.becomeReady();
    expect(rig.failovers).toMatchObject([{ toRegion: 1, readyNs }]);
  });

  it("that is withdrawn has to be said again within the boot deadline", async () => {
    await rig.quiet();
    await rig.pass(DEFAULT_LIMITS.readyMs);
    Atomics.store(rig.control, Control.READY, 0);
    await rig.ring();
    expect(rig.device.ready).toBe(false);
    await rig.pass(DEFAULT_LIMITS.readyMs - 10);
    expect(rig.journal).toEqual([]);
    await rig.pass(20);
    expect(rig.journal).toContain("halt in slot 0");
    expect(rig.device.table.regions[0]?.lastFailure.evidence).toBe(Evidence.NEVER_READY);
  });

  it("that is said again ends no failover twice", async () => {
    await rig.quiet();
    await rig.failByItself();
    await rig.becomeReady();
    Atomics.store(rig.control, Control.READY, 0);
    await rig.ring();
    await rig.becomeReady();
    expect(rig.device.ready).toBe(true);
    expect(rig.failovers).toHaveLength(1);
  });
});

describe("a standby that is lost", () => {
  it("fails nothing over, and is replaced", async () => {
    await rig.quiet();
    rig.standby?.ends();
    expect(rig.standby).toBeUndefined();
    expect(rig.device.crew.why).toContain("the standby ended");
    await rig.pass(10);
    expect(rig.standby?.region).toBe(1);
    expect(rig.device.table.regions[0]?.failures).toBe(0);
  });

  it("while it is awaited is wanted again, until no more than the start deadline has passed", async () => {
    rig = new Rig(LIFTED);
    await rig.quiet();
    for (const slot of rig.slots) slot.hopeless = true;
    rig.board.prepareMs = 100;
    rig.standby?.ends();
    await rig.failByItself();
    expect(rig.journal.filter((entry) => entry.startsWith("run"))).toEqual([]);
    await rig.pass(9_000);
    expect(rig.fatal).toEqual([]);
    await rig.pass(2_000);
    expect(rig.fatal[0]).toContain("no controller worker could be made ready within 10000 ms");
  });

  it("while it is awaited is executed as soon as there is another", async () => {
    await rig.quiet();
    rig.standby?.ends();
    rig.board.prepareMs = 30;
    await rig.failByItself();
    expect(rig.device.crew.executing).toBeUndefined();
    expect(rig.device.policy.phase).toBe("executing");
    await rig.pass(rig.board.prepareMs);
    expect(rig.executing.region).toBe(1);
  });
});

describe("the event ring tells", () => {
  it("the power-on before anything else", async () => {
    await rig.quiet();
    expect(told(rig)[0]).toBe("power-on -1");
  });

  it("what was done to the device on purpose", async () => {
    await rig.quiet();
    const before = told(rig).length;
    const fault = findFault("worker-js-loop");
    if (fault === undefined) throw new Error("there is no such fault");
    inject(rig.device, fault);
    expect(told(rig).slice(before)).toEqual(["injected 0"]);
  });

  it("once that a version has confirmed itself", async () => {
    await rig.quiet();
    const update = facts(2);
    if (!update.usable) throw new Error("it can be run");
    rig.device.operate((table) => beginUpdate(table, 1, true), false);
    rig.images = [facts(1), update];
    rig.device.inspected([{ region: 1, facts: update, storeEpoch: 0 }]);
    rig.device.operate((table) => endUpdate(table, 1, update), false);
    rig.device.operate((table) => activate(table, 1, 3), true);
    await rig.failByItself(Evidence.NONE);
    await rig.becomeReady();
    expect(rig.executing.region).toBe(1);
    const before = told(rig).length;
    Atomics.store(rig.control, Control.CONFIRM, rig.device.bootEpoch);
    await rig.ring();
    await rig.ring();
    expect(told(rig).slice(before)).toEqual(["confirmed 1"]);
    expect(rig.device.table.regions[1]?.state).toBe("accepted");
  });
});

describe("a fault that the version does not do on request", () => {
  const QUEUE = CapabilityBit.DECLARED | CapabilityBit.QUEUE;

  async function force(kind: string, capabilities: number): Promise<number> {
    await rig.device.powerOn();
    await rig.settle();
    await rig.becomeReady(capabilities);
    rig.journal.length = 0;
    const fault = findFault(kind);
    if (fault === undefined) throw new Error("there is no such fault");
    inject(rig.device, fault);
    return rig.device.host.outstanding;
  }

  it("is forced on its hart: of a hang the host has a command, by which it is found where no watchdog runs", async () => {
    expect(await force("tight-loop", QUEUE)).toBe(1);
    expect(rig.journal).toEqual([`force ${forcedFaultCode("tight-loop")} in slot 0`]);
    await rig.pass(DEFAULT_LIMITS.commandMs + 20);
    await rig.becomeReady();
    expect(rig.failovers[0]?.failure.evidence).toBe("overdue-command");
  });

  it("goes with no command to a version that serves none", async () => {
    expect(await force("tight-loop", CapabilityBit.DECLARED)).toBe(0);
    expect(rig.journal).toHaveLength(1);
  });

  it("is refused where it cannot be forced, either", async () => {
    await expect(force("kicks-without-progress", QUEUE)).rejects.toThrow(
      "the version that runs commits no kicks-without-progress on request, and none can be forced on it",
    );
    expect(rig.journal).toEqual([]);
  });

  it("is the firmware's where it does it on request", async () => {
    expect(await force("ebreak", 0)).toBe(1);
    expect(rig.journal).toEqual([]);
  });
});

describe("what firmware can do", () => {
  it("is what the version that became ready last says, and no longer than it executes", async () => {
    const can = () => [...rig.device.capabilities.can];
    await rig.quiet();
    expect(rig.device.capabilities.saidBy).toBe("nobody");
    await rig.failByItself();
    await rig.becomeReady(0x03);
    expect(can()).toEqual(["queue"]);
    await rig.failByItself();
    expect(rig.control[Control.CAPABILITIES]).toBe(0);
    expect(can()).toEqual(["queue"]);
    await rig.becomeReady();
    expect(rig.device.capabilities.saidBy).toBe("nobody");
  });
});
