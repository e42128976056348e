/** A loader's board in virtual time, by loaders of a few instructions. */
import { describe, expect, it } from "vitest";
import { FlashCommand, FlashRegister } from "../../../../controller/devices/flash-controller.ts";
import type { FlashProfile } from "../../../../controller/profile.ts";
import { FLASH_CONTROLLER_BASE } from "../../../../emulator/memory/map.ts";
import { PathRunner } from "../../../../supervisor/sweep/explore/path-runner.ts";
import type { LoaderEvent } from "../../../../supervisor/sweep/loader/loader-event.ts";
import { LoaderSubject } from "../../../../supervisor/sweep/loader/loader-subject.ts";
import type { LoaderStep } from "../../../../supervisor/sweep/loader/scenario.ts";
import * as asm from "../../../controller/support/assembler.ts";
import { Program } from "../../../controller/support/assembler.ts";
import { A0, A1, A2 } from "../../../controller/support/machines.ts";
import {
  carriedOut,
  FINISHER,
  goTo,
  image,
  NOR_PROFILE,
  POWER_ON,
  PRIMARY,
  store,
  tinyProfile,
  tinyScenario,
  UART,
} from "./tiny-loader.ts";

const NS_PER_INSTRUCTION = 10;

describe("flash", () => {
  it("begins erased, whatever an erased byte reads", () => {
    const { board } = tinyProfile();
    const flash = [{ ...NOR_PROFILE, geometry: { ...NOR_PROFILE.geometry, erasedByte: 0 as const } }];
    const { subject, verdict } = carriedOut(tinyProfile(undefined, { board: { ...board, flash } }));
    const [primary, secondary] = subject.rig.profile.slots.map((slot) => subject.device.slotBytes(slot));
    expect(verdict).toBe("runs-old");
    expect(secondary?.every((byte) => byte === 0)).toBe(true);
    expect(primary?.at(-1)).toBe(0);
  });
});

describe("the UART", () => {
  it("has the lines since power came on, and nothing of what was begun before", () => {
    const program = new Program();
    for (const byte of Buffer.from("a\nb")) store(program, UART, byte, "sb");
    const { subject } = carriedOut(tinyProfile(goTo(program, PRIMARY)), tinyScenario([POWER_ON, POWER_ON]));
    expect(subject.device.uart).toEqual(["a"]);
  });
});

const RESET: LoaderStep = { do: "start", by: "reset" };

describe("what a run has executed", () => {
  it("is counted over all its starts, by power and by reset, whatever was run before", () => {
    const { subject } = carriedOut(tinyProfile(), tinyScenario([POWER_ON]));
    const executed = [1, 2, 3, 3].map((starts) => {
      const steps = Array.from({ length: starts }, (_, at) => (at === 1 ? RESET : POWER_ON));
      const scenario = tinyScenario(steps);
      subject.setUp(scenario);
      subject.carryOut(scenario, 1, true);
      return subject.device.executed;
    });
    const [one = 0] = executed;
    expect(one).toBeGreaterThan(3);
    expect(executed).toEqual([one, 2 * one, 3 * one, 3 * one]);
  });
});

describe("a reset in the middle of an instruction", () => {
  it("takes no time back, and what was executed before it counts", () => {
    const TURNS = 10_000;
    const program = new Program()
      .li(A1, TURNS)
      .label("wait")
      .words(asm.i("addi", A1, A1, -1));
    program.branch("bne", A1, 0, "wait");
    for (const [register, value] of [
      [FlashRegister.OFFSET, 0x1000],
      [FlashRegister.LENGTH, 0x1000],
      [FlashRegister.COMMAND, FlashCommand.ERASE],
    ] as const)
      store(program, FLASH_CONTROLLER_BASE + register, value);
    const subject = new LoaderSubject(tinyProfile(goTo(program, PRIMARY)), {});
    const scenario = tinyScenario([POWER_ON]);
    const seen: (readonly [what: string, ns: number, executed: number])[] = [];
    subject.timeline.narrator = (item) => {
      const { device } = subject;
      if (typeof item === "object") seen.push([item.type, device.nowNs, device.executed]);
    };
    new PathRunner(subject, 1).run(scenario, [{ at: 1, kind: "reset" }]);
    const [, disturbed, again] = seen;
    const ended = seen.find(([what]) => what === "handed-over");
    expect([disturbed?.[0], again?.[0]]).toEqual(["disturbed", "started"]);
    expect(disturbed?.[1]).toBeGreaterThan(2 * TURNS * NS_PER_INSTRUCTION);
    expect(again?.[1]).toBe(disturbed?.[1]);
    expect(ended?.[2]).toBeGreaterThan(4 * TURNS);
  });
});

describe("the longest start", () => {
  it("is measured where that is asked for, and stays as it is", () => {
    const { subject } = carriedOut(tinyProfile());
    expect(subject.device.longestStart).toBe(0);
    const scenario = tinyScenario([POWER_ON]);
    subject.measure(() => {
      subject.setUp(scenario);
      subject.carryOut(scenario, 1, true);
    });
    expect(subject.device.longestStart).toBeGreaterThan(3);
  });

  it("may be a later one that takes far longer than those before: it is no hang, then and when it comes again", () => {
    const RETAINED = 0x1007_0008;
    const program = new Program().li(A0, RETAINED).words(asm.load("lw", A1, 0, A0));
    program.branch("beq", A1, 0, "first").li(A1, 26_000_000).label("wait");
    program
      .words(asm.i("addi", A1, A1, -1))
      .branch("bne", A1, 0, "wait")
      .label("first");
    const scenario = tinyScenario([POWER_ON, RESET]);
    const again = new LoaderSubject(tinyProfile(goTo(store(program, RETAINED, 1), PRIMARY)), {});
    const ends = (): unknown => {
      again.setUp(scenario);
      again.carryOut(scenario, 1, true);
      return again.oracle.verdict();
    };
    const measured: unknown[] = [];
    again.measure(() => measured.push(ends()));
    expect([...measured, ends()]).toEqual(["runs-old", "runs-old"]);
    expect(again.device.longestStart).toBeGreaterThan(50_000_000);
  });
});

/** Loaders that erase a sector of a second device, which takes its time, and ask until that is over. */
const TIMED = (["cfi", "controller"] as const).map((driven) => {
  const [SECOND, BYTES, CONTROLLER] = [0x2200_0000, 0x4_0000, 0x1003_0000];
  const asks = {
    cfi: (program: asm.Program) =>
      store(store(program, SECOND, 0x0020_0020), SECOND, 0x00d0_00d0)
        .li(A2, 0x0080_0080)
        .label("poll")
        .words(asm.load("lw", A1, 0, A0), asm.r("and", A1, A1, A2))
        .branch("beq", A1, 0, "poll"),
    controller: (program: asm.Program) =>
      [
        [FlashRegister.DEVICE, 1],
        [FlashRegister.OFFSET, 0],
        [FlashRegister.LENGTH, BYTES],
        [FlashRegister.COMMAND, FlashCommand.ERASE],
      ]
        .reduce((all, [register = 0, value = 0]) => store(all, CONTROLLER + register, value), program)
        .li(A0, CONTROLLER + FlashRegister.STATUS)
        .label("poll")
        .words(asm.load("lw", A1, 0, A0))
        .branch("beq", A1, 0, "poll"),
  };
  const { board } = tinyProfile();
  const second: FlashProfile = {
    ...NOR_PROFILE,
    name: "second",
    base: SECOND,
    interface: driven,
    geometry: { ...NOR_PROFILE.geometry, sectors: [{ count: 1, bytes: BYTES }] },
    bytes: BYTES,
    times: { eraseUs: 50_000, programUs: 0 },
    // Nothing of what is over stays, also where a reset leaves what is under way.
    atReset: "goes-on",
  };
  return {
    interface: driven,
    profile: (end: (program: asm.Program) => asm.Program) =>
      tinyProfile(end(asks[driven](new Program())), {
        board: { ...board, flash: [{ ...NOR_PROFILE, atReset: "goes-on" }, second] },
      }),
  };
});

describe("a wait for flash that takes its time", () => {
  it.each(TIMED)("is counted, and hardly executed: $interface", ({ profile }) => {
    let executed = 0;
    const subject: LoaderSubject = new LoaderSubject(
      profile((program) => goTo(program, PRIMARY)),
      {
        engine: (_, interpreter) => ({
          run: (limit) => {
            const before = subject.device?.machine.retired ?? 0;
            const stop = interpreter.run(limit);
            executed += (subject.device?.machine.retired ?? 0) - before;
            return stop;
          },
        }),
      },
    );
    const scenario = tinyScenario([POWER_ON]);
    subject.setUp(scenario);
    subject.carryOut(scenario, 1, true);
    expect(subject.oracle.verdict()).toBe("runs-old");
    expect(subject.device.machine.retired).toBeGreaterThan(4_900_000);
    expect(executed).toBeLessThan(100_000);
  });
});

describe("what lies in scratch", () => {
  it("is whole nowhere for whoever has started an image: nobody looks for it there any more", () => {
    const { slots } = tinyProfile();
    const [primary, secondary] = slots;
    if (primary === undefined || secondary === undefined) throw new Error("there are two slots");
    const profile = tinyProfile(undefined, {
      mode: "swap",
      slots: [primary, { ...secondary, name: "scratch" }],
    });
    const { events } = carriedOut(profile, tinyScenario([POWER_ON], { provisioned: ["old"] }));
    expect(events).toContainEqual(expect.objectContaining({ type: "handed-over", whole: ["old"] }));
    const subject = new LoaderSubject(profile, {});
    subject.setUp(tinyScenario([POWER_ON]));
    const [, scratch] = subject.rig.profile.slots;
    if (scratch === undefined) throw new Error("there is no scratch");
    subject.device.slotBytes(scratch).set(image(2));
    expect(subject.device.whole).toEqual(["old", "new"]);
    const told: LoaderEvent[] = [];
    subject.timeline.narrator = (item) => typeof item !== "number" && told.push(item);
    subject.carryOut(tinyScenario([POWER_ON]), 1, true);
    expect(told).toContainEqual(expect.objectContaining({ type: "handed-over", whole: ["old"] }));
  });
});

describe("a boot loop", () => {
  const RETAINED = 0x1007_0008;
  const resets = (program: asm.Program): asm.Program => store(program, FINISHER, 0x7777);
  /** A retained word, after something was done to it. */
  const retained = (program: asm.Program, ...done: number[]): asm.Program =>
    program.li(A0, RETAINED).words(asm.load("lw", A1, 0, A0), ...done, asm.store("sw", A1, 0, A0));
  const starts = (program: asm.Program) => {
    const { events, verdict, message } = carriedOut(tinyProfile(program));
    return { starts: events.filter(({ type }) => type === "started").length, verdict, message };
  };

  it("is found as soon as a start begins as one before, and told with its period", () => {
    expect(starts(resets(new Program()))).toEqual({
      starts: 3,
      verdict: "livelock",
      message: "the hart is reset for ever, and no application comes up: each start leaves all as it was",
    });
    const turns = resets(retained(new Program(), asm.i("xori", A1, A1, 1)));
    expect(starts(turns)).toMatchObject({
      starts: 4,
      verdict: "livelock",
      message: expect.stringContaining(": after each 2 starts all is as it was"),
    });
  });

  it("is none where something changes each time: an application may come up yet", () => {
    const counts = retained(new Program(), asm.i("addi", A1, A1, 1)).words(asm.i("addi", A2, 0, 9));
    const program = goTo(resets(counts.branch("beq", A1, A2, "enough")).label("enough"), PRIMARY);
    expect(starts(program)).toMatchObject({ starts: 9, verdict: "runs-old" });
  });

  it("is not taken for one where the loader asks what time it is", () => {
    const asks = new Program().li(A0, 0x0200_bff8).words(asm.load("lw", A1, 0, A0), asm.i("addi", A1, 0, 0));
    expect(starts(resets(asks.words(asm.i("addi", A0, 0, 0))))).toMatchObject({
      starts: 64,
      verdict: "livelock",
      message: "the hart was reset 64 times, and no application came up",
    });
  });

  it("is not taken for one where a line is written on in each start: it may come to say something", () => {
    expect(starts(resets(store(new Program(), UART, 0x2e, "sb"))).starts).toBe(64);
    const line = store(store(new Program(), UART, 0x2e, "sb"), UART, 0x0a, "sb");
    expect(starts(resets(line)).starts).toBeLessThan(8);
  });

  it.each(TIMED)("is one where an erase is waited for in each start: $interface", (timed) => {
    const { events } = carriedOut(timed.profile((program) => resets(program)));
    expect(events.filter(({ type }) => type === "started")).toHaveLength(3);
  });

  it("is not taken for one where the board has registers whose state nobody knows", () => {
    const { board } = tinyProfile();
    const registers = [
      { name: "clocks", base: 0x4000_0000, bytes: 4096, reads: [], writes: "ignore" },
    ] as const;
    const program = resets(new Program());
    const { events } = carriedOut(tinyProfile(program, { board: { ...board, registers } }));
    expect(events.filter(({ type }) => type === "started")).toHaveLength(64);
  });
});

describe("what is none of the images", () => {
  it("is left after a while, whatever it does", () => {
    // It writes to the UART for ever.
    const program = new Program()
      .li(A0, UART)
      .label("on")
      .words(asm.store("sb", 0, 0, A0))
      .jal(0, "on");
    const subject = new LoaderSubject(tinyProfile(), {});
    const scenario = tinyScenario([POWER_ON]);
    subject.setUp(scenario);
    const [primary] = subject.rig.profile.slots;
    if (primary === undefined) throw new Error("there is no slot");
    subject.device.slotBytes(primary).set(program.bytes());
    subject.device.codeReplaced();
    subject.carryOut(scenario, 1, true);
    expect(subject.oracle.verdict()).toMatchObject({ verdict: "mixed-image" });
    expect(subject.device.machine.retired).toBeLessThan(1_100_000);
  });
});
