/**
 * The rounds of the survival soak in which memory rots, and the way back: a region that rots is written anew by an
 * operator, table and floor are mended by the device itself.
 */
import { monotonicNs } from "../../emulator/base/clock.ts";
import { kindOf } from "../../emulator/base/errors.ts";
import type { Status } from "../device/status.ts";
import type { RotKind } from "../faults/catalogue.ts";
import type { Guardian } from "../process/guardian.ts";
import type { Tally } from "../soak/tally.ts";

/** The device has better things to do than to be asked all the time. */
const LOOK_MS = 5;

export type Expect = (rule: string, holds: boolean) => void;

/** Failures of all versions that the table tells of. */
export function failuresOf({ regions }: Status): number {
  return regions.reduce((sum, { failures }) => sum + failures, 0);
}

/**
 * One round of rot, from a quiet device to one that still has to be {@link makeWhole}.
 * @param excuses whether versions that failed meanwhile did so because the machine was too busy
 */
export async function rot(
  device: Guardian,
  kind: RotKind,
  seed: number,
  before: Status,
  tally: Tally,
  expect: Expect,
  excuses: (now: Status) => boolean,
): Promise<void> {
  const isExecuting = kind === "rot-executing" || kind === "unreadable-executing";
  const failover = isExecuting ? device.call("nextFailover", null) : undefined;
  const injectedNs = monotonicNs();
  await device.call("inject", { kind, seed });
  if (failover !== undefined) {
    const { fromRegion, toRegion, failure, firstInstructionNs, readyNs } = await failover;
    expect(
      "a version whose region rots is stopped",
      fromRegion === before.primary && toRegion !== fromRegion,
    );
    tally.detect.recordNs(failure.detectedNs - injectedNs);
    if (firstInstructionNs > 0) tally.restart.recordNs(firstInstructionNs - injectedNs);
    if (readyNs > 0) tally.ready.recordNs(readyNs - injectedNs);
    tally.detected += 1;
    await until(device, (now) => now.regions[fromRegion]?.version === "");
    return;
  }
  if (kind === "rot-nvram") {
    await startUpon(device, expect);
    return;
  }
  const found =
    kind === "rot-standby"
      ? (now: Status) => now.regions[before.standby ?? -1]?.version === ""
      : (now: Status) => now.mended > before.mended;
  await until(device, found);
  tally.detect.recordNs(monotonicNs() - injectedNs);
  tally.detected += 1;
  const after = await device.call("status", null);
  const same = after.primary === before.primary && after.generation === before.generation;
  if (!same && excuses(after)) tally.notJudged += 1;
  else expect("a version runs on when something rots that it does not execute", same);
  expect("the security floor is what it was", after.securityFloor === before.securityFloor);
}

/**
 * Nobody can be asked to find what nothing covers. But a version reads its NVRAM when it starts: one does, by a fault that
 * needs nothing of the firmware.
 */
async function startUpon(device: Guardian, expect: Expect): Promise<void> {
  const failover = device.call("nextFailover", null);
  await device.call("inject", { kind: "worker-terminate" });
  await failover;
  const { phase } = await until(device, (now) => now.phase === "safe-mode" || isQuiet(now));
  expect("a version gets ready whatever rots in its NVRAM", phase !== "safe-mode");
}

/**
 * Brings every region back to an accepted version, as an operator would: writes what is not whole, has it run, and asks
 * again where the device is busy with a failover of its own.
 */
export async function makeWhole(device: Guardian, images: readonly Uint8Array[]): Promise<void> {
  for (;;) {
    const { primary, regions } = await until(device, ({ ready }) => ready);
    const region = regions.findIndex(
      ({ state, version, belowFloor }) => !belowFloor && (state !== "accepted" || version === ""),
    );
    if (region < 0) break;
    const image = images[region];
    // One that runs on trial confirms itself in time.
    if (region !== primary && image !== undefined) await rewrite(device, region, image);
  }
  await quiet(device);
}

async function rewrite(device: Guardian, region: number, image: Uint8Array): Promise<void> {
  try {
    await device.call("load", { region, image });
    await device.call("designate", { region });
  } catch (error) {
    // A version failed meanwhile.
    if (kindOf(error) !== "busy") throw error;
  }
}

/** A version is ready, and another one stands by; the same where no other may run. */
export async function quiet(device: Guardian): Promise<Status> {
  return until(device, isQuiet);
}

function isQuiet(status: Status): boolean {
  const { ready, standby, primary } = status;
  return ready && standby !== null && (standby !== primary || !anotherMayRun(status));
}

/** A region beside the primary may run, or may again once it is whole: it is not below the security floor. */
export function anotherMayRun({ regions, primary }: Status): boolean {
  return regions.some(({ region, belowFloor }) => region !== primary && !belowFloor);
}

/** The round's own bound ends a wait that never does. */
async function until(device: Guardian, holds: (status: Status) => boolean): Promise<Status> {
  for (;;) {
    const status = await device.call("status", null);
    if (holds(status)) return status;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
