/**
 * The crash loop of the survival soak: versions fail over and over until the budget is spent, and the controller is in
 * safe mode: it says why, stays there over a power cut, and is left at an operator's word or by a new image.
 *
 * A controller of its own: all others of a soak have no budget.
 */
import { rmSync } from "node:fs";
import { monotonicNs } from "../../emulator/base/clock.ts";
import type { Random } from "../../emulator/base/random.ts";
import type { DeviceConfig } from "../core/config.ts";
import type { Budget } from "../core/policy.ts";
import type { Status } from "../device/status.ts";
import { Guardian } from "../process/guardian.ts";
import type { Tally } from "../soak/tally.ts";

/** @param kindFor by which the version that executes fails at once */
export async function crashLoop(
  config: DeviceConfig & { readonly flashFile: string },
  budget: Budget,
  random: Random,
  tally: Tally,
  kindFor: (status: Status) => string,
  expect: (rule: string, holds: boolean) => void,
  late: (deadlineMs: number, rule: string, told: string) => boolean,
): Promise<void> {
  const flashFile = `${config.flashFile}-${tally.injected}`;
  let onRestart = (_status: Status): void => undefined;
  const device = new Guardian(
    { ...config, flashFile, limits: { ...config.limits, budget } },
    { restarts: null },
    { onRestart: ({ status }) => onRestart(status) },
  );
  try {
    await device.start();
    const injectedNs = monotonicNs();
    const stopped = await failUntilSafeMode(device, kindFor);
    const tookMs = (monotonicNs() - injectedNs) / 1e6;
    tally.detect.recordNs(monotonicNs() - injectedNs);
    const most = (budget.failures ?? 0) + 1;
    const within = stopped.regions.every(
      ({ state, failures, belowFloor }) => (belowFloor || state === "invalid") && failures <= most,
    );
    const rule = "safe mode comes within the budget of every region";
    // Failures that the budget's window forgets, because each took so long, are borne.
    const tooSlow = !within && tookMs > budget.windowMs;
    if (tooSlow && late(budget.windowMs, rule, `it came after ${Math.round(tookMs)} ms`))
      tally.notJudged += 1;
    else expect(rule, within);
    expect("safe mode tells its reason", stopped.primary === null && stopped.reason !== "");
    const restarted = new Promise<Status>((resolve) => {
      onRestart = resolve;
    });
    await device.call("inject", { kind: "power-cut", seed: random.uint32() });
    const again = await restarted;
    const stays = again.phase === "safe-mode" && again.generation === stopped.generation;
    expect("safe mode is not left by a power cut", stays);
    tally.detected += 1;
    const leavesNs = monotonicNs();
    const able = stopped.regions.filter(({ belowFloor }) => !belowFloor).map(({ region: index }) => index);
    const region = random.pick(able);
    if (random.below(2) === 0) await device.call("clear", { region });
    else await device.call("load", { region, image: config.images[region] as Uint8Array });
    await device.call("standby", null);
    const status = await device.call("status", null);
    expect("an operator's word or a new image ends safe mode", status.primary === region && status.ready);
    tally.ready.recordNs(monotonicNs() - leavesNs);
    tally.restart.recordNs(status.executingSinceNs - leavesNs);
    tally.recovered += 1;
  } finally {
    await device.stop();
    rmSync(flashFile, { force: true });
  }
}

/** Every version fails as soon as it is ready. */
async function failUntilSafeMode(device: Guardian, kindFor: (status: Status) => string): Promise<Status> {
  for (;;) {
    const status = await device.call("status", null);
    if (status.phase === "safe-mode") return status;
    // A version that fails meanwhile takes no command.
    if (status.ready) await device.call("inject", { kind: kindFor(status) }).catch(() => undefined);
  }
}
