import { expect, it } from "vitest";
import { decode, emptyInstruction, OP_NAMES } from "../../controller/cpu/decode.ts";
import { CONTROLLER_EXTENSIONS } from "../../controller/cpu/isa.ts";
import { RehearsalMachine, WARM_UP_PROGRAM } from "../../controller/warm-up.ts";
import {
  BRANCH_MNEMONICS,
  I_MNEMONICS,
  ILLEGAL,
  LOAD_MNEMONICS,
  R_MNEMONICS,
  SHIFT_MNEMONICS,
  STORE_MNEMONICS,
} from "./support/assembler.ts";

it("the warm-up uses every operation for which the interpreter's loop has a case of its own", () => {
  const instruction = emptyInstruction();
  const used = new Set<string>();
  for (const word of WARM_UP_PROGRAM) {
    decode(word, instruction, CONTROLLER_EXTENSIONS);
    used.add(OP_NAMES[instruction.op] ?? "");
  }
  const operations = [
    ...R_MNEMONICS,
    ...I_MNEMONICS,
    ...SHIFT_MNEMONICS,
    ...LOAD_MNEMONICS,
    ...STORE_MNEMONICS,
    ...BRANCH_MNEMONICS,
    ...["lui", "auipc", "jal", "jalr", "csrrw", "csrrs", "csrrsi", "csrrci", "ecall", "mret", "wfi", "fence"],
  ];
  expect(operations.filter((name) => !used.has(name))).toEqual([]);
  expect(used.has("illegal")).toBe(false);
});

it("the warm-up ends by itself", () => {
  expect(new RehearsalMachine().warmUp()).toBeUndefined();
});

it("a warm-up that goes wrong tells so, and ends nothing but itself", () => {
  expect(new RehearsalMachine([ILLEGAL]).warmUp()).toBe("the warm-up program has stopped");
});

it("a start can be rehearsed again and again, whatever the program comes to", () => {
  for (const machine of [new RehearsalMachine(), new RehearsalMachine([ILLEGAL])]) {
    for (let time = 0; time < 3; time++) expect(() => machine.start()).not.toThrow();
  }
});
