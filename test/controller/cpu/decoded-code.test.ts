/** Decoded code: RAM that is too large for all its code to have room, and a slot whose last engine left entries. */
import { beforeEach, describe, expect, it } from "vitest";
import { BARE_BOARD, CONTROLLER_BOARD } from "../../../controller/boards.ts";
import { AddressSpace } from "../../../controller/cpu/address-space.ts";
import type { CodeSegment } from "../../../controller/cpu/code-segment.ts";
import { DecodedCode } from "../../../controller/cpu/decoded-code.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { ALL_EXTENSIONS } from "../../../controller/cpu/isa.ts";
import { Micro } from "../../../controller/cpu/micro.ts";
import { Machine } from "../../../controller/machine.ts";
import { createMemory, MOVING_CODE_BYTES, planLayout } from "../../../emulator/memory/layout.ts";
import { RAM_BASE, WINDOW_BASE } from "../../../emulator/memory/map.ts";
import * as asm from "../support/assembler.ts";
import { A0, A1, A2, T0, TEST_CONFIG } from "../support/machines.ts";

const MIB = 1024 * 1024;
const layout = planLayout({ ...TEST_CONFIG, ramBytes: 256 * MIB });
/** Behind the code that has room of its own. */
const BORDER = RAM_BASE + 192 * MIB;

const add = (rd: number, value: number): number => asm.i("addi", rd, rd, value);

describe("code in RAM that is larger than what there is room to decode", () => {
  const memory = createMemory(layout);
  let machine: Machine;
  const put = (address: number, words: readonly number[]): void =>
    machine.space.bytes.set(
      new Uint8Array(Int32Array.from(words).buffer),
      machine.space.ramOffset + address - RAM_BASE,
    );
  const x = (register: number): number => machine.hart[Hart.X + register] as number;

  beforeEach(() => {
    machine = new Machine({ memory, layout, slot: 0, plan: BARE_BOARD });
  });

  it("runs over the border in both directions, also by an instruction that lies across it", () => {
    // At BORDER - 6; the second lies across it.
    put(BORDER - 6, [add(A0, 1), add(A0, 2), add(A0, 4), asm.jal(0, -12)]);
    machine.reset((BORDER - 6) | 0);
    machine.run(4 * 100);
    expect(x(A0)).toBe(700);
    expect(machine.hart[Hart.PC]).toBe((BORDER - 6) | 0);
  });

  it("goes to and fro between places far from each other", () => {
    const far = BORDER + 40 * MIB;
    put(RAM_BASE, [asm.jalr(0, A1, 0)]);
    put(far, [add(A0, 1), asm.jalr(0, A2, 0)]);
    put(BORDER, [add(A0, 2), asm.jalr(0, A1, 0)]);
    machine.reset(RAM_BASE | 0);
    machine.hart[Hart.X + A1] = far | 0;
    machine.hart[Hart.X + A2] = BORDER | 0;
    machine.run(1 + 4 * 50);
    expect(x(A0)).toBe(150);
  });

  it("is where triggers fire once they may, not before, wherever execution has been meanwhile", () => {
    const [TDATA1, TDATA2, TCONTROL] = [0x7a1, 0x7a2, 0x7a5];
    const far = BORDER + 40 * MIB;
    put(RAM_BASE, [asm.csr("csrrw", 0, TDATA2, A1), asm.csr("csrrw", 0, TDATA1, T0), asm.jalr(0, A1, 0)]);
    // To the border and back again, then mte is set.
    put(far, [add(A0, 1), asm.jalr(0, A2, 0), asm.csr("csrrwi", 0, TCONTROL, 8), asm.jal(0, -12)]);
    put(BORDER, [add(A1, 8), asm.jalr(0, A1, 0)]);
    machine.reset(RAM_BASE | 0);
    machine.hart[Hart.X + T0] = (2 << 28) | (1 << 6) | 4;
    machine.hart[Hart.X + A1] = far | 0;
    machine.hart[Hart.X + A2] = BORDER | 0;
    machine.hart[Hart.MTVEC] = RAM_BASE + 0x100;
    put(RAM_BASE + 0x100, [asm.jal(0, 0)]);
    machine.run(20);
    expect([x(A0), machine.hart[Hart.MCAUSE], machine.hart[Hart.MEPC]]).toEqual([1, 3, far | 0]);
  });

  it("feels a store to code there at once", () => {
    const far = BORDER + 8 * MIB;
    // Stores a2 over the first instruction, each round.
    put(far, [add(A0, 1), asm.store("sw", A2, 0, A1), asm.jal(0, -8)]);
    machine.reset(far | 0);
    machine.hart[Hart.X + A1] = far | 0;
    machine.hart[Hart.X + A2] = add(A0, 16);
    machine.run(3 * 4);
    expect(x(A0)).toBe(1 + 3 * 16);
  });

  it("ends at the end of RAM with an access fault, as code that has room does", () => {
    const last = RAM_BASE + layout.config.ramBytes - 4;
    put(last, [add(A0, 1)]);
    put(RAM_BASE, [asm.jal(0, 0)]);
    machine.reset(last | 0);
    machine.hart[Hart.MTVEC] = RAM_BASE | 0;
    machine.run(2);
    expect([x(A0), machine.hart[Hart.MEPC], machine.hart[Hart.MCAUSE]]).toEqual([1, (last + 4) | 0, 1]);
  });
});

/**
 * Where such an end stands that is none, execution comes back to the same place for ever: so entries are looked at, and
 * nothing is executed.
 */
describe("the segment that moves, cut short by the end of RAM,", () => {
  const memory = createMemory(layout);
  const [HALF, LAST] = [MOVING_CODE_BYTES / 2, RAM_BASE + layout.config.ramBytes - 4];
  const newCode = (): DecodedCode =>
    new DecodedCode(new AddressSpace(memory, layout, 0, BARE_BOARD.memory(layout)), ALL_EXTENSIONS);
  function moved(code: DecodedCode, pc: number): CodeSegment {
    const segment = code.segmentFor(pc);
    if (segment === undefined) throw new Error("nothing can be executed there");
    return segment;
  }
  /** The two entries at that offset of the segment, which say that it ends there, or nothing. */
  const endsAt = (code: DecodedCode, { entryBase }: CodeSegment, bytes: number): number[] =>
    [0, 2].map((more) => code.entries[entryBase + bytes + more] as number);
  const END = [Micro.SEGMENT_END, Micro.SEGMENT_END];
  const NOTHING = [Micro.UNDECODED, Micro.UNDECODED];

  it("ends there, and no more where it ended once it has moved on", () => {
    const code = newCode();
    const short = moved(code, LAST);
    expect([short.bytes, endsAt(code, short, HALF)]).toEqual([HALF, END]);
    const whole = moved(code, BORDER + HALF);
    expect([whole.bytes, whole.entryBase]).toEqual([MOVING_CODE_BYTES, short.entryBase]);
    expect([endsAt(code, whole, HALF), endsAt(code, whole, whole.bytes)]).toEqual([NOTHING, END]);
  });

  it("leaves no end to the engine that has the slot next, whatever was decoded", () => {
    const code = newCode();
    const short = moved(code, LAST);
    code.decodeEntry(short, short.entryBase);
    expect(endsAt(code, short, HALF)).toEqual(END);
    const next = newCode();
    const whole = moved(next, BORDER + HALF);
    expect([whole.bytes, whole.entryBase]).toEqual([MOVING_CODE_BYTES, short.entryBase]);
    expect([endsAt(next, whole, HALF), endsAt(next, whole, whole.bytes)]).toEqual([NOTHING, END]);
    expect(next.entries[whole.entryBase]).toBe(Micro.UNDECODED);
  });
});

it("an engine that takes over a slot executes what stands in memory, not what the last one decoded", () => {
  const memory = createMemory(layout);
  for (const value of [1, 2]) {
    const machine = new Machine({ memory, layout, slot: 0, plan: CONTROLLER_BOARD });
    machine.space.words.set([add(A0, value), asm.jal(0, -4)], (layout.regions[1] as number) / 4);
    machine.setRegion(1);
    machine.reset(WINDOW_BASE);
    machine.run(8);
    expect(machine.hart[Hart.X + A0]).toBe(4 * value);
  }
});
