/**
 * An update by firmware comes to the same on the live and the virtual device: the same commands are given to the same version
 * on both, and after each of them what its flash controller told it and the whole table are compared.
 */
import { readFileSync } from "node:fs";
import { type RunningDevice, startDevice } from "flipside";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { COMMIT_ACTION_SHIFT, CommitAction, NvmeStatus, Opcode } from "../../controller/devices/nvme-spec.ts";
import { formatVersion } from "../../emulator/base/version.ts";
import { Evidence, evidenceName } from "../../emulator/memory/evidence.ts";
import { FlashStatus } from "../../emulator/memory/flash-posts.ts";
import { digestHex, regionAt } from "../../emulator/table/table.ts";
import type { HostCommand, HostCompletion } from "../../supervisor/host/host.ts";
import { imageLibrary } from "../../supervisor/sweep/flipside/image-library.ts";
import { toldIn } from "../../supervisor/sweep/flipside/own-update.ts";
import { Rig } from "../../supervisor/sweep/flipside/rig.ts";
import { STANDARD_RULES } from "../../supervisor/sweep/flipside/rules.ts";
import { DEFAULT_SWEPT_DEVICE } from "../../supervisor/sweep/flipside/swept-device.ts";

const [IMAGE_A, IMAGE_B] = ["1.1.0", "1.0.0"].map((version) => {
  const file = `../../controller/firmware/plain/images/updating-${version}.img`;
  return new Uint8Array(readFileSync(new URL(file, import.meta.url)));
}) as [Uint8Array, Uint8Array];
const library = imageLibrary(IMAGE_A, IMAGE_B);
const imageOf = (name: string): Uint8Array => library.get(name)?.bytes ?? new Uint8Array(0);
const { DONE, REFUSED, FAILED } = {
  DONE: FlashStatus.DONE,
  REFUSED: FlashStatus.REFUSED,
  FAILED: FlashStatus.FAILED,
};
const DEADLINE_MS = 5_000;

type Answer = Pick<HostCompletion, "outcome" | "status" | "result" | "result2">;

/** One of the two devices. */
interface Side {
  readonly command: (command: HostCommand, data?: Uint8Array) => Promise<Answer>;
  readonly table: () => Promise<object>;
  /** The thread of the version that executes is gone; until the next one is accepted. */
  readonly failOver: () => Promise<void>;
}

let device: RunningDevice;
let live: Side;
let virtual: Side;

beforeAll(async () => {
  device = await startDevice({ images: [IMAGE_A, IMAGE_B], memory: { regionBytes: 65_536, regions: 2 } });
  await device.standby();
  live = liveSide();
  virtual = virtualSide();
});

afterAll(() => device.stop());

function liveSide(): Side {
  return {
    command: (command, data) => device.command(command, data),
    table: async () => {
      const { generation, primary, regions } = await device.status();
      const records = regions.map(
        ({ state, version, digest, triesLeft, unconfirmedStarts, failures, lastFailure }) => {
          return { state, version, digest, triesLeft, unconfirmedStarts, failures, lastFailure };
        },
      );
      return { generation, primary, records };
    },
    failOver: async () => {
      await device.standby();
      await device.inject("worker-process-exit");
      const isOver = async (): Promise<void> => {
        const { primary, regions } = await device.status();
        expect([primary, regions[1]?.state]).toEqual([1, "accepted"]);
      };
      await vi.waitFor(isOver, { timeout: 30_000 });
    },
  };
}

function virtualSide(): Side {
  const rig = new Rig({
    rules: STANDARD_RULES,
    seed: 1,
    images: library,
    engine: "auto",
    device: DEFAULT_SWEPT_DEVICE,
  });
  rig.setUp({ name: "own-update", about: "", setup: { images: ["a", "b"] }, steps: [], deep: false });
  const { device } = rig;
  device.powerOn();
  expect(device.advance(() => device.ready, DEADLINE_MS)).toBe(true);
  return {
    command: async (command, data = new Uint8Array(0)) => {
      let answer: Answer | undefined;
      expect(device.submitWith(command, data, (completion) => (answer = completion))).toBe(true);
      expect(device.advance(() => answer !== undefined, DEADLINE_MS)).toBe(true);
      return answer as Answer;
    },
    table: async () => {
      const { table } = device;
      const records = table.regions.map((_, region) => {
        const { state, version, digest, triesLeft, unconfirmedStarts, failures, lastFailure } = regionAt(
          table,
          region,
        );
        return {
          state,
          version: digest.some((word) => word !== 0) ? formatVersion(version) : "",
          digest: digestHex(digest),
          triesLeft,
          unconfirmedStarts,
          failures,
          lastFailure: evidenceName(lastFailure.evidence),
        };
      });
      return { generation: table.generation, primary: table.active, records };
    },
    failOver: async () => {
      expect(device.failThread(Evidence.THREAD_EXIT)).toBe(true);
      expect(device.advance(() => device.region === 1 && device.confirmed, DEADLINE_MS)).toBe(true);
    },
  };
}

async function download(side: Side, image: Uint8Array): Promise<void> {
  const words = Math.ceil(image.length / 4);
  const padded = new Uint8Array(words * 4).fill(0xff);
  padded.set(image);
  const command = { opcode: Opcode.FIRMWARE_IMAGE_DOWNLOAD, cdw10: words - 1, cdw11: 0 };
  expect(await side.command(command, padded)).toMatchObject({ outcome: "completed", status: 0 });
}

function commit(side: Side, region: number, action: CommitAction, withoutBegin = 0): Promise<Answer> {
  const cdw10 = (action << COMMIT_ACTION_SHIFT) | (region + 1);
  return side.command({ opcode: Opcode.FIRMWARE_COMMIT, cdw10, cdw11: withoutBegin });
}

/** Does it on both; what the flash controller told, which is the same. */
async function onBoth(what: (side: Side) => Promise<Answer>): Promise<readonly FlashStatus[]> {
  const [one, other] = [await what(live), await what(virtual)];
  const seen = ({ outcome, status, result, result2 }: Answer) => ({ outcome, status, result, result2 });
  expect(seen(other)).toEqual(seen(one));
  expect(await virtual.table()).toEqual(await live.table());
  expect(one.outcome).toBe("completed");
  const told = toldIn(one.result2);
  expect(one.status).toBe(told.at(-1) === DONE ? NvmeStatus.SUCCESS : NvmeStatus.INTERNAL_ERROR);
  return told;
}

it("what firmware asks of its flash controller comes to the same answers and tables on both", async () => {
  expect(await virtual.table()).toEqual(await live.table());
  const damaged = imageOf("update").slice();
  damaged[100] = (damaged[100] as number) ^ 1;
  for (const side of [live, virtual]) await download(side, damaged);
  const { REPLACE, ACTIVATE, REPLACE_AND_ACTIVATE } = {
    REPLACE: CommitAction.REPLACE,
    ACTIVATE: CommitAction.ACTIVATE,
    REPLACE_AND_ACTIVATE: CommitAction.REPLACE_AND_ACTIVATE,
  };
  expect(await onBoth((side) => commit(side, 1, REPLACE, 1)), "not begun").toEqual([REFUSED]);
  expect(await onBoth((side) => commit(side, 0, REPLACE)), "the primary").toEqual([REFUSED]);
  expect(await onBoth((side) => commit(side, 1, REPLACE)), "no whole image").toEqual([
    ...[DONE, DONE, DONE, DONE],
    FAILED,
  ]);
  expect(await onBoth((side) => commit(side, 1, ACTIVATE)), "nothing that runs").toEqual([REFUSED]);
  for (const side of [live, virtual]) await download(side, imageOf("update"));
  expect(await onBoth((side) => commit(side, 1, REPLACE))).toEqual([DONE, DONE, DONE, DONE, DONE]);
  expect(await onBoth((side) => commit(side, 1, ACTIVATE))).toEqual([DONE]);
  for (const side of [live, virtual]) await side.failOver();
  expect(await virtual.table(), "tried and confirmed").toEqual(await live.table());
  for (const side of [live, virtual]) await download(side, imageOf("b"));
  expect(await onBoth((side) => commit(side, 0, REPLACE_AND_ACTIVATE))).toEqual([
    ...[DONE, DONE, DONE, DONE, DONE],
    DONE,
  ]);
});
