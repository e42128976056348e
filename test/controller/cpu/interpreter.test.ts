/** Control flow, memory, atomics, code in memory: one rule of the manual or of docs/hardware.md per test. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Cause, Stop } from "../../../controller/cpu/engine.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { MachineStop } from "../../../controller/machine.ts";
import {
  HOST_BASE,
  NVRAM_BASE,
  RAM_BASE,
  REGION_BASE,
  REGION_STRIDE,
  TABLE_BASE,
  WINDOW_BASE,
} from "../../../emulator/memory/map.ts";
import * as asm from "../support/assembler.ts";
import {
  A0,
  A1,
  A2,
  type Fixture,
  inRam,
  inRegion,
  RA,
  S0,
  T0,
  TEST_CONFIG,
  withHandler,
} from "../support/machines.ts";

const RAM_END = RAM_BASE + TEST_CONFIG.ramBytes;
const UNMAPPED = 0x6000_0000;

/** Runs a program that ends by trapping into its handler's first instruction; returns the trap. */
function trap(f: Fixture, instructions: number) {
  f.machine.run(instructions);
  return {
    cause: f.hart(Hart.MCAUSE),
    tval: f.hart(Hart.MTVAL) >>> 0,
    pc: f.hart(Hart.MEPC) >>> 0,
    retired: f.machine.retired,
  };
}

/** `instruction` runs third, at RAM_BASE + 12, with a0 = address; a trap leads to the handler. */
function trapOf(instruction: number, address: number, setUp: (f: Fixture) => void = () => undefined) {
  const program = withHandler().words(instruction, asm.NOP).label("handler").words(asm.NOP);
  const f = inRam(program);
  f.setX(A0, address | 0);
  setUp(f);
  const result = trap(f, 4);
  // A trap stops nothing but the instruction: three set the handler, the fourth retired is the handler's.
  return { ...result, f };
}

describe("branches", () => {
  const taken: Readonly<Record<asm.BranchMnemonic, (a: number, b: number) => boolean>> = {
    beq: (a, b) => a === b,
    bne: (a, b) => a !== b,
    blt: (a, b) => a < b,
    bge: (a, b) => a >= b,
    bltu: (a, b) => a >>> 0 < b >>> 0,
    bgeu: (a, b) => a >>> 0 >= b >>> 0,
  };
  const word = fc.oneof(fc.constantFrom(0, 1, -1, 0x7fff_ffff, -0x8000_0000), fc.integer());
  it.each(asm.BRANCH_MNEMONICS)("%s goes exactly where its condition says", (name) => {
    const program = new asm.Program()
      .branch(name, A0, A1, "taken")
      .words(asm.i("addi", A2, 0, 1), asm.jal(0, 8))
      .label("taken")
      .words(asm.i("addi", A2, 0, 2), asm.NOP);
    const f = inRam(program);
    fc.assert(
      fc.property(word, word, (a, b) => {
        f.machine.hart[Hart.PC] = RAM_BASE | 0;
        f.setX(A0, a);
        f.setX(A1, b);
        f.machine.run(2);
        expect(f.x(A2)).toBe(taken[name](a, b) ? 2 : 1);
      }),
    );
  });
  it("backwards, in a loop", () => {
    const f = inRam(
      new asm.Program()
        .words(asm.i("addi", A0, 0, 100))
        .label("loop")
        .words(asm.i("addi", A0, A0, -1))
        .branch("bne", A0, 0, "loop")
        .words(asm.NOP),
    );
    f.machine.run(201);
    expect(f.x(A0)).toBe(0);
    expect(f.hart(Hart.PC) >>> 0).toBe(RAM_BASE + 12);
  });
});

describe("jumps", () => {
  it("jal links the next instruction", () => {
    const f = inRam(new asm.Program().words(asm.jal(RA, 8), 0, asm.NOP));
    f.machine.run(1);
    expect(f.x(RA)).toBe((RAM_BASE + 4) | 0);
    expect(f.hart(Hart.PC)).toBe((RAM_BASE + 8) | 0);
  });
  it("c.jal links two bytes on", () => {
    const f = inRam(new asm.Program().parcels(0x2011 /* c.jal . + 4 */, 0, 1));
    f.machine.run(1);
    expect(f.x(RA)).toBe((RAM_BASE + 2) | 0);
    expect(f.hart(Hart.PC)).toBe((RAM_BASE + 4) | 0);
  });
  it("jalr clears bit 0 of its target and may overwrite its own base", () => {
    const f = inRam(new asm.Program().words(asm.jalr(A0, A0, 5)));
    f.setX(A0, (RAM_BASE + 0x100) | 0);
    f.machine.run(1);
    expect(f.hart(Hart.PC)).toBe((RAM_BASE + 0x104) | 0);
    expect(f.x(A0)).toBe((RAM_BASE + 4) | 0);
  });
  it("jalr from the window to RAM and back", () => {
    const f = inRegion(
      new asm.Program().li(A0, RAM_BASE).words(asm.jalr(RA, A0, 0), asm.i("addi", A2, A2, 1), asm.jal(0, 0)),
    );
    f.setRam(0, new asm.Program().words(asm.i("addi", A2, A2, 2), asm.jalr(0, RA, 0)).bytes());
    f.machine.run(6);
    expect(f.x(A2)).toBe(3);
    expect(f.hart(Hart.PC)).toBe(WINDOW_BASE + 16);
  });
  it("a direct jump out of its segment faults at the target, with the link written", () => {
    const f = inRam(withHandler().words(asm.jal(RA, -0x100)).label("handler").words(asm.NOP));
    const result = trap(f, 5);
    expect(result).toMatchObject({ cause: Cause.INSTRUCTION_ACCESS_FAULT, tval: RAM_BASE + 12 - 0x100 });
    expect(result.pc).toBe(RAM_BASE + 12 - 0x100);
    expect(f.x(RA)).toBe((RAM_BASE + 16) | 0);
  });
  it.each([true, false])("a branch whose target is out of its segment, taken: %s", (isTaken) => {
    const f = inRam(
      withHandler()
        .words(asm.branch("beq", A0, 0, -0x100))
        .label("handler")
        .words(asm.NOP),
    );
    f.setX(A0, isTaken ? 0 : 1);
    f.machine.run(5);
    expect(f.hart(Hart.MCAUSE)).toBe(isTaken ? Cause.INSTRUCTION_ACCESS_FAULT : 0);
    expect(f.hart(Hart.PC)).toBe((RAM_BASE + 20) | 0);
  });
});

describe("code may be fetched from the window and from RAM alone", () => {
  it.each([
    ["zero", 0],
    ["a region's own address", REGION_BASE],
    ["NVRAM", NVRAM_BASE],
    ["host memory", HOST_BASE],
    ["the table", TABLE_BASE],
    ["a device", 0x1000_0000],
    ["below RAM", RAM_BASE - 2],
    ["behind RAM", RAM_END],
    ["behind the window", WINDOW_BASE + TEST_CONFIG.regionBytes],
    ["the last half-word of all", 0xffff_fffe],
  ])("%s", (_, target) => {
    const f = inRegion(
      withHandler()
        .words(asm.jalr(0, A0, 0))
        .label("handler")
        .words(asm.NOP),
    );
    f.setX(A0, target | 0);
    expect(trap(f, 5)).toMatchObject({
      cause: Cause.INSTRUCTION_ACCESS_FAULT,
      tval: target,
      pc: target,
      retired: 5,
    });
  });
  it("running off the end of RAM faults at the end", () => {
    const f = inRam(
      withHandler()
        .words(asm.jalr(0, A0, 0))
        .label("handler")
        .words(asm.NOP),
    );
    f.setX(A0, (RAM_END - 4) | 0);
    f.setRam(TEST_CONFIG.ramBytes - 4, new asm.Program().words(asm.NOP).bytes());
    expect(trap(f, 6)).toMatchObject({ cause: Cause.INSTRUCTION_ACCESS_FAULT, tval: RAM_END, pc: RAM_END });
  });
  it("a 4-byte instruction of which RAM holds one half faults on the other", () => {
    const f = inRam(
      withHandler()
        .words(asm.jalr(0, A0, 0))
        .label("handler")
        .words(asm.NOP),
    );
    f.setX(A0, (RAM_END - 2) | 0);
    f.setRam(TEST_CONFIG.ramBytes - 2, new asm.Program().words(asm.NOP).bytes().subarray(0, 2));
    expect(trap(f, 5)).toMatchObject({
      cause: Cause.INSTRUCTION_ACCESS_FAULT,
      tval: RAM_END,
      pc: RAM_END - 2,
    });
  });
  it("a 2-byte instruction in the last half-word executes", () => {
    const f = inRam(
      withHandler()
        .words(asm.jalr(0, A0, 0))
        .label("handler")
        .words(asm.NOP),
    );
    f.setX(A0, (RAM_END - 2) | 0);
    f.setRam(TEST_CONFIG.ramBytes - 2, new asm.Program().parcels(0x4505 /* c.li a0, 1 */).bytes());
    f.machine.run(5);
    expect(f.x(A0)).toBe(1);
  });
});

describe("loads and stores", () => {
  const bytes = [0x80, 0xff, 0x01, 0x7f, 0xfe, 0x90, 0x12, 0x34];
  const expected: Readonly<Record<asm.LoadMnemonic, (view: DataView, at: number) => number>> = {
    lb: (view, at) => view.getInt8(at),
    lh: (view, at) => view.getInt16(at, true),
    lw: (view, at) => view.getInt32(at, true),
    lbu: (view, at) => view.getUint8(at),
    lhu: (view, at) => view.getUint16(at, true),
  };
  const where: readonly (readonly [string, number, (f: Fixture) => number])[] = [
    ["RAM", RAM_BASE + 0x1000, (f) => f.layout.ram + 0x1000],
    ["the window", WINDOW_BASE + 0x1000, (f) => (f.layout.regions[0] ?? 0) + 0x1000],
    ["region 1", REGION_BASE + REGION_STRIDE + 0x1000, (f) => (f.layout.regions[1] ?? 0) + 0x1000],
    ["NVRAM", NVRAM_BASE + 0x1000, (f) => f.layout.nvram + 0x1000],
    ["host memory", HOST_BASE + 0x1000, (f) => f.layout.host + 0x1000],
    ["the table", TABLE_BASE + 0x1000, (f) => f.layout.table + 0x1000],
  ];
  it.each(where)("every load at every alignment from %s", (_, address, hostOffset) => {
    for (const name of asm.LOAD_MNEMONICS) {
      for (let at = 0; at < 4; at++) {
        const f = inRegion(new asm.Program().words(asm.load(name, A1, at, A0)));
        f.space.bytes.set(bytes, hostOffset(f));
        f.setX(A0, address | 0);
        f.machine.run(1);
        expect(f.x(A1)).toBe(expected[name](new DataView(Uint8Array.from(bytes).buffer), at));
      }
    }
  });
  it.each(where.filter(([name]) => ["RAM", "NVRAM", "host memory"].includes(name)))(
    "every store at every alignment to %s changes its bytes and no others",
    (_, address, hostOffset) => {
      for (const [name, size] of [
        ["sb", 1],
        ["sh", 2],
        ["sw", 4],
      ] as const) {
        for (let at = 0; at < 4; at++) {
          const f = inRegion(new asm.Program().words(asm.store(name, A1, at, A0)));
          f.space.bytes.set(bytes, hostOffset(f));
          f.setX(A0, address | 0);
          f.setX(A1, 0x4433_2211);
          f.machine.run(1);
          const after = [...bytes];
          after.splice(at, size, ...[0x11, 0x22, 0x33, 0x44].slice(0, size));
          expect([...f.space.bytes.subarray(hostOffset(f), hostOffset(f) + 8)]).toEqual(after);
        }
      }
    },
  );
});

describe("access faults are precise", () => {
  it.each([
    ["load from nowhere", asm.load("lw", A1, 4, A0), UNMAPPED, Cause.LOAD_ACCESS_FAULT, UNMAPPED + 4],
    ["byte load from nowhere", asm.load("lb", A1, 0, A0), UNMAPPED, Cause.LOAD_ACCESS_FAULT, UNMAPPED],
    ["store to nowhere", asm.store("sw", A1, -4, A0), UNMAPPED, Cause.STORE_ACCESS_FAULT, UNMAPPED - 4],
    ["below RAM", asm.store("sb", A1, -1, A0), RAM_BASE, Cause.STORE_ACCESS_FAULT, RAM_BASE - 1],
    ["behind RAM", asm.load("lhu", A1, 0, A0), RAM_END, Cause.LOAD_ACCESS_FAULT, RAM_END],
    ["half in RAM", asm.load("lh", A1, -1, A0), RAM_END, Cause.LOAD_ACCESS_FAULT, RAM_END],
    ["half in RAM", asm.store("sw", A1, -3, A0), RAM_END, Cause.STORE_ACCESS_FAULT, RAM_END],
    ["around the end of addresses", asm.load("lw", A1, -2, A0), 0, Cause.LOAD_ACCESS_FAULT, 0xffff_fffe],
    ["AMO nowhere", asm.amo("amoadd.w", A1, A2, A0), UNMAPPED, Cause.STORE_ACCESS_FAULT, UNMAPPED],
    ["AMO on a device", asm.amo("amoor.w", A1, A2, A0), 0x0200_0000, Cause.STORE_ACCESS_FAULT, 0x0200_0000],
    ["lr.w nowhere", asm.amo("lr.w", A1, 0, A0), UNMAPPED, Cause.LOAD_ACCESS_FAULT, UNMAPPED],
    ["sc.w nowhere", asm.amo("sc.w", A1, A2, A0), UNMAPPED, Cause.STORE_ACCESS_FAULT, UNMAPPED],
    ["AMO misaligned", asm.amo("amoswap.w", A1, A2, A0), RAM_BASE + 2, Cause.STORE_MISALIGNED, RAM_BASE + 2],
    ["lr.w misaligned", asm.amo("lr.w", A1, 0, A0), RAM_BASE + 1, Cause.LOAD_MISALIGNED, RAM_BASE + 1],
    ["sc.w misaligned", asm.amo("sc.w", A1, A2, A0), RAM_BASE + 3, Cause.STORE_MISALIGNED, RAM_BASE + 3],
  ])("%s", (_, instruction, address, cause, tval) => {
    const result = trapOf(instruction, address, (f) => {
      f.setX(A1, 0x5a5a);
      f.setRam(TEST_CONFIG.ramBytes - 4, [1, 2, 3, 4]);
    });
    expect(result).toMatchObject({ cause, tval, pc: RAM_BASE + 12, retired: 4 });
    expect(result.f.x(A1), "the destination is unchanged").toBe(0x5a5a);
    expect(result.f.ramWord(TEST_CONFIG.ramBytes - 4), "memory is unchanged").toBe(0x0403_0201);
  });
  it.each([
    ["the window", WINDOW_BASE],
    ["a region", REGION_BASE],
    ["the table", TABLE_BASE],
  ])("a store into %s faults and stores nothing", (_, address) => {
    const f = inRegion(
      withHandler()
        .words(asm.store("sw", A1, 0, A0))
        .label("handler")
        .words(asm.NOP),
    );
    f.setX(A0, address | 0);
    const before = f.space.bytes.slice(f.layout.table, f.layout.ram);
    expect(trap(f, 4)).toMatchObject({
      cause: Cause.STORE_ACCESS_FAULT,
      tval: address,
      pc: WINDOW_BASE + 12,
    });
    expect(f.space.bytes.slice(f.layout.table, f.layout.ram)).toEqual(before);
  });
  it("illegal instructions carry their bits, ecall 0, ebreak its address", () => {
    const at = RAM_BASE + 12;
    expect(trapOf(-1, 0)).toMatchObject({ cause: Cause.ILLEGAL_INSTRUCTION, tval: 0xffff_ffff, pc: at });
    expect(trapOf(0, 0)).toMatchObject({ cause: Cause.ILLEGAL_INSTRUCTION, tval: 0, pc: at });
    expect(trapOf(asm.ECALL, 0)).toMatchObject({ cause: Cause.ECALL_M, tval: 0, pc: at, retired: 4 });
    expect(trapOf(asm.EBREAK, 0)).toMatchObject({ cause: Cause.BREAKPOINT, tval: at, pc: at, retired: 4 });
  });
});

describe("atomic memory operations", () => {
  const word = fc.oneof(fc.constantFrom(0, 1, -1, 0x7fff_ffff, -0x8000_0000), fc.integer());
  const results: Readonly<Record<string, (old: number, value: number) => number>> = {
    "amoswap.w": (_, value) => value,
    "amoadd.w": (old, value) => (old + value) | 0,
    "amoxor.w": (old, value) => old ^ value,
    "amoand.w": (old, value) => old & value,
    "amoor.w": (old, value) => old | value,
    "amomin.w": (old, value) => Math.min(old, value),
    "amomax.w": (old, value) => Math.max(old, value),
    "amominu.w": (old, value) => (old >>> 0 < value >>> 0 ? old : value),
    "amomaxu.w": (old, value) => (old >>> 0 > value >>> 0 ? old : value),
  };
  const names = asm.AMO_MNEMONICS.filter((name) => name in results);
  it.each(names)("%s returns the old word and stores the result, also when rd is rs2", (name) => {
    const f = inRam(new asm.Program().words(asm.amo(name, A1, A1, A0)));
    fc.assert(
      fc.property(word, word, (old, value) => {
        f.machine.hart[Hart.PC] = RAM_BASE | 0;
        f.setX(A0, (RAM_BASE + 0x100) | 0);
        f.setX(A1, value);
        f.space.words[(f.layout.ram + 0x100) / 4] = old;
        f.machine.run(1);
        expect(f.x(A1)).toBe(old);
        expect(f.ramWord(0x100)).toBe(results[name]?.(old, value));
      }),
      { numRuns: 50 },
    );
  });
  const lr = asm.amo("lr.w", A1, 0, A0);
  const sc = asm.amo("sc.w", A2, S0, A0);
  function reserve(...instructions: readonly number[]) {
    const f = inRam(new asm.Program().words(...instructions));
    f.setX(A0, (RAM_BASE + 0x100) | 0);
    f.setX(S0, 42);
    f.setX(A2, 7);
    f.space.words[(f.layout.ram + 0x100) / 4] = 5;
    f.machine.run(instructions.length);
    return { loaded: f.x(A1), failed: f.x(A2), stored: f.ramWord(0x100) };
  }
  it("sc.w after lr.w of the same word stores and gives 0", () => {
    expect(reserve(lr, sc)).toEqual({ loaded: 5, failed: 0, stored: 42 });
  });
  it("sc.w without a reservation stores nothing and gives 1", () => {
    expect(reserve(sc)).toMatchObject({ failed: 1, stored: 5 });
  });
  it("sc.w to another word than lr.w's fails", () => {
    expect(reserve(lr, asm.i("addi", A0, A0, 4), sc)).toMatchObject({ failed: 1, stored: 5 });
  });
  it("a reservation serves one sc.w", () => {
    expect(reserve(lr, sc, sc)).toMatchObject({ failed: 1, stored: 42 });
  });
});

describe("code in RAM that is stored to", () => {
  it("executes as stored after fence.i", () => {
    const f = inRam(
      new asm.Program()
        .la(A0, "patched")
        .label("again")
        .label("patched")
        .words(asm.i("addi", A1, A1, 1))
        .words(asm.store("sw", A2, 0, A0), asm.FENCE_I)
        .jal(0, "again"),
    );
    f.setX(A2, asm.i("addi", A1, A1, 16));
    f.machine.run(2 + 4 + 4);
    expect(f.x(A1)).toBe(17);
  });
  it("also when the store hits the second half of an instruction that begins on the page before", () => {
    const pageEnd = 4096 - 2;
    const instruction = new asm.Program().words(asm.i("addi", A1, A1, 1)).bytes();
    const f = inRam(new asm.Program().words(asm.store("sh", A2, 0, A0), asm.FENCE_I, asm.jalr(0, S0, 0)));
    f.setRam(pageEnd, [...instruction, ...new asm.Program().words(asm.jalr(0, T0, 0)).bytes()]);
    f.setX(A0, (RAM_BASE + 4096) | 0);
    f.setX(S0, (RAM_BASE + pageEnd) | 0);
    f.setX(T0, RAM_BASE | 0);
    f.setX(A2, asm.i("addi", A1, A1, 1) >>> 16);
    f.machine.run(5);
    expect(f.x(A1)).toBe(1);
    f.setX(A2, asm.i("addi", A1, A1, 16) >>> 16);
    f.machine.run(5);
    expect(f.x(A1)).toBe(17);
  });
  it("data on a page of code is stored without losing the code around it", () => {
    const f = inRam(
      new asm.Program()
        .la(A0, "data")
        .label("loop")
        .words(asm.i("addi", A1, A1, 1), asm.store("sw", A1, 0, A0))
        .jal(0, "loop")
        .label("data")
        .words(0),
    );
    f.machine.run(2 + 3 * 50);
    expect(f.ramWord(20)).toBe(50);
  });
  it("bytes changed by another hand count once the machine is told", () => {
    const f = inRam(
      new asm.Program()
        .words(asm.i("addi", A1, A1, 1))
        .jal(0, "start")
        .label("start"),
    );
    f.setRam(0, new asm.Program().words(asm.i("addi", A1, A1, 1), asm.jal(0, -4)).bytes());
    f.machine.run(4);
    f.setRam(0, new asm.Program().words(asm.i("addi", A1, A1, 16)).bytes());
    f.machine.ramChanged();
    f.machine.run(2);
    expect(f.x(A1)).toBe(2 + 16);
  });
  it("a region's bytes count anew once the machine is told of the change", () => {
    const f = inRegion(new asm.Program().words(asm.i("addi", A1, A1, 1), asm.jal(0, -4)));
    f.machine.run(4);
    const [offset = 0] = f.layout.regions;
    f.space.bytes.set(new asm.Program().words(asm.i("addi", A1, A1, 16)).bytes(), offset);
    f.machine.regionChanged(0);
    f.machine.run(2);
    expect(f.x(A1)).toBe(2 + 16);
  });
  it("the window executes whichever region is designated", () => {
    const f = inRegion(new asm.Program().words(asm.i("addi", A1, 0, 1)));
    f.space.bytes.set(new asm.Program().words(asm.i("addi", A1, 0, 2)).bytes(), f.layout.regions[1]);
    f.machine.run(1);
    expect(f.x(A1)).toBe(1);
    f.machine.setRegion(1);
    f.machine.reset(WINDOW_BASE);
    f.machine.run(1);
    expect(f.x(A1)).toBe(2);
  });
});

describe("a run", () => {
  it("retires exactly as many instructions as it may, whatever the cuts", () => {
    const program = new asm.Program()
      .label("loop")
      .words(asm.i("addi", A0, A0, 1), asm.r("mul", A1, A0, A0), asm.store("sw", A1, 0x100, S0))
      .parcels(0x0605 /* c.addi a2, 1 */)
      .jal(0, "loop");
    const whole = inRam(program);
    whole.setX(S0, RAM_BASE | 0);
    whole.machine.run(1000);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 30 }), (cuts) => {
        const f = inRam(program);
        f.setX(S0, RAM_BASE | 0);
        let left = 1000;
        for (const cut of cuts) {
          const budget = Math.min(cut, left);
          const before = f.machine.retired;
          expect(f.machine.run(budget)).toBe(MachineStop.BUDGET);
          expect(f.machine.retired - before).toBe(budget);
          left -= budget;
        }
        f.machine.run(left);
        expect([...f.machine.hart.subarray(0, 34)]).toEqual([...whole.machine.hart.subarray(0, 34)]);
      }),
      { numRuns: 50 },
    );
  });
  it("does not start while attention is wanted, and says so", () => {
    const f = inRam(new asm.Program().words(asm.NOP, asm.NOP));
    Atomics.store(f.machine.hart, Hart.ATTENTION, 1);
    expect(f.machine.run(10)).toBe(MachineStop.ATTENTION);
    expect(f.machine.interpreter.run(10)).toBe(Stop.LIMIT);
    expect(f.machine.retired).toBe(0);
  });
  it("stops before the next instruction when LIMIT becomes 0 under it", () => {
    // A store to the UART calls out to the line: the nearest thing in one thread to another thread's store.
    const f = inRam(
      new asm.Program()
        .label("loop")
        .words(asm.store("sb", A1, 0, A0))
        .jal(0, "loop"),
      {
        line: {
          send: () => {
            Atomics.store(f.machine.hart, Hart.ATTENTION, 1);
            Atomics.store(f.machine.hart, Hart.LIMIT, 0);
          },
          receive: () => -1,
        },
      },
    );
    f.setX(A0, 0x1000_0000);
    expect(f.machine.run(1000)).toBe(MachineStop.ATTENTION);
    expect(f.machine.retired).toBe(1);
  });
});
