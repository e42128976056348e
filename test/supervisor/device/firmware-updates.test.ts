/** Who may write a region, and what becomes of an update whose version is stopped or whose region an operator takes. */
import { describe, expect, it } from "vitest";
import type { UpdateCommand, UpdateEvent } from "../../../controller/boot/update.ts";
import { Control } from "../../../emulator/memory/control.ts";
import { FlashAction, FlashStatus, mayWriteRegion, postFlash } from "../../../emulator/memory/flash-posts.ts";
import { OperatorError } from "../../../supervisor/device/errors.ts";
import { FirmwareUpdates } from "../../../supervisor/device/firmware-updates.ts";

const [EPOCH, REGION] = [5, 1];
const usable = {
  usable: true,
  version: { major: 1, minor: 3, revision: 0, build: 0 },
  digest: Array.from({ length: 8 }, () => 7),
  securityCounter: 0,
  headerBytes: 32,
  imageBytes: 99,
  signed: false,
} as const;

type Carry = (command: UpdateCommand) => Promise<UpdateEvent>;
const whole: Carry = async ({ type }) =>
  type === "verify" ? { type: "verified", facts: usable } : { type: "done" };

/** @param carry carries the steps out */
function bench(carry: Carry = whole) {
  const control = new Int32Array(new SharedArrayBuffer(Control.WORDS * 4));
  control[Control.FLASH_EPOCH] = EPOCH;
  const steps: string[] = [];
  const told: object[] = [];
  const silent = (): void => undefined;
  const log = {
    error: silent,
    warn: silent,
    debug: silent,
    info: (fields: object) => void told.push(fields),
  };
  let woken = 0;
  const updates = new FirmwareUpdates(
    control,
    (command, region) => {
      steps.push(`${command.type} ${region}`);
      return carry(command);
    },
    () => (woken += 1),
    log,
  );
  const post = (action: FlashAction, epoch = EPOCH): number => {
    const number = postFlash(control, { action, region: REGION, offset: 0, length: 0, memory: 0, epoch });
    updates.look();
    return number;
  };
  /** How it is answered; undefined where it is not. */
  const ask = async (action: FlashAction, epoch = EPOCH): Promise<FlashStatus | undefined> => {
    const number = post(action, epoch);
    await new Promise((resolve) => setImmediate(resolve));
    return control[Control.FLASH_ANSWERED] === number ? control[Control.FLASH_ANSWER] : undefined;
  };
  const mayWrite = (): boolean => mayWriteRegion(control, REGION, EPOCH);
  control[Control.REGION] = 0;
  return { control, updates, steps, ask, mayWrite, told, woken: (): number => woken };
}

describe("a version", () => {
  it("may write from its begin to its end; what follows goes in the order of every update", async () => {
    const { ask, mayWrite, steps, woken } = bench();
    expect(mayWrite()).toBe(false);
    expect(await ask(FlashAction.BEGIN)).toBe(FlashStatus.DONE);
    expect([mayWrite(), steps, woken()]).toEqual([true, ["invalidate 1"], 1]);
    expect(await ask(FlashAction.END)).toBe(FlashStatus.DONE);
    expect(mayWrite()).toBe(false);
    expect(steps.slice(1)).toEqual(["program 1", "verify 1", "validate 1"]);
    expect(await ask(FlashAction.ACTIVATE)).toBe(FlashStatus.DONE);
    expect(steps.slice(4)).toEqual(["activate 1"]);
  });

  it("cannot end what it has not begun, nor twice", async () => {
    const { ask, steps } = bench();
    expect(await ask(FlashAction.END)).toBe(FlashStatus.REFUSED);
    await ask(FlashAction.BEGIN);
    await ask(FlashAction.END);
    const before = steps.length;
    expect(await ask(FlashAction.END)).toBe(FlashStatus.REFUSED);
    expect(steps).toHaveLength(before);
  });

  it("may write no more once its end is asked for, before what stands there is read", async () => {
    const { control, ask, mayWrite } = bench(async (command) => {
      if (command.type === "verify") expect(mayWriteRegion(control, REGION, EPOCH)).toBe(false);
      return whole(command);
    });
    await ask(FlashAction.BEGIN);
    expect(mayWrite()).toBe(true);
    expect(await ask(FlashAction.END)).toBe(FlashStatus.DONE);
  });

  it("is told a refusal of the table as such, anything else as a failure, and may not write after either", async () => {
    const refusing = bench(() => Promise.reject(new OperatorError("is-primary", "region 1 is executing")));
    expect([await refusing.ask(FlashAction.BEGIN), refusing.mayWrite()]).toEqual([
      FlashStatus.REFUSED,
      false,
    ]);
    const failing = bench(() => Promise.reject(new Error("the disk is full")));
    expect([await failing.ask(FlashAction.BEGIN), failing.mayWrite()]).toEqual([FlashStatus.FAILED, false]);
  });

  it("that is refused the same over and over is told of in the log once, with the reason", async () => {
    const { ask, told } = bench();
    for (let times = 0; times < 3; times += 1) await ask(FlashAction.END);
    expect(told).toEqual([{ asked: "end", ofRegion: REGION, reason: "it was not begun" }]);
    await ask(FlashAction.BEGIN);
    expect(told).toHaveLength(1);
  });

  it("whose image does not verify is told so, and has to begin anew", async () => {
    const fault = { name: "digest-mismatch", message: "the digest is wrong" } as const;
    const { ask, mayWrite, steps } = bench(async ({ type }) =>
      type === "verify" ? { type: "verified", facts: { usable: false, fault } } : { type: "done" },
    );
    await ask(FlashAction.BEGIN);
    expect(await ask(FlashAction.END)).toBe(FlashStatus.FAILED);
    expect([mayWrite(), steps.at(-1)]).toEqual([false, "verify 1"]);
    expect(await ask(FlashAction.END)).toBe(FlashStatus.REFUSED);
  });
});

describe("a version that is stopped", () => {
  it("while it begins may not write, and is not answered", async () => {
    const { control, ask, mayWrite } = bench(async (command) => {
      control[Control.FLASH_EPOCH] = 0;
      return whole(command);
    });
    expect(await ask(FlashAction.BEGIN)).toBeUndefined();
    expect([control[Control.FLASH_BEGUN + REGION], mayWrite()]).toEqual([0, false]);
  });

  it("while its end verifies leaves the region as it is: nothing is committed", async () => {
    const { control, ask, steps } = bench(async (command) => {
      if (command.type === "verify") control[Control.FLASH_EPOCH] = EPOCH + 1;
      return whole(command);
    });
    await ask(FlashAction.BEGIN);
    expect(await ask(FlashAction.END)).toBeUndefined();
    expect(steps.at(-1)).toBe("verify 1");
  });

  it("leaves nothing that the next one could end", async () => {
    const { control, ask, steps } = bench();
    await ask(FlashAction.BEGIN);
    control[Control.FLASH_EPOCH] = EPOCH + 1;
    expect(await ask(FlashAction.END, EPOCH + 1)).toBe(FlashStatus.REFUSED);
    expect(steps).toEqual(["invalidate 1"]);
  });

  it("is not served by what it posted before its stop", async () => {
    const { ask, steps } = bench();
    expect(await ask(FlashAction.BEGIN, EPOCH - 1)).toBeUndefined();
    expect(steps).toEqual([]);
  });
});

describe("an operator's load of the region", () => {
  it("takes it away, and keeps every version from it until the load is over", async () => {
    const { updates, ask, mayWrite } = bench();
    await ask(FlashAction.BEGIN);
    const release = updates.claim(REGION);
    expect(mayWrite()).toBe(false);
    expect([await ask(FlashAction.END), await ask(FlashAction.BEGIN)]).toEqual([
      FlashStatus.REFUSED,
      FlashStatus.REFUSED,
    ]);
    release();
    expect(await ask(FlashAction.BEGIN)).toBe(FlashStatus.DONE);
  });

  it("of two goes on until both are over", async () => {
    const { updates, ask } = bench();
    const [first, second] = [updates.claim(REGION), updates.claim(REGION)];
    first();
    expect(await ask(FlashAction.BEGIN)).toBe(FlashStatus.REFUSED);
    second();
    expect(await ask(FlashAction.BEGIN)).toBe(FlashStatus.DONE);
  });

  it.each([
    [FlashAction.BEGIN, "invalidate"],
    [FlashAction.END, "verify"],
  ])("that comes and goes during request %s ends that", async (action, during) => {
    const { updates, ask, mayWrite, steps } = bench(async (command) => {
      if (command.type === during && isDue) updates.claim(REGION)();
      return whole(command);
    });
    let isDue = action === FlashAction.BEGIN;
    if (action === FlashAction.END) await ask(FlashAction.BEGIN);
    isDue = true;
    expect(await ask(action)).toBe(FlashStatus.REFUSED);
    expect([mayWrite(), steps.at(-1)]).toEqual([false, `${during} 1`]);
  });
});
