import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { BareMachine } from "../../controller/bare/run.ts";
import { BARE_BOARD, CONTROLLER_BOARD } from "../../controller/boards.ts";
import { alignmentBits, type Extensions } from "../../controller/cpu/isa.ts";
import { writeStride } from "../../controller/cpu/stride.ts";
import { Machine } from "../../controller/machine.ts";
import { createMemory, planLayout, REHEARSAL_MEMORY_CONFIG } from "../../emulator/memory/layout.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The loop that the machine's interpreter executes, in base64. */
function strideOf({ space }: Machine, extensions: Extensions): string {
  const { layout, slot, windowBase } = space;
  const hart = layout.slots[slot] ?? -1;
  const terms = { hart, alignment: alignmentBits(extensions), isGuarded: false, windowBase };
  return Buffer.from(writeStride(terms)).toString("base64");
}

describe("a program that is one file has the interpreter's loop written", () => {
  it("of a bare machine, for a run", () => {
    const line = { send: () => undefined, receive: () => -1 };
    const { machine } = new BareMachine({ ramBytes: 65_536, clock: "virtual", line, nowNs: () => 0 });
    const code = readFileSync(`${root}dist/scripts/cli.run.code.cjs`, "latin1");
    expect(code).toContain(strideOf(machine, BARE_BOARD.extensions));
  });

  it.each([0, 1])("of a controller's slot %i, for its worker", (slot) => {
    const layout = planLayout(REHEARSAL_MEMORY_CONFIG);
    const machine = new Machine({ memory: createMemory(layout), layout, slot, plan: CONTROLLER_BOARD });
    const code = readFileSync(`${root}dist/controller/worker.code.cjs`, "latin1");
    expect(code).toContain(strideOf(machine, CONTROLLER_BOARD.extensions));
  });
});
