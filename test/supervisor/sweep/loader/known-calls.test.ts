/** Which calls of a loader are known once they were made, by a loader that makes one long call. */
import { expect, it } from "vitest";
import { writeElf } from "../../../../scripts/conformance/elf-writer.ts";
import * as asm from "../../../controller/support/assembler.ts";
import { A0, A1, RA } from "../../../controller/support/machines.ts";
import { carriedOut, goTo, NOR, POWER_ON, PRIMARY, tinyProfile, tinyScenario } from "./tiny-loader.ts";

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
