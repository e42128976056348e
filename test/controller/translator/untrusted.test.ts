/**
 * Firmware that does what no compiler would: the architecturally right trap, or it goes on, in both engines
 * alike; never a WebAssembly trap or a stack overflow of the host.
 */
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { Hart } from "../../../controller/cpu/hart.ts";
import { MachineStop } from "../../../controller/machine.ts";
import * as a from "../../../scripts/hostile/assemble.ts";
import { CODE_BASE, LAYOUT, lockstep, newPair, newSide, runBoth } from "./harness.ts";

const [RA, SP, T0, T1, S0, A0, A1] = [1, 2, 5, 6, 8, 10, 11];
const STACK_UPPER = 0x80010;

function compare(words: readonly number[], total: number): MachineStop {
  return lockstep(newPair(Int32Array.from(words)), 7, total, "program");
}

describe("untrusted firmware", () => {
  it("endless recursion ends in the trap of the store below RAM", () => {
    // sp starts at 0x80010000, the end of RAM; each level takes 16 bytes; below RAM nothing answers.
    const words = [
      a.lui(SP, STACK_UPPER),
      a.lui(SP, 0x80008),
      a.addi(SP, SP, -16),
      a.sw(RA, SP, 12),
      a.jal(RA, -8),
    ];
    // The handler at mtvec = 0 is no memory either: the hart stops.
    expect(compare(words, 1_000_000)).toBe(MachineStop.STOPPED);
  });

  it("recursion deeper than any wasm stack returns through every level", () => {
    const depth = 1800;
    const words = [
      a.lui(SP, STACK_UPPER),
      a.lui(A0, 0),
      a.addi(A0, A0, depth),
      a.jal(RA, 8),
      a.jal(0, -8), // again, for ever
      a.addi(SP, SP, -16),
      a.sw(RA, SP, 12),
      a.beq(A0, 0, 12),
      a.addi(A0, A0, -1),
      a.jal(RA, -16),
      a.addi(A1, A1, 1),
      a.lw(RA, SP, 12),
      a.addi(SP, SP, 16),
      a.ret,
    ];
    const pair = newPair(Int32Array.from(words));
    for (let i = 0; i < 20; i++) expect(runBoth(pair, 20_000, "recursion")).toBe(MachineStop.BUDGET);
    expect(pair.translated.engine?.stats().retiredTranslated).toBeGreaterThan(100_000);
    expect(pair.translated.machine.hart[A1]).toBeGreaterThan(depth);
  });

  it("loops nested by the hundred are cut into what takes memory by the dozen", () => {
    const depth = 300;
    const words: number[] = [];
    for (let level = 0; level < depth; level++) words.push(a.addi(T0, T0, 1));
    // Inner loops never go round, the sixth from the outside does all the time, and so its header must be found again.
    for (let level = depth - 1; level >= 0; level--) {
      const back = (level - words.length) * 4;
      words.push(level === 5 ? a.bne(SP, 0, back) : a.bne(0, 0, back));
    }
    words.unshift(a.lui(SP, STACK_UPPER));
    const pair = newPair(Int32Array.from(words));
    expect(lockstep(pair, 11, 100_000, "nest")).toBe(MachineStop.BUDGET);
    const stats = pair.translated.engine?.stats();
    expect(stats?.cutEdges).toBeGreaterThan(depth / 2);
    expect(stats?.retiredTranslated).toBeGreaterThan(50_000);
  });

  it("a jump into the middle of an instruction executes what stands there", () => {
    // The upper half of the lui is c.addi a0, 1; behind it comes a jump back into that half.
    const words = [a.jal(0, 6), (0x0505 << 16) | a.lui(T0, 0), a.jal(0, -2)];
    expect(compare(words, 20_000)).toBe(MachineStop.BUDGET);
  });

  it("running off the end of RAM is a fetch fault there", () => {
    const words = [a.lui(T0, 0x80010), a.jalr(0, T0, -4)];
    const pair = newPair(Int32Array.from(words));
    for (const { machine } of [pair.reference, pair.translated]) {
      machine.space.words[(machine.space.ramOffset + machine.space.ramBytes) / 4 - 1] = a.addi(A0, A0, 1);
      machine.ramChanged();
    }
    expect(lockstep(pair, 3, 10_000, "end of RAM")).toBe(MachineStop.STOPPED);
    expect((pair.translated.machine.hart[Hart.MTVAL] as number) >>> 0).toBe(0x8001_0000);
  });

  it("a loop that rewrites its own body runs what it has written", () => {
    // Toggles the immediate of the addi at 16 between 1 and 2 each time round, without fence.i.
    const words = [
      a.lui(S0, 0x80000),
      a.lw(T0, S0, 20),
      a.lui(T1, 0x300),
      a.register(4, 0, T0, T0, T1),
      a.sw(T0, S0, 20),
      a.addi(A0, A0, 1),
      a.jal(0, -20),
    ];
    expect(compare(words, 20_000)).toBe(MachineStop.BUDGET);
  });

  it("a loop finds its base registers as they were before it, whatever is checked inside it", () => {
    // s0 is known to be readable and has moved by 16 since; the store in the loop has it checked again. Nine blocks
    // lie between, so that the first check does not look ahead to the store.
    const words = [
      a.lui(S0, 0x80001),
      a.lw(A0, S0, 0),
      a.addi(S0, S0, 16),
      a.addi(T0, 0, 9),
      ...Array.from({ length: 9 }, () => a.beq(0, 0, 4)),
      a.lw(T1, S0, -16),
      a.sw(A1, S0, 0),
      a.add(A1, A1, T1),
      a.addi(A1, A1, 1),
      a.addi(T0, T0, -1),
      a.bne(T0, 0, -20),
      a.jal(0, -4 * 19),
    ];
    // In one go: a stop in the loop would have it entered from its own header ever after.
    expect(runBoth(newPair(Int32Array.from(words)), 2000, "loop")).toBe(MachineStop.BUDGET);
  });

  it("a callee that returns to elsewhere with another stack takes its caller along", () => {
    // f is called from 4; it returns to 16 and moves sp; the loop goes on from there.
    const words = [
      a.lui(SP, 0x80008),
      a.jal(RA, 16),
      a.addi(A0, A0, 1), // never reached by the return
      a.jal(0, -8),
      a.addi(A1, A1, 1),
      a.addi(SP, SP, -64),
      a.addi(RA, RA, 8), // to 16
      a.beq(A1, 0, 8),
      a.addi(A1, A1, 3),
      a.addi(SP, SP, 48),
      a.ret,
    ];
    words[4] = a.jal(0, -12);
    expect(compare(words, 20_000)).toBe(MachineStop.BUDGET);
  });

  it("a return address that is odd or nowhere is followed as jalr says", () => {
    const words = [
      a.auipc(T0, 0),
      a.addi(T0, T0, 13),
      a.jalr(RA, T0, 0),
      a.addi(A0, A0, 1),
      a.jalr(0, A0, 0x700),
    ];
    expect(compare(words, 1000)).toBe(MachineStop.STOPPED);
  });
});

describe("stopping from another thread", () => {
  it("a loop without calls or memory accesses ends when LIMIT is lowered", async () => {
    const side = newSide(Int32Array.from([a.addi(A0, A0, 1), a.jal(0, -4)]), true);
    side.engine?.prepare(CODE_BASE);
    const { buffer } = side.machine.hart;
    const source = `
      const { workerData, parentPort } = require("node:worker_threads");
      const hart = new Int32Array(workerData.buffer, workerData.offset, ${Hart.WORDS});
      parentPort.once("message", () => {
        // Until the other thread is in the loop: nothing that it does there can be seen from outside.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
        Atomics.store(hart, ${Hart.ATTENTION}, 1);
        Atomics.store(hart, ${Hart.LIMIT}, 0);
      });`;
    const worker = new Worker(source, { eval: true, workerData: { buffer, offset: LAYOUT.slots[0] } });
    await new Promise((resolve) => worker.once("online", resolve));
    worker.postMessage(0);
    expect(side.machine.run(2 ** 52)).toBe(MachineStop.ATTENTION);
    expect(side.engine?.stats().retiredTranslated).toBeGreaterThan(0);
    await worker.terminate();
  });
});
