/**
 * Each evidence leads to the same on the live and the virtual device: the same is done to a version on both, over the
 * same table, and record, choice and order of what follows are compared. Times are not: those of threads are their own.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { activate } from "../../controller/boot/transitions.ts";
import { Opcode } from "../../controller/devices/nvme-spec.ts";
import { encodeImage } from "../../controller/image/encode.ts";
import { createLogger } from "../../emulator/base/log.ts";
import { Random } from "../../emulator/base/random.ts";
import { Control, ringDoorbell } from "../../emulator/memory/control.ts";
import type { EventName } from "../../emulator/memory/events.ts";
import { EVIDENCE_NAMES, Evidence, type EvidenceName } from "../../emulator/memory/evidence.ts";
import { DEFAULT_MEMORY_CONFIG } from "../../emulator/memory/layout.ts";
import { QUEUE_ENTRIES } from "../../emulator/memory/queues.ts";
import { regionOffset } from "../../emulator/persist/persistent-space.ts";
import type { Table } from "../../emulator/table/table.ts";
import { DEFAULT_LIMITS, DEFAULT_RECOVERY, type DeviceConfig } from "../../supervisor/core/config.ts";
import { Device } from "../../supervisor/device/device.ts";
import { MemoryOwner } from "../../supervisor/device/memory-owner.ts";
import { liveParts } from "../../supervisor/device/parts.ts";
import { newsOfRunning, quiet } from "../../supervisor/device/waiting.ts";
import { findFault } from "../../supervisor/faults/catalogue.ts";
import { inject } from "../../supervisor/faults/injector.ts";
import { Launcher } from "../../supervisor/launch.ts";
import { rot } from "../../supervisor/sweep/flipside/actor.ts";
import { imageLibrary, type LibraryImage } from "../../supervisor/sweep/flipside/image-library.ts";
import { Rig } from "../../supervisor/sweep/flipside/rig.ts";
import { STANDARD_RULES } from "../../supervisor/sweep/flipside/rules.ts";
import { DEFAULT_SWEPT_DEVICE } from "../../supervisor/sweep/flipside/swept-device.ts";
import { IMAGE_A, IMAGE_B } from "../supervisor/sweep/bench.ts";

/** Traps at its first instruction, without a handler; of the lowest version, so that nothing prefers it. */
const CRASHER = encodeImage({
  body: new Uint8Array(8),
  version: { major: 0, minor: 0, revision: 1, build: 0 },
});
const CRASHER_REGION = 2;
const library = imageLibrary(IMAGE_A, IMAGE_B);
const crasher = imageLibrary(IMAGE_A, CRASHER).get("b") as LibraryImage;
const images = new Map([...library, ["crasher", crasher]]);

const budget = { failures: null, windowMs: 60_000 };
/** A busy machine is not to find by its heartbeat or by a command what shows otherwise. */
const limits = { ...DEFAULT_LIMITS, heartbeatMs: 500, commandMs: 2_000, budget };
/** Of a byte in an image's header, which its digest covers. */
const ROT_OFFSET = 4;
/** Device time within which a version is ready, whatever befell the one before. */
const DEADLINE_MS = 5_000;

// ── One vocabulary ────────────────────────────────────────────────────────────────────────────────────────────

const STEPS = [
  "detected",
  "stopped",
  "designated",
  "first-instruction",
  "ready",
] as const satisfies EventName[];
type StepName = (typeof STEPS)[number];
/** What happened, and to which region. */
type Happening = `${StepName} ${number}`;

function happeningsOf(name: EventName, region: number): Happening[] {
  return STEPS.filter((step) => step === name).map((step): Happening => `${step} ${region}`);
}

/**
 * From the first failure on; without one, what follows the stop. The live device stamps how a start was decided once it
 * is under way, so of several designations in a row the last one counts.
 */
function comparable(happenings: readonly Happening[]): readonly Happening[] {
  const isA = (step: StepName) => (happening: Happening | undefined) => happening?.startsWith(step) === true;
  const failed = happenings.findIndex(isA("detected"));
  const told = happenings.slice(failed < 0 ? happenings.findLastIndex(isA("stopped")) + 1 : failed);
  return told.filter((step, at) => !(isA("designated")(step) && isA("designated")(told[at + 1])));
}

interface Outcome {
  readonly table: Table;
  readonly happenings: readonly Happening[];
}

// ── What is done on both ──────────────────────────────────────────────────────────────────────────────────────

interface Case {
  readonly evidence: EvidenceName;
  readonly what: string;
  /** Where the version was, and the code, do not depend on the time that passed. */
  readonly repeatable: boolean;
  readonly live: () => void | Promise<void>;
  readonly virtual: (rig: Rig) => void;
}

function firmwareFault(evidence: EvidenceName, kind: string, repeatable = false): Case {
  return {
    evidence,
    what: kind,
    repeatable,
    live: () => injectLive(kind),
    virtual: (rig) => submitVirtual(rig, kind),
  };
}

function threadFault(evidence: EvidenceName, code: Evidence, kind: string): Case {
  return {
    evidence,
    what: kind,
    repeatable: true,
    live: () => injectLive(kind),
    virtual: (rig) => void expect(rig.device.failThread(code)).toBe(true),
  };
}

function designation(evidence: EvidenceName, what: string, choose: (table: Table) => number): Case {
  return {
    evidence,
    what,
    repeatable: true,
    live: () =>
      device.operate((table) => activate(table, choose(table), DEFAULT_SWEPT_DEVICE.trialTries), true),
    virtual: (rig) => void expect(rig.device.request("designate", choose(rig.device.table), "")).toBe(true),
  };
}

/** One completion more; the firmware's registers take no tail outside the queue. */
function nextTail(tail = 0): number {
  return (tail + 1) % QUEUE_ENTRIES;
}

const CASES: readonly Case[] = [
  firmwareFault("panic", "ebreak", true),
  firmwareFault("double-trap", "double-trap", true),
  firmwareFault("finisher", "finisher", true),
  firmwareFault("watchdog", "tight-loop"),
  firmwareFault("early-kick", "early-kick", true),
  firmwareFault("overdue-command", "kicks-without-progress"),
  firmwareFault("never-ready", "never-ready"),
  {
    evidence: "host-protocol",
    what: "a completion of no command",
    repeatable: true,
    live: () => {
      Atomics.store(device.control, Control.CQ_TAIL, nextTail(device.control[Control.CQ_TAIL]));
      ringDoorbell(device.control);
    },
    virtual: (rig) => {
      // Nobody looks at the queue of a virtual device before its host has used it.
      expect(rig.device.submit({ opcode: Opcode.IDENTIFY })).toBe(true);
      expect(rig.device.advance(() => rig.device.outstanding === 0, DEADLINE_MS)).toBe(true);
      const { words, layout } = rig.memory;
      const at = layout.control / 4 + Control.CQ_TAIL;
      words[at] = nextTail(words[at]);
    },
  },
  threadFault("thread-error", Evidence.THREAD_ERROR, "worker-throw"),
  threadFault("thread-exit", Evidence.THREAD_EXIT, "worker-process-exit"),
  threadFault("thread-heap", Evidence.THREAD_HEAP, "worker-heap-exhaustion"),
  threadFault("heartbeat", Evidence.HEARTBEAT, "worker-js-loop"),
  // The last ones: the crasher is next in line after its case, and no longer after the one that follows; rot stays.
  designation("trap", "a version without a handler is designated", () => CRASHER_REGION),
  designation("operator", "another version is designated", ({ active }) => 1 - active),
  {
    evidence: "bad-digest",
    what: "the version that is to take over has rotted",
    repeatable: true,
    live: async () => {
      await owner.flip(regionOffset(device.layout.config, device.table.previous) + ROT_OFFSET, 0);
      injectLive("ebreak");
    },
    virtual: (rig) => {
      rot(rig, { in: "region", region: rig.device.table.previous }, new Random(1));
      submitVirtual(rig, "ebreak");
    },
  },
];

/** Evidence that is not compared here, and why; docs/fidelity.md. */
const NOT_COMPARED: readonly EvidenceName[] = ["none"];

// ── The two devices ───────────────────────────────────────────────────────────────────────────────────────────

let owner: MemoryOwner;
let device: Device;

function injectLive(kind: string): void {
  const fault = findFault(kind);
  if (fault === undefined) throw new Error(`there is no fault ${kind}`);
  inject(device, fault);
}

function submitVirtual(rig: Rig, kind: string): void {
  const cdw10 = findFault(kind)?.firmwareNumber;
  if (cdw10 === undefined) throw new Error(`there is no firmware fault ${kind}`);
  expect(rig.device.submit({ opcode: Opcode.INJECT_FAULT, cdw10 })).toBe(true);
}

async function onLive({ live }: Case): Promise<Outcome> {
  const { events, bootEpoch } = device;
  const from = events.next;
  await live();
  while (device.bootEpoch === bootEpoch || !device.ready) await newsOfRunning(device);
  const happenings = [...events.read(from)]
    .sort((one, other) => one.timeNs - other.timeNs)
    .flatMap(({ name, region }) => happeningsOf(name, region));
  return { table: device.table, happenings: comparable(happenings) };
}

/** On a virtual device that starts with this table. */
function onVirtual({ virtual }: Case, table: Table): Outcome {
  const setup = { images: ["a", "b", "crasher"] as const, table: () => table };
  const rig = new Rig({
    rules: STANDARD_RULES,
    seed: 1,
    images,
    engine: "auto",
    device: { ...DEFAULT_SWEPT_DEVICE, limits: { ...DEFAULT_LIMITS, budget } },
  });
  rig.setUp({ name: "evidence", about: "", setup, steps: [], deep: false });
  const happenings: Happening[] = [];
  rig.device.powerOn();
  expect(rig.device.advance(() => rig.device.ready, DEADLINE_MS)).toBe(true);
  rig.timeline.afterEvent = (event) => {
    const region = "region" in event ? event.region : rig.device.table.active;
    happenings.push(...happeningsOf(event.type, region));
  };
  const { epoch } = rig.device;
  virtual(rig);
  const over = () => rig.device.epoch > epoch && rig.device.ready;
  expect(rig.device.advance(over, DEADLINE_MS)).toBe(true);
  return { table: rig.device.table, happenings: comparable(happenings) };
}

/** Without what time decides: where a version was that hung, and by how much the watchdog's deadline was missed. */
function withoutPlace(table: Table): Table {
  const regions = table.regions.map((record) => ({
    ...record,
    lastFailure: { ...record.lastFailure, code: 0, pc: 0 },
  }));
  return { ...table, regions };
}

beforeAll(async () => {
  const log = createLogger({ level: "silent", fd: 2 }, {}, () => ({}));
  const fatal = (reason: string): void => {
    throw new Error(reason);
  };
  const config: DeviceConfig = {
    memory: { ...DEFAULT_MEMORY_CONFIG, regions: 3 },
    images: [IMAGE_A, IMAGE_B, CRASHER],
    limits,
    recovery: DEFAULT_RECOVERY,
    engine: "auto",
    log: { level: "silent", fd: 2 },
  };
  const launcher = new Launcher(null);
  owner = new MemoryOwner(launcher, null, log, fatal);
  const { memory, layout } = await owner.powerOn(config.memory, config.images);
  device = new Device(liveParts(config, memory, layout, log, launcher, fatal));
  await device.powerOn();
});

beforeEach(() => quiet(device));

afterAll(async () => {
  await device.close();
  await owner.close();
});

describe("each evidence leads to the same on the live and the virtual device", () => {
  it.each(CASES)("$evidence: $what", async (one) => {
    const before = device.table;
    const live = await onLive(one);
    const virtual = onVirtual(one, before);
    expect(virtual.happenings).toEqual(live.happenings);
    const told = one.repeatable ? (table: Table) => table : withoutPlace;
    expect(told(virtual.table)).toEqual(told(live.table));
    const failures = live.table.regions.filter(
      ({ failures }, region) => failures !== before.regions[region]?.failures,
    );
    const found = failures.map(({ lastFailure }) => EVIDENCE_NAMES[lastFailure.evidence]);
    // An operator's word is no failure.
    expect(found.includes(one.evidence)).toBe(one.evidence !== "operator");
  });

  it("with none left out", () => {
    const covered = [...NOT_COMPARED, ...CASES.map(({ evidence }) => evidence)];
    expect(EVIDENCE_NAMES.filter((name) => !covered.includes(name))).toEqual([]);
  });
});
