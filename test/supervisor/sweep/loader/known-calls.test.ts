/** Which calls of a loader are known once they were made, by a loader that makes one long call. */
import { expect, it } from "vitest";
import { ResetReason } from "../../../../controller/devices/reset-block.ts";
import { writeElf } from "../../../../scripts/conformance/elf-writer.ts";
import * as asm from "../../../controller/support/assembler.ts";
import { A0, A1, RA } from "../../../controller/support/machines.ts";
import {
  carriedOut,
  goTo,
  NOR,
  NOR_PROFILE,
  POWER_ON,
  PRIMARY,
  SECTOR,
  store,
  tinyProfile,
  tinyScenario,
} from "./tiny-loader.ts";

const SP = 2;
const RAM = 0x8000_0000;
/** Longer than what is executed sooner than looked up. */
const TURNS = 100_000;

/** How many calls are known of a function that counts down, and does this besides. */
function knownOf(...besides: readonly number[]): number {
  const program = new asm.Program().li(SP, RAM + 4096).jal(RA, "function");
  goTo(program, PRIMARY);
  const entry = NOR + program.offset;
  program
    .label("function")
    .li(A0, TURNS)
    .label("turn")
    .words(asm.i("addi", A0, A0, -1))
    .branch("bne", A0, 0, "turn")
    .li(A0, RAM)
    .words(...besides, asm.jalr(0, RA, 0));
  const symbols = { function: { value: entry, type: "FUNC", section: 0 } } as const;
  const elf = writeElf({ code: program.bytes(), address: NOR, symbols });
  const scenario = tinyScenario([POWER_ON, POWER_ON, POWER_ON]);
  const { subject, verdict } = carriedOut(tinyProfile(program, { elf }), scenario, true);
  expect(verdict).toBe("runs-old");
  return subject.device.knownCalls.length;
}

it("one that reads and writes memory is, whatever instructions it does that by", () => {
  expect(knownOf(asm.load("lw", A1, 0, A0), asm.store("sw", A1, 4, A0))).toBe(1);
  expect(knownOf(asm.amo("lr.w", A1, 0, A0), asm.amo("sc.w", A1, A1, A0))).toBe(1);
});

it("one that leaves a reservation behind is not, which nobody would make again", () => {
  expect(knownOf(asm.amo("lr.w", A1, 0, A0))).toBe(0);
});

it("one that reads flash is executed while that is busy, and waits for it", () => {
  const SPARE = 0x2200_0000;
  const [FLASH, REASON] = [0x1003_0000, 0x1007_0000];
  const ERASE_US = 100_000;
  const times = { eraseUs: ERASE_US, programUs: 1 };
  const program = new asm.Program()
    .li(SP, RAM + 4096)
    .li(A0, REASON)
    .words(asm.load("lw", A1, 0, A0));
  program.words(asm.i("addi", A1, A1, -ResetReason.POWER)).branch("beq", A1, 0, "call");
  for (const [register, value] of [
    [0, 1],
    [0x24, SECTOR],
    [0x2c, 2],
  ] as const)
    store(program, FLASH + register, value);
  goTo(program.label("call").li(A0, 0).li(A1, 0).jal(RA, "function"), PRIMARY);
  const entry = NOR + program.offset;
  program
    .label("function")
    .li(A0, TURNS)
    .label("turn")
    .words(asm.i("addi", A0, A0, -1));
  program
    .branch("bne", A0, 0, "turn")
    .li(A0, SPARE)
    .words(asm.load("lw", A1, 0, A0), asm.jalr(0, RA, 0));
  const symbols = { function: { value: entry, type: "FUNC", section: 0 } } as const;
  const elf = writeElf({ code: program.bytes(), address: NOR, symbols });
  const spare = { ...NOR_PROFILE, name: "spare", base: SPARE, whileBusy: "stall" as const, times };
  const board = { ...tinyProfile().board, flash: [NOR_PROFILE, spare] };
  const scenario = tinyScenario([POWER_ON, POWER_ON, POWER_ON, { do: "start", by: "reset" }]);
  const { subject, events, verdict } = carriedOut(tinyProfile(program, { elf, board }), scenario, true);
  expect(verdict).toBe("runs-old");
  expect(subject.device.knownCalls.length).toBe(1);
  const starts = events.flatMap((event) => (event.type === "handed-over" ? [event.tookMs] : []));
  expect(starts.map((tookMs) => tookMs >= ERASE_US / 1000)).toEqual([false, false, false, true]);
});
