/**
 * Real workers, real processes: each fault is done to a running controller, which must come back on the other
 * region. Restart times are printed; what is asserted is order and invariants, never a duration.
 */
import { readFileSync } from "node:fs";
import { FAULTS, type Failover, type RunningDevice, startDevice } from "flipside";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { failsOver } from "../../supervisor/faults/catalogue.ts";

function image(name: string): Uint8Array {
  return readFileSync(new URL(`../../controller/firmware/images/${name}`, import.meta.url));
}

const images = [image("controller-1.1.0.img"), image("controller-1.0.0.img")];
/** What the firmware in each region answers to IDENTIFY: major, minor, revision. */
const IDENTITIES = [0x0101_0000, 0x0100_0000];
const IDENTIFY = 0xc3;
const unlimited = { budget: { failures: null, windowMs: 60_000 } };
const lines: string[] = [];

function note(kind: string, { failure, firstInstructionNs, readyNs }: Failover): void {
  const us = (ns: number): string => `${((ns - failure.faultNs) / 1000).toFixed(0)} µs`.padStart(10);
  lines.push(
    `${kind.padEnd(28)} ${failure.evidence.padEnd(16)} restart ${us(firstInstructionNs)} ready ${us(readyNs)}`,
  );
}

describe("a controller under each fault", () => {
  let device: RunningDevice;
  beforeAll(async () => {
    device = await startDevice({ images, limits: unlimited });
  });
  afterAll(async () => {
    await device.stop();
    console.log(lines.join("\n"));
  });

  for (const fault of FAULTS.filter(failsOver)) {
    it(`comes back on the other region after ${fault.kind}`, async () => {
      await device.standby();
      const before = await device.status();
      const next = device.nextFailover();
      await device.inject(fault.kind);
      const failover = await next;
      note(fault.kind, failover);
      expect(fault.evidence).toContain(failover.failure.evidence);
      expect(failover.fromRegion).toBe(before.primary);
      expect(failover.toRegion).not.toBe(before.primary);
      expect(failover.generation).toBe((before.generation + 1) >>> 0);
      expect(failover.storedBytes).toBe(0);
      expect(failover.retiredAfterStop).toBe(0);
      expect(failover.executedRegion).toBe(failover.toRegion);
      expect((await device.command({ opcode: IDENTIFY })).result).toBe(IDENTITIES[failover.toRegion]);
      const { failure, stoppedNs, designatedNs, firstInstructionNs, readyNs } = failover;
      const steps = [
        failure.faultNs,
        failure.detectedNs,
        stoppedNs,
        designatedNs,
        firstInstructionNs,
        readyNs,
      ];
      expect(steps).toEqual([...steps].sort((a, b) => a - b));
      expect(await device.status()).toMatchObject({
        primary: failover.toRegion,
        phase: "executing",
        ready: true,
      });
    });
  }

  it("tells where a version hung, not where it was last interrupted", async () => {
    const places: { region: number; pc: number }[] = [];
    // Each of them twice, so that each version has hung in both ways.
    for (const kind of ["tight-loop", "finisher", "finisher", "tight-loop"]) {
      await device.standby();
      const next = device.nextFailover();
      await device.inject(kind);
      const { fromRegion: region, failure } = await next;
      places.push({ region, pc: failure.pc });
    }
    for (const region of [0, 1]) {
      const [first, second] = places.filter((place) => place.region === region);
      expect(first?.pc).not.toBe(second?.pc);
    }
  });

  it("tells the address that a version must not use, once its handler of exceptions has given up", async () => {
    await device.standby();
    const next = device.nextFailover();
    await device.inject("load-nowhere");
    expect((await next).failure).toMatchObject({ evidence: "panic", tval: 0x6000_0000 });
  });

  it("keeps the data of commands that are given at once apart", async () => {
    const CRC32C = 0xc1;
    const buffers = [1, 2, 3].map((byte) => new Uint8Array(4096).fill(byte));
    const crc = async (data: Uint8Array): Promise<number> =>
      (await device.command({ opcode: CRC32C, cdw10: data.length }, data)).result;
    const alone: number[] = [];
    for (const data of buffers) alone.push(await crc(data));
    expect(await Promise.all(buffers.map(crc))).toEqual(alone);
  });

  it("gets another standby when the parked one dies, and fails nothing over", async () => {
    await device.standby();
    const before = await device.status();
    await device.inject("standby-death");
    expect(before.translator.translationsAhead).toBeGreaterThan(0);
    // What the dead one had translated ahead stays counted, and the one in its place translates anew.
    let after = before;
    while (after.translator.translationsAhead <= before.translator.translationsAhead) {
      after = await device.status();
    }
    await device.standby();
    expect(await device.status()).toMatchObject({ primary: before.primary, generation: before.generation });
  });
});

it("what cannot be meant is refused, and the device goes on", async () => {
  const refused = (message: string) => ({ name: "RequestError", message: expect.stringContaining(message) });
  const nonsense = <T>(value: unknown): T => value as T;
  await expect(startDevice({ images, limits: { heartbeatMs: 0 } })).rejects.toMatchObject(
    refused("limits.heartbeatMs is 0"),
  );
  const device = await startDevice({ images });
  await expect(device.command(nonsense(null))).rejects.toMatchObject(refused("the command is null"));
  await expect(device.inject(nonsense(7))).rejects.toMatchObject(refused('there is no fault "7"'));
  await expect(device.soak(nonsense({}))).rejects.toMatchObject(refused("seed is undefined"));
  await expect(device.drill("ebreak", Number.NaN)).rejects.toMatchObject(refused("failovers is NaN"));
  expect(await device.command({ opcode: IDENTIFY })).toMatchObject({ result: IDENTITIES[0] });
  await device.stop();
});

it("a supervisor that stands still is ended by force when it is told to stop, or owes an answer", async () => {
  const standingStill = async (): Promise<RunningDevice> => {
    const device = await startDevice({ images });
    process.kill(device.pid ?? 0, "SIGSTOP");
    return device;
  };
  const [stopped, asked] = await Promise.all([standingStill(), standingStill()]);
  const gone = { name: "SupervisorGone", message: "the supervisor process did not answer for 5000 ms" };
  await Promise.all([
    stopped.stop(),
    expect(asked.status()).rejects.toMatchObject(gone),
    expect(asked.nextFailover()).rejects.toMatchObject(gone),
  ]);
  await asked.stop();
  for (const { pid } of [stopped, asked]) expect(() => process.kill(pid ?? 0, 0)).toThrow("ESRCH");
});

describe("a controller in safe mode", () => {
  it("keeps nobody waiting for what only a version can do", async () => {
    const device = await startDevice({ images: [] });
    const refused = {
      name: "SafeModeError",
      message: expect.stringMatching(/^the controller is in safe mode: region 0: /),
    };
    await expect(device.standby()).rejects.toMatchObject(refused);
    await expect(device.nextFailover()).rejects.toMatchObject(refused);
    await expect(device.command({ opcode: IDENTIFY })).rejects.toMatchObject(refused);
    await expect(device.drill("ebreak", 1)).rejects.toMatchObject(refused);
    await device.stop();
  });

  it("ends what was waited for when it is entered", async () => {
    // The only version fails once, and that is once too often.
    const budget = { failures: 0, windowMs: 60_000 };
    const device = await startDevice({ images: images.slice(0, 1), limits: { budget } });
    expect((await device.command({ opcode: IDENTIFY })).status).toBe(0);
    await Promise.all([
      expect(device.nextFailover()).rejects.toMatchObject({ name: "SafeModeError" }),
      device.inject("ebreak"),
    ]);
    await device.stop();
  });
});
