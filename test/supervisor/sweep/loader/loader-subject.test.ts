/** What a boot loader is found to do, by loaders of a few instructions. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ResetReason, Role } from "../../../../controller/devices/reset-block.ts";
import type { ChipTear } from "../../../../emulator/flash/flash-tear.ts";
import { loadDeviceFile } from "../../../../supervisor/device-file/load.ts";
import { loadLoader } from "../../../../supervisor/device-file/load-loader.ts";
import { ItemKind } from "../../../../supervisor/sweep/explore/items.ts";
import type { Progress } from "../../../../supervisor/sweep/loader/judgement.ts";
import { LoaderSubject } from "../../../../supervisor/sweep/loader/loader-subject.ts";
import { LoaderBench } from "../../../../supervisor/sweep/run/loader-bench.ts";
import * as asm from "../../../controller/support/assembler.ts";
import { Program } from "../../../controller/support/assembler.ts";
import { A0, A1 } from "../../../controller/support/machines.ts";
import {
  COUNTERS,
  carriedOut,
  counterImage,
  FINISHER,
  goTo,
  image,
  MARK,
  NOR,
  NOR_PROFILE,
  POWER_ON,
  PRIMARY,
  SAFE,
  SECONDARY,
  SECTOR,
  store,
  tinyProfile,
  tinyScenario,
  UP,
} from "./tiny-loader.ts";

describe("slow", () => {
  const waiting = new Program()
    .li(A0, 100_000)
    .label("wait")
    .words(asm.i("addi", A0, A0, -1));
  const program = goTo(waiting.branch("bne", A0, 0, "wait"), PRIMARY);

  it("is a start that takes longer than it may until the hand-over", () => {
    expect(carriedOut(tinyProfile(program, { startMs: 1 })).verdict).toBe("slow");
    expect(carriedOut(tinyProfile(program, { startMs: 1000 })).verdict).toBe("runs-old");
    expect(carriedOut(tinyProfile(program)).verdict).toBe("runs-old");
  });
});

describe("fault-loop", () => {
  const { board } = tinyProfile();
  const flash = [{ ...NOR_PROFILE, geometry: { ...NOR_PROFILE.geometry, program: "ecc" as const } }];
  const RETAINED = 0x1007_0008;

  /** What a loader comes to that reads a block which cannot be read. */
  function ends(program: Program, damaged = SECONDARY) {
    const subject = new LoaderSubject(tinyProfile(program, { board: { ...board, flash } }), {});
    const scenario = tinyScenario([POWER_ON]);
    subject.setUp(scenario);
    subject.flash.chips[0]?.damage("faulty", damaged - board.start, 4);
    subject.carryOut(scenario, 1, false);
    const ending = subject.oracle.verdict();
    return typeof ending === "string" ? { verdict: ending, message: "" } : ending;
  }
  const reading = (program: Program): Program => program.li(A0, SECONDARY).words(asm.load("lw", A1, 0, A0));

  it("is a read that faults at every start, which the loader traps over", () => {
    expect(ends(goTo(reading(new Program()), PRIMARY))).toEqual({
      verdict: "fault-loop",
      message: "the loader cannot read 0x20004000, and comes to nothing over that at 3 starts in a row",
    });
  });

  it("is a fetch that faults likewise", () => {
    const program = goTo(new Program(), PRIMARY);
    expect(ends(program, board.start + 4).verdict).toBe("fault-loop");
  });

  it("is one that it gives up over, or resets itself", () => {
    const handled = (end: (program: Program) => Program): Program =>
      end(
        reading(new Program().la(A0, "handler").words(asm.csr("csrrw", 0, asm.MTVEC, A0))).label("handler"),
      );
    expect(ends(handled((program) => store(program, FINISHER, 0x3333))).verdict).toBe("fault-loop");
    expect(ends(handled((program) => store(program, FINISHER, 0x7777))).verdict).toBe("fault-loop");
  });

  it("is none where a later start does without", () => {
    const program = new Program().li(A0, RETAINED).words(asm.load("lw", A1, 0, A0));
    program.branch("bne", A1, 0, "again");
    const once = reading(store(program, RETAINED, 1)).label("again");
    expect(ends(goTo(once, PRIMARY))).toMatchObject({
      verdict: "bricked-but-whole",
      message: expect.stringContaining("trap: the loader: it trapped"),
    });
  });

  it("is none where nothing cannot be read", () => {
    expect(ends(goTo(reading(new Program()), PRIMARY), SECONDARY + 4).verdict).toBe("runs-old");
  });
});

describe("flapping", () => {
  const FLAG = SECTOR;
  const program = new Program().li(A0, NOR + FLAG).words(asm.load("lw", A1, 0, A0));
  const flagged = goTo(goTo(program.branch("bne", A1, 0, "unset"), SECONDARY).label("unset"), PRIMARY);
  const scenario = tinyScenario([POWER_ON], { provisioned: ["old", "new"] });

  const other = new Program().li(A0, NOR + FLAG).words(asm.load("lw", A1, 0, A0));
  const unflagged = goTo(goTo(other.branch("beq", A1, 0, "set"), SECONDARY).label("set"), PRIMARY);

  /** After a cut inside the flag, which first reads as if it had been completed. */
  function ends(how: ChipTear, loader = flagged): string {
    const subject = new LoaderSubject(tinyProfile(loader), {});
    subject.setUp(scenario);
    subject.flash.tear({ kind: ItemKind.PROGRAM, region: 0, offset: FLAG }, new Uint8Array(4), how, 1);
    subject.comeBack(scenario, 1);
    const ending = subject.oracle.verdict();
    return typeof ending === "string" ? ending : ending.verdict;
  }

  it("is another image at another reading of the same flash", () => {
    expect(ends("unstable", unflagged)).toBe("flapping");
  });

  it("is none where cells read the same each time", () => {
    expect(ends("seeded")).toBe("runs-old");
  });
});

describe("the next update, after a cut", () => {
  const profile = tinyProfile(goTo(new Program(), SECONDARY), {
    mode: "direct-xip-revert",
    images: { ...tinyProfile().images, newer: image(3) },
  });
  const scenario = tinyScenario([POWER_ON], { provisioned: ["old", "new"] });

  /** Starts of a loader that starts the update, before another one is put over the image that it might go back to. */
  function startsBefore(progress: Progress, isPermanent: boolean): number {
    const subject = new LoaderSubject(profile, {});
    const seen: string[] = [];
    subject.setUp(scenario);
    const update = { image: "new", progress, isPromised: true, isPermanent, wasCutShort: false };
    subject.oracle.judgement = { ...subject.oracle.judgement, update };
    subject.timeline.narrator = (item) => {
      if (typeof item !== "number") seen.push(item.type);
    };
    subject.comeBack(scenario, 1);
    expect(seen).toContain("clearing");
    return seen.slice(0, seen.indexOf("clearing")).filter((type) => type === "started").length;
  }

  it("comes once a trial is over, and what may be one: half a request for good tells at its next start", () => {
    expect(startsBefore("asking", true)).toBe(2);
    expect(startsBefore("confirming", false)).toBe(2);
  });

  it("comes at once where there can be no trial", () => {
    expect(startsBefore("asked", true)).toBe(1);
  });
});

describe("counters", () => {
  const counting = (...values: readonly number[]): Program => {
    const program = new Program();
    for (const value of values) store(program, COUNTERS, value);
    return goTo(program, PRIMARY);
  };
  const counted = (counter: number, ...values: readonly number[]) => {
    const images = { ...tinyProfile().images, old: counterImage(counter) };
    return carriedOut(tinyProfile(counting(...values), { images }));
  };

  it("are read from the images, and stores to them followed", () => {
    expect(counted(2, 1, 2).message).not.toContain("counter");
    expect(counted(2, 3)).toMatchObject({
      verdict: "counter-raised-early",
      message: "a counter was raised to 3, and what is confirmed has 2",
    });
    expect(carriedOut(tinyProfile(counting(3))).verdict).toBe("runs-old");
  });

  it("that would be lowered are told", () => {
    expect(carriedOut(tinyProfile(counting(3, 1)))).toMatchObject({
      verdict: "counter-lowered",
      message: "counter 0 holds 3, and less was stored to it: 1",
    });
  });
});

describe("flash-misuse", () => {
  const FLASH = 0x1003_0000;
  const [OFFSET, LENGTH, MEMORY, COMMAND] = [0x20, 0x24, 0x28, 0x2c].map((at) => FLASH + at) as [
    number,
    number,
    number,
    number,
  ];
  const STATUS = FLASH + 0x30;
  const SPARE = 0x2200_0000;
  /** 1: program, 2: erase. */
  const asking = (program: Program, command: number, offset: number, bytes: number): Program =>
    [
      [OFFSET, offset],
      [LENGTH, bytes],
      [MEMORY, 0x8000_0000],
      [COMMAND, command],
    ].reduce((sum, [at = 0, value = 0]) => store(sum, at, value), program);
  const last = (program: Program, base = NOR): string =>
    `pc 0x${(base + program.bytes().length - 4).toString(16)}`;

  it("names the instruction that programs a unit twice which is written once", () => {
    const { board } = tinyProfile();
    const flash = [{ ...NOR_PROFILE, geometry: { ...NOR_PROFILE.geometry, program: "once" as const } }];
    const program = asking(asking(new Program(), 1, SECTOR, 4), 1, SECTOR, 4);
    const where = last(program);
    expect(carriedOut(tinyProfile(goTo(program, PRIMARY), { board: { ...board, flash } }))).toMatchObject({
      verdict: "flash-misuse",
      message: `the block at 0x1000 was programmed and not erased since: it is programmed once, at ${where}`,
    });
  });

  it("names the one that programs what is not erased", () => {
    const program = store(new Program(), 0x8000_0000, -1);
    asking(asking(program, 1, SECTOR, 4), 1, PRIMARY - NOR, 4);
    const where = last(program);
    const { verdict, message } = carriedOut(tinyProfile(goTo(program, PRIMARY)));
    expect(verdict).toBe("flash-misuse");
    expect(message).toMatch(/^the flash is not erased at 0x\w+: a program cannot change cells back, at pc/);
    expect(message.endsWith(where)).toBe(true);
  });

  describe("of flash that faults while it is busy", () => {
    const { board } = tinyProfile();
    const flash = [
      { ...NOR_PROFILE, whileBusy: "fault" as const, times: { eraseUs: 1000, programUs: 10 } },
      { ...NOR_PROFILE, name: "data", base: SPARE, times: { eraseUs: 1000, programUs: 10 } },
    ];
    const busy = (start: number, program: Program, whileBusy: "fault" | "ready" = "fault") =>
      carriedOut(
        tinyProfile(undefined, {
          board: { ...board, start, flash: flash.map((each) => ({ ...each, whileBusy })) },
          programs: [{ address: start, bytes: program.bytes() }],
        }),
      );

    it("is a load meanwhile", () => {
      const program = asking(new Program(), 2, SECTOR, SECTOR)
        .li(A0, PRIMARY)
        .words(asm.load("lw", A1, 0, A0));
      const where = last(program, 0x8000_1000);
      expect(busy(0x8000_1000, goTo(program, PRIMARY))).toMatchObject({
        verdict: "flash-misuse",
        message: `nor: a read of 0x2000 while an erase or a program is under way, at ${where}`,
      });
      expect(busy(0x8000_1000, program, "ready").verdict).not.toBe("flash-misuse");
    });

    it("is code that runs from the flash that it changes", () => {
      const program = asking(new Program(), 2, SECTOR, SECTOR);
      const next = NOR + program.bytes().length;
      expect(busy(NOR, goTo(program, PRIMARY)).message).toBe(
        `nor: a read of 0x${(next - NOR).toString(16)} while an erase or a program is under way, at pc 0x${next.toString(16)}`,
      );
      const ready = asking(new Program(), 2, SECTOR, SECTOR);
      expect(busy(NOR, goTo(ready, PRIMARY), "ready").verdict).toBe("runs-old");
    });

    it("is none once power was off, or the hart was reset", () => {
      const [RETAINED, RESET] = [0x1007_0008, 0x1007_0004];
      const erasing = (flag: number, then: (program: Program) => Program): Program => {
        const program = new Program().li(A0, flag).words(asm.load("lw", A1, 0, A0));
        goTo(program.branch("beq", A1, 0, "first"), PRIMARY).label("first");
        return then(asking(store(program, flag, 1), 2, SECTOR, SECTOR))
          .label("stay")
          .jal(0, "stay");
      };
      expect(
        busy(
          0x8000_1000,
          erasing(RETAINED, (program) => store(program, RESET, 0x5a)),
        ).verdict,
      ).toBe("runs-old");
      const { device } = busy(
        0x8000_1000,
        erasing(COUNTERS, (program) => store(program, MARK, SAFE)),
      ).subject;
      device.powerOff();
      device.powerOn("completed");
      expect(device.start(ResetReason.POWER, Role.NOTHING)).toBe("done");
    });

    it("is no load once the operation is over, or of another device", () => {
      const polls = asking(new Program(), 2, SECTOR, SECTOR).li(A0, STATUS).label("busy");
      polls.words(asm.load("lw", A1, 0, A0)).branch("beq", A1, 0, "busy");
      expect(busy(0x8000_1000, goTo(polls, PRIMARY)).verdict).toBe("runs-old");
      const other = asking(new Program(), 2, SECTOR, SECTOR).li(A0, SPARE);
      other
        .words(asm.load("lw", A1, 0, A0))
        .li(A0, STATUS)
        .label("wait");
      other.words(asm.load("lw", A1, 0, A0)).branch("beq", A1, 0, "wait");
      expect(busy(0x8000_1000, goTo(other, PRIMARY)).verdict).toBe("runs-old");
    });
  });

  it("names the application where that does it", () => {
    const program = asking(new Program(), 2, SECTOR + 4, SECTOR);
    const where = last(program, PRIMARY);
    const old = store(program, MARK, UP).label("stay").jal(0, "stay").bytes();
    const { message } = carriedOut(tinyProfile(undefined, { images: { ...tinyProfile().images, old } }));
    expect(message).toContain(`is not made of whole sectors, by the application at ${where}`);
  });

  it("names the function, and who has called it, where the loader's file has names", () => {
    const file = "../../../../controller/firmware/loaders/wrong/flags-share-unit.json";
    const loader = loadLoader(loadDeviceFile(fileURLToPath(new URL(file, import.meta.url))));
    const { ending } = new LoaderBench({ loader, engine: "interpreter", seed: 1 }).replay("revert", []);
    expect(ending).toMatchObject({
      verdict: "flash-misuse",
      message: expect.stringMatching(
        /, at pc 0x[0-9a-f]{8}, in flash_program, called by (?!flash_program)\w+, /,
      ),
    });
  });
});

describe("what decides while it executes", () => {
  const keyOf = (step: number, said: Parameters<typeof tinyProfile>[1] = {}): number | undefined =>
    carriedOut(tinyProfile(undefined, said)).subject.device.executionKey(step);

  it("is the step that comes next, besides memory and the machine", () => {
    expect(keyOf(1)).toBe(keyOf(1));
    expect(keyOf(2)).not.toBe(keyOf(1));
  });

  it("is not known of registers of a chip that is not there", () => {
    const range = { base: 0x4000_0000, bytes: 4096, reads: [0], writes: "keep" as const };
    const board = { ...tinyProfile().board, registers: [range] };
    expect(keyOf(1, { board })).toBeUndefined();
  });
});
