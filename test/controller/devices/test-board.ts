/** What tests of devices build them into. */
import type { Board, Device } from "../../../controller/devices/device.ts";
import { StateWords } from "../../../controller/devices/state.ts";
import type { Evidence } from "../../../emulator/memory/evidence.ts";
import { createMemory, planLayout } from "../../../emulator/memory/layout.ts";
import { TEST_CONFIG } from "../support/machines.ts";

/** A board whose clock stands where the test puts it. */
export class TestBoard implements Board {
  bootEpoch = 0;
  ticks = 0;
  changes = 0;
  timesTold = 0;
  rings = 0;
  ticking: Required<Pick<Device, "tick">>[] = [];
  stops: { evidence: Evidence; code: number; passed: boolean }[] = [];
  nowTicks(): number {
    return this.ticks;
  }
  catchUp(): number {
    for (const device of this.ticking) device.tick(this.ticks, 0);
    return this.ticks;
  }
  timeTold(): void {
    this.timesTold++;
  }
  changed(): void {
    this.changes++;
  }
  stop(evidence: Evidence, code: number, passed = false): void {
    this.stops.push({ evidence, code, passed });
  }
  ring(): void {
    this.rings++;
  }
}

export function deviceState(): StateWords {
  const layout = planLayout(TEST_CONFIG);
  return new StateWords(createMemory(layout), layout.slots[0] ?? 0);
}
