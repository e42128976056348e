/** Boot loaders of a few instructions, and images that say that they are up, on a board of theirs: for tests. */

import { DEFAULT_HART } from "../../../../controller/cpu/hart-config.ts";
import type { BoardProfile, FlashProfile } from "../../../../controller/profile.ts";
import { type LoaderProfile, SAYINGS, type Saying } from "../../../../supervisor/core/loader-profile.ts";
import type { LoaderEvent } from "../../../../supervisor/sweep/loader/loader-event.ts";
import { LoaderSubject } from "../../../../supervisor/sweep/loader/loader-subject.ts";
import type { LoaderScenario, LoaderStep } from "../../../../supervisor/sweep/loader/scenario.ts";
import * as asm from "../../../controller/support/assembler.ts";
import { A0, A1 } from "../../../controller/support/machines.ts";

export const NOR = 0x2000_0000;
export const SECTOR = 4096;
export const [PRIMARY, SECONDARY] = [NOR + 2 * SECTOR, NOR + 4 * SECTOR];
export const FINISHER = 0x0010_0000;
export const UART = 0x1000_0000;
export const COUNTERS = 0x1006_0000;
export const MARK = 0x1007_0040;
/** Values of {@link MARK}. */
export const [SAFE, UP] = [2, 3];

export const store = (program: asm.Program, address: number, value: number, how: "sw" | "sb" = "sw") =>
  program
    .li(A0, address)
    .li(A1, value)
    .words(asm.store(how, A1, 0, A0));

/** It says that it is up, and goes on for ever. */
export function image(version: number): Uint8Array {
  const program = new asm.Program();
  store(program, MARK, UP).label("stay").jal(0, "stay").words(version);
  return program.bytes();
}

/** An MCUboot image with a security counter, that does nothing but end the run: its first word is no instruction. */
export function counterImage(counter: number): Uint8Array {
  const words = [
    ...[0x96f3_b83d, 0, 32 | (12 << 16), 4, 0x20, 1, 0, 0, 0],
    ...[0x6908 | (12 << 16), 0x50 | (4 << 16), counter],
    ...[0x6907 | (40 << 16), 0x10 | (32 << 16), 0, 0, 0, 0, 0, 0, 0, 0],
  ];
  return new Uint8Array(Int32Array.from(words).buffer);
}

/** Goes on at an address. */
export const goTo = (program: asm.Program, address: number): asm.Program =>
  program.li(A0, address).words(asm.jalr(0, A0, 0));

export const NOR_PROFILE: FlashProfile = {
  name: "nor",
  base: NOR,
  interface: "controller",
  geometry: { sectors: [{ count: 8, bytes: SECTOR }], writeBlockBytes: 4, erasedByte: 0xff, program: "and" },
  bytes: 8 * SECTOR,
  whileBusy: "ready",
  times: { eraseUs: 0, programUs: 0 },
  atReset: "torn",
  resetIsWired: true,
};

const BOARD: BoardProfile = {
  ramBytes: 65_536,
  flash: [NOR_PROFILE],
  registers: [],
  devices: [],
  watchdogMs: undefined,
  keyIsOpen: true,
  counterLimit: undefined,
  start: NOR,
};

const MARKS: Partial<Record<Saying, number>> = {
  up: UP,
  requested: 4,
  confirmed: 5,
  uploaded: 7,
  safe: SAFE,
};

/** A program at the beginning of flash, by default one that starts the primary slot. */
export function tinyProfile(
  program: asm.Program = goTo(new asm.Program(), PRIMARY),
  said: Partial<LoaderProfile> = {},
): LoaderProfile {
  const slot = { flash: 0, bytes: 2 * SECTOR };
  return {
    board: BOARD,
    hart: DEFAULT_HART,
    mode: "single",
    slots: [
      { ...slot, name: "primary", offset: PRIMARY - NOR },
      { ...slot, name: "secondary", offset: SECONDARY - NOR },
    ],
    programs: [{ address: NOR, bytes: program.bytes() }],
    elf: undefined,
    images: { old: image(1), new: image(2), newer: undefined, sizes: [], bad: [] },
    loadRanges: [],
    request: "arrival",
    uploads: false,
    downgrades: undefined,
    trailerBytes: 256,
    criteria: Object.fromEntries(
      SAYINGS.map((saying) => [saying, MARKS[saying] === undefined ? {} : { mark: MARKS[saying] }]),
    ) as LoaderProfile["criteria"],
    startMs: undefined,
    erasesPerUpdate: undefined,
    skip: [],
    ...said,
  };
}

export function tinyScenario(
  steps: readonly LoaderStep[],
  said: Partial<LoaderScenario> = {},
): LoaderScenario {
  return { name: "tiny", about: "a test", deep: true, provisioned: ["old"], steps, ends: "old", ...said };
}

export const POWER_ON: LoaderStep = { do: "start", by: "power" };

/** The subject after the scenario, undisturbed, what happened, and what that ended in. */
export function carriedOut(profile: LoaderProfile, scenario = tinyScenario([POWER_ON]), recalls = false) {
  const subject = new LoaderSubject(profile, {});
  const events: LoaderEvent[] = [];
  subject.recalls = recalls;
  subject.setUp(scenario);
  subject.timeline.narrator = (item) => {
    if (typeof item !== "number") events.push(item);
  };
  subject.carryOut(scenario, 1, true);
  const ending = subject.oracle.verdict();
  const [verdict, message] = typeof ending === "string" ? [ending, ""] : [ending.verdict, ending.message];
  return { subject, events, verdict, message };
}
