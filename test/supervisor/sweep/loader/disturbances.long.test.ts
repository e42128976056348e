/** What can be done to a loader besides cuts: one instruction that is skipped, flash that fails once, resets in between. */
import { describe, expect, it } from "vitest";
import { type ElfFile, parseElf } from "../../../../controller/bare/elf.ts";
import { RESET_EFFECTS, type ResetEffect } from "../../../../controller/devices/flash-units.ts";
import type { LoaderProfile } from "../../../../supervisor/core/loader-profile.ts";
import { type Disturbance, formatCaseId } from "../../../../supervisor/sweep/explore/case-id.ts";
import { Explorer } from "../../../../supervisor/sweep/explore/explorer.ts";
import { ItemKind } from "../../../../supervisor/sweep/explore/items.ts";
import type { Ending } from "../../../../supervisor/sweep/explore/oracle.ts";
import { PathRunner } from "../../../../supervisor/sweep/explore/path-runner.ts";
import { sweepEngine } from "../../../../supervisor/sweep/flipside/engine.ts";
import { LoaderSubject } from "../../../../supervisor/sweep/loader/loader-subject.ts";
import { jal } from "../../../controller/support/assembler.ts";
import { loaderFile, loaderProfile, profileOf, scenarioOf } from "./support/loaders.ts";

const SEED = 1;
const TIMEOUT_MS = 180_000;
const RA = 1;
/** A jump-and-link of four bytes, and the jump behind it. */
const CALL_BYTES = 6;

function elfOf({ elf }: LoaderProfile): ElfFile {
  const file = parseElf(elf ?? new Uint8Array());
  if ("error" in file) throw new Error(file.message);
  return file;
}

/** Where the loader asks whether a signature holds. */
function signatureCheck(profile: LoaderProfile): number {
  const { symbols, parts } = elfOf(profile);
  const verify = symbols.get("ed25519_verify") ?? 0;
  for (const { address, data } of parts) {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (let at = 0; at + 4 <= data.length; at += 2)
      if (view.getUint32(at, true) === jal(RA, verify - address - at) >>> 0) return address + at;
  }
  throw new Error("nobody calls ed25519_verify");
}

/** The image, with a signature that does not hold. */
function badlySigned(image: Uint8Array): Uint8Array {
  const bad = Uint8Array.from(image);
  bad[bad.length - 1] = (bad.at(-1) as number) ^ 1;
  return bad;
}

interface Swept {
  readonly subject: LoaderSubject;
  readonly endings: ReadonlyMap<string, Ending>;
}

/** Every case of a scenario, by its id. */
function sweep(profile: LoaderProfile, name: string): Swept {
  const subject = new LoaderSubject(profile, sweepEngine("auto"));
  new PathRunner(subject, SEED).run(scenarioOf(profile, "first-start"), []);
  const endings = new Map<string, Ending>();
  const scenario = scenarioOf(profile, name);
  const plan = { depth: 1, seed: SEED, part: { index: 0, of: 1 }, faults: true, runAll: false };
  new Explorer(subject, scenario, plan, (path, ending) => {
    endings.set(formatCaseId({ scenario: name, path, seed: SEED }), ending);
  }).explore();
  return { subject, endings };
}

function verdictOf(ending: Ending | undefined): string | undefined {
  return typeof ending === "object" ? ending.verdict : ending;
}

describe("an instruction that is skipped", () => {
  const plain = loaderProfile("direct-xip");
  const images = { ...plain.images, bad: [badlySigned(plain.images.new)] };
  const profile: LoaderProfile = {
    ...plain,
    images,
    skip: [{ base: signatureCheck(plain), bytes: CALL_BYTES }],
  };

  it(
    "has an image run whose signature does not hold, and that is found",
    () => {
      const { subject, endings } = sweep(profile, "both-bad-0");
      const skips = [...endings].filter(([id]) => id.includes("!skip"));
      // The check of either slot is a call and a jump.
      expect(skips.map(([id]) => id)).toEqual([0, 1, 2, 3].map((at) => `v1:both-bad-0@${at}!skip~${SEED}`));
      expect(verdictOf(endings.get("v1:both-bad-0@0!skip~1"))).toBe("unverified-executed");
      expect(verdictOf(endings.get("v1:both-bad-0@2!skip~1"))).toBe("unverified-executed");
      const path: readonly Disturbance[] = [{ at: 2, kind: "skip" }];
      const runner = new PathRunner(subject, SEED);
      expect(verdictOf(runner.run(scenarioOf(profile, "both-bad-0"), path))).toBe("unverified-executed");
      expect(runner.complete).toBe(true);
    },
    TIMEOUT_MS,
  );

  it(
    "comes to the same whether calls are put in place or executed",
    () => {
      const subject = new LoaderSubject(profile, sweepEngine("auto"));
      const runner = new PathRunner(subject, SEED);
      const scenario = scenarioOf(profile, "first-start");
      const endOf = (at: number, recalls: boolean): readonly unknown[] => {
        subject.recalls = recalls;
        const ending = runner.run(scenario, [
          { at, kind: "skip" },
          { at: 8, kind: "cut" },
        ]);
        return [ending, runner.complete, subject.memory.stateKey(), subject.device.executed];
      };
      runner.run(scenario, []);
      expect(subject.device.passed).toBe(4);
      for (const at of [1, 2]) {
        const recalled = endOf(at, true);
        expect(recalled[1]).toBe(true);
        expect(endOf(at, false)).toEqual(recalled);
      }
    },
    TIMEOUT_MS,
  );

  it("is none where so many are not executed", () => {
    const subject = new LoaderSubject(profile, sweepEngine("auto"));
    const runner = new PathRunner(subject, SEED);
    runner.run(scenarioOf(profile, "nothing-to-start"), [{ at: 0, kind: "skip" }]);
    expect(runner.complete).toBe(false);
  });
});

/** The loader that drives the flash controller, whose flash takes its time. */
function slowFlash(atReset: ResetEffect): LoaderProfile {
  const device = loaderFile("direct-xip");
  const [nor] = device.board.flash;
  return profileOf({
    ...device,
    board: {
      flash: [{ ...nor, interface: "controller", sectorEraseUs: 2000, blockProgramUs: 200, atReset }],
      programs: [{ file: "images/direct-xip-controller.elf" }],
    },
    loader: {
      ...device.loader,
      images: {
        old: "images/application-controller-1.0.0-16k.img",
        new: "images/application-controller-2.0.0-16k.img",
      },
    },
  });
}

describe.each(RESET_EFFECTS)("a reset at a program that takes its time, which is left %s", (atReset) => {
  const profile = slowFlash(atReset);

  it(
    "leaves the unit so, and the loader starts whatever is left",
    () => {
      const subject = new LoaderSubject(profile, sweepEngine("auto"));
      const scenario = scenarioOf(profile, "first-start");
      const runner = new PathRunner(subject, SEED);
      const { timeline, flash } = subject;
      let program = -1;
      timeline.narrator = (item, index) => {
        if (program < 0 && item === ItemKind.PROGRAM) program = index;
      };
      runner.run(scenario, []);
      const unit = timeline.unitAt(program);
      if (unit === undefined) throw new Error("nothing is programmed");
      const whole = flash.read(unit);
      /** When programs began after the reset. */
      const begunNs: number[] = [];
      let resetNs = 0;
      timeline.narrator = (item) => {
        if (item === ItemKind.PROGRAM) begunNs.push(subject.device.nowNs);
        else if (typeof item === "object" && item.type === "disturbed") resetNs = subject.device.nowNs;
      };
      expect(runner.run(scenario, [{ at: program, kind: "reset" }])).toBe("runs-old");
      timeline.narrator = undefined;
      expect(runner.complete).toBe(true);
      const left = flash.read(unit);
      if (atReset === "torn") {
        expect(left).not.toEqual(whole);
        expect(left.every((byte) => byte === 0xff)).toBe(false);
      } else expect(left).toEqual(whole);
      // What goes on is made as if there had been no reset; else the loader begins anew.
      expect(begunNs[0] === resetNs).toBe(atReset === "goes-on");
    },
    TIMEOUT_MS,
  );

  it(
    "holds at every other place, too",
    () => {
      const { endings } = sweep(profile, "first-start");
      const wrong = [...endings].filter(([, ending]) => ending !== "runs-old");
      expect(wrong).toEqual([]);
      for (const kind of [
        "reset",
        "watchdog",
        "fails-once",
        "bad-block",
        "reset-between",
        "watchdog-between",
      ])
        expect([...endings.keys()].some((id) => id.endsWith(`!${kind}~${SEED}`))).toBe(true);
    },
    TIMEOUT_MS,
  );
});

describe("the shortest period of a watchdog with which an update ends", () => {
  /** First start and update alone, undisturbed. */
  const undisturbed = (watchdogMs: number | undefined) => {
    const profile = loaderProfile("direct-xip");
    const subject = new LoaderSubject(
      { ...profile, board: { ...profile.board, watchdogMs } },
      sweepEngine("auto"),
    );
    const ending = new PathRunner(subject, SEED).run(scenarioOf(profile, "update"), []);
    return { ending, ticks: subject.unkicked.uncut };
  };
  const LONG_MS = 60_000;
  const TICKS_PER_MS = 10_000;

  it(
    "is long enough, and one that is shorter by 1 % is not",
    () => {
      const { ending, ticks = 0 } = undisturbed(LONG_MS);
      expect(ending).toBe("runs-new");
      const enoughMs = Math.floor(ticks / TICKS_PER_MS) + 1;
      expect(undisturbed(enoughMs).ending).toBe("runs-new");
      expect(undisturbed(enoughMs * 0.99).ending).not.toBe("runs-new");
    },
    TIMEOUT_MS,
  );

  it("is nothing where no watchdog runs", () => {
    expect(undisturbed(undefined).ticks).toBeUndefined();
  });
});
