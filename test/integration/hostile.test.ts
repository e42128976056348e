/** Versions that do what no honest one would: whom it is charged to, and that nobody else has to wait. */
import { readFileSync } from "node:fs";
import { type RunningDevice, startDevice } from "flipside";
import { afterEach, describe, expect, it } from "vitest";
import { encodeImage } from "../../controller/image/encode.ts";
import { HOST_QUEUE_BASE, STATUS_BASE } from "../../emulator/memory/map.ts";
import { SQ_ENTRY_BYTES, SQ_PHYSICAL } from "../../emulator/memory/queues.ts";
import * as asm from "../controller/support/assembler.ts";

const HONEST = readFileSync(
  new URL("../../controller/firmware/images/controller-1.0.0.img", import.meta.url),
);
const IDENTIFY = 0xc3;
/** What {@link HONEST} answers to IDENTIFY: major, minor, revision. */
const IDENTITY = 0x0100_0000;
const unlimited = { budget: { failures: null, windowMs: 60_000 } };

/** Offsets in the status block and in the host queue. */
const [READY, FAULT, SQ_TAIL] = [0x10, 0x18, 0x0c];
const [STATUS, QUEUE, VALUE, ONE] = [5, 6, 28, 29];

/** A version that begins with the registers above set up. */
function hostile(major: number, body: (program: asm.Program) => asm.Program): Uint8Array {
  const program = new asm.Program().li(STATUS, STATUS_BASE).li(QUEUE, HOST_QUEUE_BASE).li(ONE, 1);
  const version = { major, minor: 0, revision: 0, build: 0 };
  return encodeImage({ body: body(program).bytes(), version, romFixed: true });
}

const isReady = asm.store("sw", ONE, READY, STATUS);
const isNotReady = asm.store("sw", 0, READY, STATUS);

let device: RunningDevice | undefined;
afterEach(() => device?.stop());

it("what a version stores over queued commands is not what the next one is given", async () => {
  const [wanted, at] = [7, 30];
  // It fetches nothing: waits for two commands, stores over both, and gives up.
  const vandal = hostile(9, (program) =>
    program
      .li(wanted, 2)
      .words(isReady)
      .label("wait")
      .words(asm.load("lw", VALUE, SQ_TAIL, QUEUE))
      .branch("bne", VALUE, wanted, "wait")
      .li(at, SQ_PHYSICAL)
      .li(VALUE, -1)
      .words(asm.store("sw", VALUE, 0, at), asm.store("sw", VALUE, SQ_ENTRY_BYTES, at))
      .words(asm.store("sw", VALUE, FAULT, STATUS)),
  );
  device = await startDevice({ images: [vandal, HONEST], limits: unlimited });
  const failover = device.nextFailover();
  const identities = await Promise.all(
    [1, 2].map(() => (device as RunningDevice).command({ opcode: IDENTIFY })),
  );
  expect((await failover).failure.evidence).toBe("panic");
  expect(identities).toMatchObject([
    { outcome: "completed", status: 0, result: IDENTITY },
    { outcome: "completed", status: 0, result: IDENTITY },
  ]);
});

describe("a version that fails before it is ready", () => {
  const stillborn = hostile(0, (program) => program.words(asm.ILLEGAL));

  it("ends a failover, and makes one of its own", async () => {
    device = await startDevice({ images: [HONEST, stillborn], limits: unlimited });
    await device.standby();
    const before = await device.status();
    const failover = device.nextFailover();
    await device.inject("ebreak");
    expect(await failover).toMatchObject({
      index: 0,
      failure: { evidence: "panic" },
      fromRegion: 0,
      toRegion: 1,
      executedRegion: 1,
      generation: before.generation + 1,
      readyNs: 0,
      storedBytes: 0,
      retiredAfterStop: 0,
    });
    await device.standby();
    expect(await device.status()).toMatchObject({
      failovers: 2,
      failoversByCause: { panic: 1, trap: 1 },
      primary: 0,
      generation: before.generation + 2,
    });
  });

  // With the standby dead the stopped worker runs the successor, which is not what the stopped version retires.
  it.each(["ebreak", "standby-death-at-failover"])(
    "fails by itself in a soak of %s, which is a finding, and violates nothing else",
    async (kind) => {
      device = await startDevice({ images: [HONEST, stillborn], limits: unlimited });
      const report = await device.soak({ seed: 1, durationMs: null, failovers: 6, kinds: [kind, kind] });
      expect(report.findings.map(({ cause }) => cause)).toEqual(["failed-by-itself"]);
      expect(report.violations).toEqual([
        expect.stringMatching(/^failed-by-itself: firmware 0\.0\.0 in region 1 failed by trap at 0x/),
      ]);
      expect(report.spontaneous).toMatchObject([{ evidence: "trap", version: "0.0.0" }]);
      expect(report.failovers).toBeGreaterThanOrEqual(6);
    },
  );
});

describe("a version that says it is ready, and takes it back, without pause", () => {
  const fickle = hostile(9, (program) => program.label("again").words(isReady, isNotReady).jal(0, "again"));

  it("does not keep the supervisor from answering, nor from finding that no command is done", async () => {
    device = await startDevice({ images: [fickle, HONEST], limits: unlimited });
    const failover = device.nextFailover();
    const completion = await device.command({ opcode: IDENTIFY });
    expect(completion).toMatchObject({ outcome: "completed", result: IDENTITY });
    expect(await failover).toMatchObject({ failure: { evidence: "overdue-command" }, toRegion: 1 });
  });
});

it("a soak of versions that serve nobody tells how they failed", async () => {
  const idle = (major: number) =>
    hostile(major, (program) => program.words(isReady).label("idle").words(asm.WFI).jal(0, "idle"));
  device = await startDevice({ images: [idle(2), idle(1)], limits: unlimited });
  const report = await device.soak({ seed: 1, durationMs: null, failovers: 1, kinds: ["ebreak"] });
  expect(report.violations).toEqual([
    expect.stringMatching(
      /^the controller was not done with a host command within 10000 ms; meanwhile \d+ failovers, found by overdue-command$/,
    ),
  ]);
});
