/**
 * Carries the steps of a scenario out on a rig: what operator, host and fate do to the device.
 *
 * {@link perform} is strict, for the uncut run: a step that does not come to what it says is told. In a run that
 * was hurt on purpose the device may be elsewhere, and {@link settle} only waits until it has come to an end.
 */

import { Opcode } from "../../../controller/devices/nvme-spec.ts";
import type { Random } from "../../../emulator/base/random.ts";
import { EVIDENCE_NAMES } from "../../../emulator/memory/evidence.ts";
import { HOST_BASE } from "../../../emulator/memory/map.ts";
import { QUEUE_BYTES } from "../../../emulator/memory/queues.ts";
import { REPLICA_WORD } from "../../../emulator/table/nvram.ts";
import { NO_REGION } from "../../../emulator/table/table.ts";
import { replicaWords } from "../../../emulator/table/table-codec.ts";
import { findFault } from "../../faults/catalogue.ts";
import { Rotted } from "./oracle/judgement.ts";
import type { Rig } from "./rig.ts";
import type { Rot, ScenarioStep } from "./scenario.ts";

/** Device time within which a device comes to an end by itself, whatever happened: every trial of it, timed out. */
const SETTLE_MS = 20_000;
/** A power cycle or a restart by the guardian that comes to nothing is repeated so often. */
const GUARDIAN_STARTS = 3;
const UPDATE_ATTEMPTS = 3;

/** Lets the device run until `done`; what the oracle has condemned is not followed any further. */
function advance({ device, oracle }: Rig, done: () => boolean): boolean {
  device.advance(() => done() || oracle.condemned, SETTLE_MS);
  return done();
}

/** Runs the device until it is ready or in safe mode. A supervisor that ended over rot is started again. */
export function settle(rig: Rig): void {
  const { device, oracle } = rig;
  advance(rig, () => device.ready);
  for (
    let start = 0;
    device.mode === "stuck" && oracle.judgement.rotted !== Rotted.NOTHING && start < GUARDIAN_STARTS;
    start += 1
  ) {
    powerCycle(rig);
    advance(rig, () => device.ready);
  }
}

/** Power goes and comes back. */
export function powerCycle({ device, oracle }: Rig): void {
  oracle.judgement = oracle.afterCut(oracle.judgement);
  device.powerOn();
}

/** Carries out one step; what did not come to pass, or undefined. */
export function perform(rig: Rig, step: ScenarioStep, random: Random): string | undefined {
  const { device, oracle } = rig;
  switch (step.do) {
    case "power-on":
      device.powerOn();
      return undefined;
    case "power-cycle":
      powerCycle(rig);
      return undefined;
    case "ready":
      settle(rig);
      return device.ready ? undefined : `no version became ready (${device.mode})`;
    case "safe-mode":
      settle(rig);
      return device.mode === "safe-mode" ? undefined : `the device did not enter safe mode (${device.mode})`;
    case "settled":
      settle(rig);
      return undefined;
    case "confirmed":
      return advance(rig, () => device.confirmed) ? undefined : "the version was not confirmed";
    case "fault":
      return commitFault(rig, step.kind);
    case "crash":
      return crash(rig);
    case "wait":
      device.advance(() => oracle.condemned, step.durationMs);
      return undefined;
    case "serve":
      return serve(rig, step.commands);
    case "load":
      return load(rig, step.region, step.image);
    case "activate":
      return device.request("activate", step.region, "")
        ? undefined
        : `region ${step.region} was not activated`;
    case "designate":
      return designate(rig, step.region);
    case "refused":
      return device.request(step.request, step.region, "")
        ? `${step.request} of region ${step.region} was not refused`
        : undefined;
    case "clear":
      return device.request("clear", step.region, "") ? undefined : `region ${step.region} was not cleared`;
    case "update":
      return update(rig, step.region, step.image);
    case "rot":
      rot(rig, step.what, random);
      return undefined;
  }
}

function commitFault(rig: Rig, kind: string): string | undefined {
  const { device } = rig;
  const epoch = device.epoch;
  const fault = findFault(kind);
  if (fault?.class === "thread-death" || fault?.class === "thread-stuck") {
    // What a busy machine may find first is the live device's.
    const [evidence = "none"] = fault.evidence;
    if (!device.failThread(EVIDENCE_NAMES.indexOf(evidence))) return "no version executes";
  } else {
    const number = fault?.firmwareNumber;
    if (number === undefined) return `there is no fault ${kind} that a virtual device can have`;
    if (!device.submit({ opcode: Opcode.INJECT_FAULT, cdw10: number })) return "the host queue is full";
  }
  const over = () => device.epoch > epoch && device.ready;
  return advance(rig, over) || device.mode === "safe-mode"
    ? undefined
    : `the fault ${kind} was not survived (${device.mode})`;
}

function designate(rig: Rig, region: number): string | undefined {
  const { device } = rig;
  const { epoch } = device;
  if (!device.request("designate", region, "")) return `region ${region} was not designated`;
  // Where it executes already nothing is chosen, and nothing restarted.
  const from = device.table.next === NO_REGION ? epoch - 1 : epoch;
  return advance(rig, () => device.epoch > from && device.ready)
    ? undefined
    : `region ${region} was not started`;
}

function crash(rig: Rig): string | undefined {
  const { device } = rig;
  const { epoch } = device;
  device.crash();
  const over = () => device.epoch > epoch;
  return advance(rig, over) || device.mode === "safe-mode"
    ? undefined
    : "nothing was started after the crash";
}

const COMMAND_BYTES = 256;

function serve(rig: Rig, commands: number): string | undefined {
  const { device } = rig;
  for (let done = 0; done < commands; done += 1) {
    const source = HOST_BASE + QUEUE_BYTES;
    if (!device.submit({ opcode: Opcode.CRC32C, source, cdw10: COMMAND_BYTES }))
      return "the host queue is full";
  }
  return advance(rig, () => device.outstanding === 0) ? undefined : "commands were not completed";
}

/** Writes an image, and has the device verify it. */
function load(rig: Rig, region: number, name: string): string | undefined {
  const { device } = rig;
  const image = rig.images.get(name);
  if (image === undefined) return `there is no image ${name}`;
  const { phase, refusal } = device.load(region, name, image.bytes);
  return phase === "done" ? undefined : refusal;
}

/**
 * Goes on with an update wherever it was interrupted. What rots while it is written is refused, and written again; what
 * has failed over to the region meanwhile is left alone, and the image goes into another.
 */
function update(rig: Rig, region: number, name: string): string | undefined {
  let wrong: string | undefined;
  for (let attempt = 0; attempt < UPDATE_ATTEMPTS; attempt += 1) {
    settle(rig);
    wrong = attemptUpdate(rig, region, name);
    if (wrong === undefined) return undefined;
  }
  return wrong;
}

function attemptUpdate(rig: Rig, wanted: number, name: string): string | undefined {
  const { device } = rig;
  if (device.mode === "stuck") return "the device is stuck";
  const done = () => device.region !== NO_REGION && rig.holds(device.region) === name;
  if (done()) return undefined;
  if (device.region === wanted) {
    // What executes cannot be written; if its bytes do not hold, a power cycle leaves it.
    powerCycle(rig);
    settle(rig);
  }
  const { regions } = rig.memory.layout.config;
  const region = device.region === wanted ? (wanted + 1) % regions : wanted;
  const record = device.table.regions[region];
  const stored = record?.state === "valid" && rig.holds(region) === name;
  const wrong = stored ? undefined : load(rig, region, name);
  if (wrong !== undefined) return wrong;
  if (device.table.next !== region && !device.request("activate", region, "")) {
    return `region ${region} was not activated`;
  }
  powerCycle(rig);
  settle(rig);
  return done() ? undefined : `${name} in region ${region} does not run after the update was repeated`;
}

/** Flips one bit. */
export function rot(rig: Rig, what: Rot, random: Random): void {
  const { memory, device, timeline } = rig;
  const word = rottenWord(rig, what, random);
  const bit = 1 << random.below(32);
  timeline.event({
    type: "injected",
    what: `bit flip in ${what.in} ${what.in === "replica" ? what.replica : what.in === "region" ? what.region : ""}`.trim(),
    rots: what.in === "replica" ? `replica-${what.replica}` : what.in,
  });
  memory.store(word, (memory.words[word] as number) ^ bit);
  if (what.in === "region") device.regionRotted(what.region);
}

function rottenWord(rig: Rig, what: Rot, random: Random): number {
  const { layout } = rig.memory;
  switch (what.in) {
    case "replica": {
      const words = replicaWords(layout.config.regions);
      return layout.table / 4 + REPLICA_WORD[what.replica] + random.below(words);
    }
    case "floor":
      return layout.table / 4 + 2 * REPLICA_WORD[1] + random.below(4);
    case "region": {
      const image = rig.images.get(rig.holds(what.region) ?? "");
      const bytes = image?.bytes.length ?? layout.config.sectorBytes;
      return (layout.regions[what.region] as number) / 4 + random.below(Math.floor(bytes / 4));
    }
  }
}
