/**
 * Carries the steps of a scenario out on a rig: what operator, host and fate do to the device.
 *
 * {@link perform} is strict, for the uncut run: a step that does not come to what it says is told. In a run that
 * was hurt on purpose the device may be elsewhere, and {@link settle} only waits until it has come to an end.
 */

import { CommitAction, Opcode } from "../../../controller/devices/nvme-spec.ts";
import type { Random } from "../../../emulator/base/random.ts";
import { EVIDENCE_NAMES, type Evidence } from "../../../emulator/memory/evidence.ts";
import { FlashStatus } from "../../../emulator/memory/flash-posts.ts";
import { REPLICA_WORD } from "../../../emulator/table/nvram.ts";
import { NO_REGION } from "../../../emulator/table/table.ts";
import { replicaWords } from "../../../emulator/table/table-codec.ts";
import { findFault } from "../../faults/catalogue.ts";
import { type OwedFailure, owedBy, owedByCrash } from "../../faults/explanation.ts";
import { jobBytes, makeJob } from "../../host/job.ts";
import { Rotted } from "./oracle/judgement.ts";
import type { BadVerdict } from "./oracle/verdict.ts";
import { type Commit, commit, download, isDone } from "./own-update.ts";
import type { Rig } from "./rig.ts";
import { canStopFor, type Rot, type ScenarioStep } from "./scenario.ts";
import { CRASH_CODE } from "./virtual-device.ts";

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

/** What a step did not come to, and what that is called. */
export interface NotDone {
  readonly verdict: BadVerdict;
  readonly message: string;
}

/** Carries out one step; what did not come to pass, or undefined. */
export function perform(rig: Rig, step: ScenarioStep, random: Random): NotDone | undefined {
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
      return device.ready ? undefined : notThere(rig, "no version became ready");
    case "safe-mode":
      settle(rig);
      return device.mode === "safe-mode" ? undefined : notThere(rig, "the device did not enter safe mode");
    case "settled":
      settle(rig);
      return undefined;
    case "confirmed":
      return advance(rig, () => device.confirmed) ? undefined : notConfirmed(rig);
    case "fault":
      return commitFault(rig, step.kind);
    case "crash":
      return crash(rig);
    case "wait":
      device.advance(() => oracle.condemned, step.durationMs);
      return undefined;
    case "serve":
      return serve(rig, step.commands, random);
    case "submit":
      return submit(rig, step.commands, random);
    case "load":
      return unlessDone(load(rig, step.region, step.image));
    case "activate":
      return device.request("activate", step.region, "")
        ? undefined
        : broken(`region ${step.region} was not activated`);
    case "designate":
      return designate(rig, step.region);
    case "refused":
      return device.request(step.request, step.region, "")
        ? broken(`${step.request} of region ${step.region} was not refused`)
        : undefined;
    case "clear":
      return device.request("clear", step.region, "")
        ? undefined
        : broken(`region ${step.region} was not cleared`);
    case "update":
      return unlessDone(update(rig, step.region, step.image, OPERATOR));
    case "own-update":
      return unlessOwn(rig, ownLoad(rig, step.region, step.image, CommitAction.REPLACE_AND_ACTIVATE));
    case "resume-own-update":
      return unlessDone(update(rig, step.region, step.image, FIRMWARE));
    case "own-update-cut-off":
      return cutOff(rig, step.region, step.image, step.units);
    case "own-update-refused":
      return refusedItself(rig, step.region, step.begins);
    case "rot":
      rot(rig, step.what, random);
      return undefined;
  }
}

// ── What did not come to pass, and whose doing that is ──────────────────────────────────────────────────────

/** The device did all that the table of states wants, and the scenario wants something else: the scenario is wrong. */
function broken(message: string): NotDone {
  return { verdict: "harness-broken", message };
}

function unlessDone(wrong: string | undefined): NotDone | undefined {
  return wrong === undefined ? undefined : broken(wrong);
}

/** The device is not where it was to come to. What executes and is not ready owes that. */
function notThere(rig: Rig, what: string): NotDone {
  const { mode, ready, region } = rig.device;
  if (mode === "on" && region !== NO_REGION && !ready) {
    const message = `${nameOf(rig)} executes and does not say that it is ready`;
    return { verdict: "never-ready", message: `${what}: ${message}` };
  }
  if (mode === "safe-mode" || ready) return broken(`${what} (${ready ? "ready" : mode})`);
  return { verdict: "bricked", message: `${what}: nothing executes, and no safe mode is told (${mode})` };
}

function notConfirmed(rig: Rig): NotDone {
  if (!rig.device.ready) return notThere(rig, "the version was not confirmed");
  const message = `${nameOf(rig)} is on trial and ready, and never says that it works`;
  return { verdict: "never-confirmed", message };
}

function nameOf(rig: Rig): string {
  const { region } = rig.device;
  if (region === NO_REGION) return "no version";
  return `region ${region} (${rig.holds(region) ?? "no whole image"})`;
}

// ── Faults ──────────────────────────────────────────────────────────────────────────────────────────────────

/** The version that executes, or the next one, gives up at once. */
export function crashVersion({ device, oracle }: Rig): void {
  // One that is being stopped stops, and that is all that is seen of it.
  if (!device.stopping) oracle.expect(owedByCrash(CRASH_CODE));
  device.crash();
}

/** The thread that executes fails; false where none does. */
export function failThread({ device, oracle }: Rig, evidence: Evidence, owed: OwedFailure): boolean {
  if (!device.canHang) return false;
  if (!device.stopping) oracle.expect(owed);
  return device.failThread(evidence);
}

const UNDECLARED_HINT = " (firmware that commits no faults on request says so in CAPABILITIES)";

function commitFault(rig: Rig, kind: string): NotDone | undefined {
  const { device, oracle } = rig;
  const { epoch } = device;
  const fault = findFault(kind);
  if (fault === undefined) return broken(`there is no fault ${kind}`);
  let said: string | undefined;
  if (canStopFor(fault) && !rig.can("inject")) {
    const [evidence = "none"] = fault.evidence;
    if (!device.ready) return notThere(rig, `${kind} was not done`);
    oracle.expect(owedBy(kind));
    device.stopBy(EVIDENCE_NAMES.indexOf(evidence), CRASH_CODE);
  } else if (fault.firmwareNumber === undefined) {
    // What a busy machine may find first is the live device's.
    const [evidence = "none"] = fault.evidence;
    if (!failThread(rig, EVIDENCE_NAMES.indexOf(evidence), owedBy(kind))) {
      return { verdict: "not-injected", message: `${kind} was not done: no version executes` };
    }
  } else {
    const command = { opcode: Opcode.INJECT_FAULT, cdw10: fault.firmwareNumber };
    const submitted = device.submit(command, ({ outcome, status }) => {
      if (outcome === "completed") said = `completed the command with status 0x${status.toString(16)}`;
    });
    if (!submitted) return notServed(rig, "the host queue is full");
    oracle.expect(owedBy(kind));
  }
  const over = () => device.epoch > epoch && device.ready;
  if (advance(rig, over) || device.mode === "safe-mode") return undefined;
  if (device.epoch > epoch || !device.ready) return notThere(rig, `the fault ${kind} was not survived`);
  const did = said ?? "did not complete the command";
  const hint = device.capabilities.saidBy === "nobody" ? UNDECLARED_HINT : "";
  const message = `${nameOf(rig)} was told to do ${kind}, ${did}, and went on as though nothing had happened${hint}`;
  return { verdict: "not-injected", message };
}

function designate(rig: Rig, region: number): NotDone | undefined {
  const { device } = rig;
  const { epoch } = device;
  if (!device.request("designate", region, "")) return broken(`region ${region} was not designated`);
  // Where it executes already nothing is chosen, and nothing restarted.
  const from = device.table.next === NO_REGION ? epoch - 1 : epoch;
  return advance(rig, () => device.epoch > from && device.ready)
    ? undefined
    : notThere(rig, `region ${region} was not started`);
}

function crash(rig: Rig): NotDone | undefined {
  const { device } = rig;
  const { epoch } = device;
  crashVersion(rig);
  const over = () => device.epoch > epoch;
  return advance(rig, over) || device.mode === "safe-mode"
    ? undefined
    : notThere(rig, "nothing was started after the crash");
}

// ── Host and operator ───────────────────────────────────────────────────────────────────────────────────────

function notServed(rig: Rig, what: string): NotDone {
  if (!rig.device.ready) return notThere(rig, what);
  return { verdict: "not-served", message: `${nameOf(rig)} is ready, and ${what}` };
}

/** Of one buffer of a job. Each command has buffers of its own: several wait at once. */
const BUFFER_BYTES_MAX = 256;

/**
 * Submits commands, and waits for nothing. Firmware that knows the command set has its results checked; of one that has no
 * queue nothing is asked.
 */
function submit(rig: Rig, commands: number, random: Random): NotDone | undefined {
  const { device, oracle } = rig;
  if (!rig.can("queue")) return undefined;
  const checked = rig.can("commands");
  for (let done = 0; done < commands; done += 1) {
    const offset = done * jobBytes(BUFFER_BYTES_MAX);
    const accepted = device.submitMade((buffers, bufferAddress) => {
      if (!checked) return { command: { opcode: Opcode.FLUSH }, check: () => undefined };
      return makeJob({ buffers, bufferAddress, offset, bufferBytesMax: BUFFER_BYTES_MAX }, random);
    }, oracle.onResult);
    if (!accepted) return { verdict: "not-served", message: "the host queue is full" };
  }
  return undefined;
}

function serve(rig: Rig, commands: number, random: Random): NotDone | undefined {
  const { device } = rig;
  const wrong = submit(rig, commands, random);
  if (wrong !== undefined) return wrong;
  return advance(rig, () => device.outstanding === 0)
    ? undefined
    : notServed(rig, `${device.outstanding} commands of the host were not completed`);
}

/** Writes an image, and has the device verify it. */
function load(rig: Rig, region: number, name: string): string | undefined {
  const { device } = rig;
  const image = rig.images.get(name);
  if (image === undefined) return `there is no image ${name}`;
  const { phase, refusal } = device.load(region, name, image.bytes);
  return phase === "done" ? undefined : refusal;
}

// ── Updates ─────────────────────────────────────────────────────────────────────────────────────────────────

/** Who loads and activates; each tells what went wrong. */
interface Updater {
  readonly load: (rig: Rig, region: number, name: string) => string | undefined;
  readonly activate: (rig: Rig, region: number) => string | undefined;
}

const OPERATOR: Updater = {
  load,
  activate: ({ device }, region) =>
    device.request("activate", region, "") ? undefined : `region ${region} was not activated`,
};
const FIRMWARE: Updater = {
  load: (rig, region, name) => ownLoad(rig, region, name, CommitAction.REPLACE),
  activate: (rig, region) => ownCommit(rig, { region, action: CommitAction.ACTIVATE, begins: true }),
};

/** The firmware writes an image by itself. */
function ownLoad(rig: Rig, region: number, name: string, action: CommitAction): string | undefined {
  const image = rig.images.get(name);
  if (image === undefined) return `there is no image ${name}`;
  if (!download(rig, image.bytes, (done) => advance(rig, done)))
    return `${nameOf(rig)} did not take the image ${name}`;
  const wrong = ownCommit(rig, { region, action, begins: true });
  if (wrong !== undefined || rig.holds(region) === name) return wrong;
  return `${nameOf(rig)} has written something else than ${name} into region ${region}`;
}

function ownCommit(rig: Rig, what: Commit): string | undefined {
  const told = commit(rig, what, (done) => advance(rig, done));
  return isDone(told) ? undefined : `${nameOf(rig)} was told ${told ?? "nothing"} of region ${what.region}`;
}

/** What a version did not come to that is ready, and says that it can. */
function unlessOwn(rig: Rig, wrong: string | undefined): NotDone | undefined {
  return wrong === undefined ? undefined : notServed(rig, wrong);
}

/** Another start follows the crash. */
function cutOff(rig: Rig, region: number, name: string, units: number): NotDone | undefined {
  const { device } = rig;
  const image = rig.images.get(name);
  if (image === undefined) return broken(`there is no image ${name}`);
  if (!download(rig, image.bytes, (done) => advance(rig, done)))
    return unlessOwn(rig, `${nameOf(rig)} did not take the image ${name}`);
  const until = device.ownUnits + units;
  let come = false;
  commit(rig, { region, action: CommitAction.REPLACE, begins: true }, (done) => {
    come = advance(rig, () => done() || device.ownUnits >= until) && device.ownUnits >= until;
    return false;
  });
  if (!come) return unlessOwn(rig, `${units} units were not written into region ${region}`);
  const wrong = crash(rig);
  if (wrong !== undefined) return wrong;
  settle(rig);
  return device.ready ? undefined : notThere(rig, "no version became ready after the crash");
}

function refusedItself(rig: Rig, region: number, begins: boolean): NotDone | undefined {
  const { device } = rig;
  const generation = device.table.generation;
  // Whatever it is to write: its own code, as far as it goes.
  const image = rig.images.get("a");
  if (image === undefined || !download(rig, image.bytes, (done) => advance(rig, done)))
    return unlessOwn(rig, `${nameOf(rig)} did not take an image`);
  const told = commit(rig, { region, action: CommitAction.REPLACE, begins }, (done) => advance(rig, done));
  if (told === undefined) return unlessOwn(rig, `${nameOf(rig)} was told nothing of region ${region}`);
  const [first] = told;
  if (first === FlashStatus.REFUSED && told.length === 1 && device.table.generation === generation)
    return undefined;
  return broken(`what ${nameOf(rig)} asked of region ${region} was not refused: it was told ${told}`);
}

/**
 * Goes on with an update wherever it was interrupted. What rots while it is written is refused, and written again; what
 * has failed over to the region meanwhile is left alone, and the image goes into another.
 */
function update(rig: Rig, region: number, name: string, by: Updater): string | undefined {
  let wrong: string | undefined;
  for (let attempt = 0; attempt < UPDATE_ATTEMPTS; attempt += 1) {
    settle(rig);
    // Where no version executes that does what it was built to, an operator has to help.
    const able = rig.device.ready && !rig.oracle.judgement.firmwareRotted;
    wrong = attemptUpdate(rig, region, name, able ? by : OPERATOR);
    if (wrong === undefined) return undefined;
  }
  return wrong;
}

function attemptUpdate(rig: Rig, wanted: number, name: string, by: Updater): string | undefined {
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
  const wrong = stored ? undefined : by.load(rig, region, name);
  if (wrong !== undefined) return wrong;
  const unchosen = device.table.next === region ? undefined : by.activate(rig, region);
  if (unchosen !== undefined) return unchosen;
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
    case "region":
      return (layout.regions[what.region] as number) / 4 + rottenWordOf(rig, what.region, random);
  }
}

/** A word of the image that a region holds, from its start. */
function rottenWordOf(rig: Rig, region: number, random: Random): number {
  const image = rig.images.get(rig.holds(region) ?? "");
  const bytes = image?.bytes.length ?? rig.memory.layout.config.sectorBytes;
  return random.below(Math.floor(bytes / 4));
}

/** Makes a block of a region unreadable: more of its bits have flipped than ECC corrects. */
export function spoilBlock(rig: Rig, region: number, random: Random): void {
  const offset = rottenWordOf(rig, region, random) * 4;
  rig.timeline.event({ type: "injected", what: `unreadable block in region ${region}`, rots: "region" });
  rig.flash.spoil(region, offset);
  rig.device.regionRotted(region);
}
