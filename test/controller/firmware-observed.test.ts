/**
 * Each mutant of firmware does what its class says, and each right variant does not, on a bare machine without a supervisor:
 * so what has to find them is asked for nothing that cannot be seen.
 */
import { describe, expect, test } from "vitest";
import { NvmeStatus, Opcode } from "../../controller/devices/nvme-spec.ts";
import { BootReason } from "../../controller/devices/status.ts";
import { Control } from "../../emulator/memory/control.ts";
import { FIRMWARE_MUTANTS, type FirmwareMutant } from "../../scripts/firmware-mutants.ts";
import { BUFFERS, crc32c, FirmwareDevice, readFirmware } from "./firmware-device.ts";

type Finding = FirmwareMutant["fault"] & string;

/** Bits of CAPABILITIES (docs/hardware.md, controller status). */
const DECLARED = 1 << 0;
const QUEUE = 1 << 1;
const COMMANDS = 1 << 2;
const INJECT = 1 << 3;
const RECORD = 1 << 4;
const ALL = QUEUE | COMMANDS | INJECT | RECORD;

/** Instructions in which a version is ready. A millisecond of waiting is 100,000. */
const BOOT_INSTRUCTIONS = 150_000;
/** Of a life that is watched one by one: a start, three commands, and what the first tick does. */
const LIFE_INSTRUCTIONS = 18_000;
const PARITY_BYTES = 256;
const ILLEGAL_INSTRUCTION = 1;

/** RAM after a power cut. */
const ANYTHING = Uint8Array.from({ length: 64 * 1024 }, (_, i) => (i * 167) ^ (i >> 8) ^ 0x5a);

/** A version on a machine, and what was seen to be wrong with it. */
class Observation {
  readonly findings = new Set<Finding>();
  readonly device: FirmwareDevice;
  /** Completions that the host has seen in the device's life. */
  #completed = 0;

  constructor(image: Uint8Array) {
    this.device = new FirmwareDevice(image, image);
  }

  get #capabilities(): number {
    const said = this.device.control[Control.CAPABILITIES] ?? 0;
    return (said & DECLARED) === 0 ? ALL : said;
  }

  can(capability: number): boolean {
    return (this.#capabilities & capability) !== 0;
  }

  /** Power-on over RAM that holds anything, or any other start. False: it is not ready. */
  start(reason: BootReason): boolean {
    const { device, findings } = this;
    const trial = reason === BootReason.ACTIVATION;
    if (reason === BootReason.POWER_ON) device.ram.set(ANYTHING);
    device.start(0, { reason, trial });
    const ready = device.runUntil(() => device.ready, BOOT_INSTRUCTIONS);
    if (trial && device.confirmed) findings.add("confirms-before-ready");
    if (device.machine.stopped) findings.add("fails-by-itself");
    else if (!ready) findings.add("never-ready");
    else this.#checkRecord();
    return ready;
  }

  /** It is left in peace. */
  rest(durationMs: number): void {
    const { device, findings } = this;
    device.runMs(durationMs);
    if (device.machine.stopped) findings.add("fails-by-itself");
    else if (!device.ready) findings.add("never-ready");
  }

  /** The ids that were submitted have one completion each. */
  expectCompletions(ids: readonly number[]): void {
    const taken = this.device.take();
    this.#completed += taken.length;
    if (this.device.machine.stopped) return;
    const got = taken.map(({ id }) => id);
    const unknown = got.some((id, index) => !ids.includes(id) || got.indexOf(id) !== index);
    if (unknown) this.findings.add("breaks-queue-protocol");
    else if (got.length < ids.length) {
      const says = (this.device.control[Control.CAPABILITIES] ?? 0) !== 0;
      this.findings.add(says ? "declares-what-it-does-not-do" : "serves-nothing");
    }
    const refused = taken.some(({ status }) => status === NvmeStatus.INVALID_OPCODE);
    if (refused && this.can(COMMANDS)) this.findings.add("declares-what-it-does-not-do");
  }

  /** What the host has taken, and what it was told of without having taken it. */
  get completed(): number {
    return this.#completed + this.device.posted;
  }

  /** Power is cut, and comes back to what NVRAM held. */
  powerOnWith(nvram: Int32Array, completed: number): boolean {
    this.device.nvram.set(nvram);
    this.#completed = completed;
    return this.start(BootReason.POWER_ON);
  }

  #checkRecord(): void {
    const recorded = (this.device.nvram[0] ?? 0) >>> 0;
    if (this.can(RECORD) && recorded < this.#completed) this.findings.add("loses-data");
  }
}

/** Longer than a period of the watchdog at least once, and than the slowest right version takes to confirm itself. */
function restMs(reason: BootReason): number {
  if (reason === BootReason.POWER_ON) return 210;
  return reason === BootReason.ACTIVATION ? 170 : 110;
}

/** Each start, with commands that wait, then rest. */
function observeStarts(seen: Observation): void {
  const { device } = seen;
  const reasons = [
    BootReason.POWER_ON,
    BootReason.FAILOVER,
    BootReason.RESTART,
    BootReason.POWER_ON,
    BootReason.ACTIVATION,
    BootReason.ROLL_BACK,
  ];
  for (const reason of reasons) {
    const trial = reason === BootReason.ACTIVATION;
    const served = seen.start(reason) && seen.can(QUEUE);
    if (served) {
      const ids = [0, 1, 2].map(() => device.submit({ opcode: Opcode.FLUSH }));
      device.runMs(5);
      seen.rest(20);
      seen.expectCompletions(ids);
    }
    seen.rest(restMs(reason));
    if (trial && device.ready && !device.confirmed && !device.machine.stopped) {
      seen.findings.add("never-confirms");
    }
    observeWaiting(seen, reason);
  }
}

/** The same start with a command that the version before did not fetch. */
function observeWaiting(seen: Observation, reason: BootReason): void {
  const { device } = seen;
  if (!seen.can(QUEUE) || device.machine.stopped) return;
  const id = device.submit({ opcode: Opcode.FLUSH });
  if (!seen.start(reason)) return;
  device.runMs(10);
  seen.expectCompletions([id]);
}

/** A long parity, and then a fault, of a version that says that it can. */
function observeCommands(seen: Observation): void {
  const { device, findings } = seen;
  if (!seen.start(BootReason.POWER_ON) || !seen.can(COMMANDS)) return;
  const parity = new Uint8Array(PARITY_BYTES);
  device.host.set(
    Array.from({ length: 2 * PARITY_BYTES }, (_, i) => (i * 29) ^ (i >> 4)),
    BUFFERS - 0x4000_0000,
  );
  for (let i = 0; i < PARITY_BYTES; i++)
    parity[i] = (i * 29) ^ (i >> 4) ^ ((i + PARITY_BYTES) * 29) ^ ((i + PARITY_BYTES) >> 4);
  const where = { source: BUFFERS, destination: BUFFERS + 2 * PARITY_BYTES };
  device.submit({ opcode: Opcode.XOR_PARITY, ...where, cdw10: PARITY_BYTES, cdw11: 2 });
  device.runMs(10);
  const [answer] = device.take();
  if (answer?.status === NvmeStatus.SUCCESS && answer.result !== crc32c(parity))
    findings.add("wrong-results");
  if (answer === undefined || !seen.can(INJECT) || device.machine.stopped) return;
  device.injectFault(ILLEGAL_INSTRUCTION);
  const [refusal] = device.take();
  if (device.machine.stopped) return;
  const refused = refusal?.status === NvmeStatus.INVALID_OPCODE;
  findings.add(refused ? "declares-what-it-does-not-do" : "ignores-injected-faults");
}

/** Words of NVRAM that any of the versions stores to: those of the record, of mutants, and of plain's slots. */
const STORED_WORDS = [0, 0x800, 0x1000].flatMap((at) => Array.from({ length: 8 }, (_, n) => at / 4 + n));

/** What NVRAM held, and the host had been told, whenever one of both changed in a life of two power-ons. */
function* moments(image: Uint8Array): Generator<{ nvram: Int32Array; completed: number }> {
  const seen = new Observation(image);
  const { device } = seen;
  let last = { nvram: device.nvram.slice(), completed: 0 };
  for (let life = 0; life < 2; life++) {
    device.start(0);
    let submitted = false;
    for (let steps = 0; steps < LIFE_INSTRUCTIONS && !device.machine.stopped; steps++) {
      device.runUntil(() => false, 1);
      if (device.ready && seen.can(QUEUE) && !submitted) {
        for (let n = 0; n < 3; n++) device.submit({ opcode: Opcode.FLUSH });
        submitted = true;
      }
      const { completed } = seen;
      const changed = STORED_WORDS.some((at) => device.nvram[at] !== last.nvram[at]);
      if (!changed && completed === last.completed) continue;
      last = { nvram: device.nvram.slice(), completed };
      yield last;
    }
  }
}

/** Power is cut at every moment at which NVRAM, or what the host knows, has changed. */
function observeCuts(image: Uint8Array, findings: Set<Finding>): void {
  const seen = new Observation(image);
  for (const { nvram, completed } of moments(image)) {
    if (seen.powerOnWith(nvram, completed)) seen.rest(12);
  }
  for (const finding of seen.findings) findings.add(finding);
}

function observe(image: Uint8Array): Finding[] {
  const seen = new Observation(image);
  observeStarts(seen);
  observeCommands(seen);
  observeCuts(image, seen.findings);
  return [...seen.findings];
}

const imageOf = ({ name }: FirmwareMutant): Uint8Array => readFirmware(`mutants/images/${name}.img`);
const wrong = FIRMWARE_MUTANTS.filter(({ fault }) => fault !== undefined);
const right = FIRMWARE_MUTANTS.filter(({ fault }) => fault === undefined);

describe("a version with a planted bug", () => {
  test.each(wrong)("$name: $fault", (mutant) => {
    expect(observe(imageOf(mutant))).toContain(mutant.fault);
  });
});

describe("a right variant shows nothing", () => {
  test.each(right)("$name", (mutant) => {
    expect(observe(imageOf(mutant))).toEqual([]);
  });

  test.each([
    "images/controller-1.0.0.img",
    "images/controller-1.1.0.img",
    "plain/images/plain-1.0.0.img",
    "plain/images/plain-1.1.0.img",
    "plain/images/quiet-1.0.0.img",
    "plain/images/quiet-1.1.0.img",
  ])("nor does %s", (path) => {
    expect(observe(readFirmware(path))).toEqual([]);
  });
});
