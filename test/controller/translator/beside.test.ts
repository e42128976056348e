/** Translating on a thread beside the hart: what is asked for, and what becomes of the answer. */
import { describe, expect, it, vi } from "vitest";
import { BARE_BOARD } from "../../../controller/boards.ts";
import { STORE_FLAGS } from "../../../controller/cpu/access-guard.ts";
import { NOWHERE } from "../../../controller/cpu/address-space.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { ALL_EXTENSIONS, Extension } from "../../../controller/cpu/isa.ts";
import { Machine } from "../../../controller/machine.ts";
import { Answering } from "../../../controller/translator/answering.ts";
import {
  FirstHere,
  NOTHING_TRANSLATED,
  type TranslatingThread,
  type TranslationReply,
  type TranslationRequest,
} from "../../../controller/translator/background.ts";
import { Beside, TRANSLATOR } from "../../../controller/translator/beside.ts";
import { TranslatingEngine } from "../../../controller/translator/engine.ts";
import { entryFor } from "../../../controller/translator/hot-spots.ts";
import { chooseEngine } from "../../../controller/translator/select.ts";
import type { Unit } from "../../../controller/translator/unit.ts";
import { createMemory } from "../../../emulator/memory/layout.ts";
import * as asm from "../support/assembler.ts";
import { A0, A1, A2, RA } from "../support/machines.ts";
import { CODE_BASE, LAYOUT } from "./harness.ts";

const RUN = 1_000_000;

function readerOf(program: asm.Program) {
  const bytes = program.bytes();
  const parcels = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  return { parcel: (pc: number) => parcels[(pc - CODE_BASE) / 2] ?? -1, extensions: ALL_EXTENSIONS };
}

describe("where translated code begins", () => {
  it("is the head of the loop around a sample, whichever of its instructions that met", () => {
    const code = readerOf(
      new asm.Program()
        .words(asm.NOP)
        .label("loop")
        .words(asm.NOP, asm.branch("beq", A0, A1, 8), asm.NOP)
        .jal(RA, "callee")
        .words(asm.NOP)
        .jal(0, "loop")
        .label("callee")
        .words(asm.jalr(0, RA, 0)),
    );
    const entries = [4, 8, 12, 16, 20, 24].map((offset) => entryFor(code, CODE_BASE + offset, 0));
    expect(new Set(entries)).toEqual(new Set([CODE_BASE + 4]));
  });

  it("is the caller's loop for a sample in a function without one", () => {
    const code = readerOf(
      new asm.Program()
        .label("loop")
        .jal(RA, "callee")
        .jal(0, "loop")
        .label("callee")
        .words(asm.NOP, asm.jalr(0, RA, 0)),
    );
    expect(entryFor(code, CODE_BASE + 8, CODE_BASE + 4)).toBe(CODE_BASE);
  });

  it("is a function where there are calls and no loop", () => {
    const code = readerOf(
      new asm.Program()
        .label("recursive")
        .words(asm.NOP)
        .jal(RA, "recursive")
        .words(asm.NOP, asm.jalr(0, RA, 0)),
    );
    expect(entryFor(code, CODE_BASE + 4, CODE_BASE + 8)).toBe(CODE_BASE);
    expect(entryFor(code, CODE_BASE + 8, CODE_BASE + 8)).toBe(CODE_BASE + 8);
    // One that is translated and interpreted all the same is not how execution comes here.
    expect(entryFor(code, CODE_BASE + 4, CODE_BASE + 8, (pc) => pc === CODE_BASE)).toBe(CODE_BASE + 4);
  });
});

const WITHOUT_ZBB = ALL_EXTENSIONS & ~Extension.ZBB;

/** A request for the loop at the start of RAM. */
const ASKED: TranslationRequest = {
  entries: [CODE_BASE],
  windowOffset: NOWHERE,
  viewKey: "",
  target: {
    memory: {
      ram: { base: CODE_BASE, bytes: LAYOUT.config.ramBytes, offset: LAYOUT.ram },
      ramFlags: LAYOUT.ramFlags[0] as number,
      loadFlags: 0,
      storeFlags: STORE_FLAGS,
      readable: [],
      writable: [],
    },
    hart: LAYOUT.slots[0] as number,
    memoryPages: LAYOUT.wasmPages,
    tableSlots: 4096,
  },
  code: [{ base: CODE_BASE, bytes: LAYOUT.config.ramBytes, offset: LAYOUT.ram }],
  extensions: ALL_EXTENSIONS,
  sharedPageAccesses: [],
  registers: [],
  shared: [],
  maxInstructions: 1_000,
};

/** What the thread beside a hart makes of a program. */
function answerTo(program: asm.Program, asked: Partial<TranslationRequest>): TranslationReply {
  const memory = createMemory(LAYOUT);
  new Uint8Array(memory.buffer).set(program.bytes(), LAYOUT.ram);
  return new Answering(memory).answer({ ...ASKED, ...asked });
}

it("the thread translates the instructions that the hart has, and no others", () => {
  const program = new asm.Program().words(asm.NOP, asm.unary("clz", A0, A1), asm.jalr(0, RA, 0));
  expect(answerTo(program, {}).unit?.instructions).toBe(3);
  expect(answerTo(program, { extensions: WITHOUT_ZBB }).unit).toMatchObject({
    instructions: 1,
    ends: [CODE_BASE + 4],
  });
});

describe("a jump through a table", () => {
  /** The table's address is made before the loop. */
  const program = () =>
    new asm.Program()
      .label("loop")
      .words(asm.load("lw", A1, 0, A0), asm.jalr(0, A1, 0))
      .words(asm.i("addi", A2, A2, 1))
      .jal(0, "loop")
      .words(asm.i("addi", A2, A2, 2))
      .jal(0, "loop")
      .words(CODE_BASE + 8, CODE_BASE + 16, 0);
  const TABLE = CODE_BASE + 24;
  const answer = (registers: readonly number[]) => answerTo(program(), { registers });

  it("stays in the loop where a register holds the table's address", () => {
    expect(answer([TABLE, 0, 0xffff_fff0]).unit?.instructions).toBe(6);
    expect(answer([0, CODE_BASE]).unit?.instructions).toBe(2);
  });
});

/** Answers when it is told to, on this thread. */
class ManualThread implements TranslatingThread {
  readonly requests: TranslationRequest[] = [];
  readonly #answering: Answering;
  #reply: TranslationReply | undefined;

  constructor(memory: WebAssembly.Memory) {
    this.#answering = new Answering(memory);
  }

  get isIdle(): boolean {
    return this.requests.length === 0 && this.#reply === undefined;
  }

  request(request: TranslationRequest): void {
    this.requests.push(request);
  }

  poll(): TranslationReply | undefined {
    const reply = this.#reply;
    this.#reply = undefined;
    return reply;
  }

  answer(): void {
    const request = this.requests.shift();
    if (request !== undefined) this.#reply = this.#answering.answer(request);
  }
}

describe("what the thread is asked for", () => {
  const eagerness = { startAfter: 1000, advance: 0, interpretedForOne: 2 ** 30, translatedForOne: 2 ** 13 };

  it("is paid for by what retires, and better by what does so in translated code, however little it was", () => {
    const loop = new asm.Program().words(asm.NOP, asm.NOP, asm.jal(0, -8));
    const requests: TranslationRequest[] = [];
    const thread: TranslatingThread = {
      isIdle: true,
      request: (request) => requests.push(request),
      poll: () => answerTo(loop, {}),
    };
    const beside = new Beside(() => thread, eagerness);
    const askFor = (pc: number): number => {
      for (let sample = 0; sample < 100; sample++) beside.sampled(pc);
      beside.ask({ copiesOf: () => 0, request: () => ASKED });
      return requests.length;
    };
    beside.advance(2 ** 20, 2 ** 20);
    expect(askFor(CODE_BASE)).toBe(1);
    expect(beside.poll()?.reply.unit?.instructions).toBe(3);
    beside.advance(2 ** 22, 2 ** 22);
    expect(askFor(CODE_BASE + 64)).toBe(1);
    beside.advance(2 ** 22, 0);
    expect(askFor(CODE_BASE + 64)).toBe(2);
    expect(requests[1]?.maxInstructions).toBeLessThan(600);
  });

  it("is sampled only when the thread is about to start", () => {
    const beside = new Beside(() => undefined, eagerness);
    beside.advance(749, 749);
    expect(beside.listens).toBe(false);
    beside.advance(1, 1);
    expect(beside.listens).toBe(true);
  });
});

describe("the first request", () => {
  const reply = (instructions: number) => ({ ...NOTHING_TRANSLATED, unit: { instructions } as Unit });

  it("is answered on the hart's own thread, and what follows on the other", () => {
    const asked: string[] = [];
    let other: TranslationReply | undefined;
    const thread: TranslatingThread = {
      get isIdle() {
        return other === undefined;
      },
      request: () => {
        asked.push("other");
        other = reply(2);
      },
      poll: () => {
        const come = other;
        other = undefined;
        return come;
      },
    };
    const first = new FirstHere(thread, () => {
      asked.push("own");
      return reply(1);
    });
    expect([first.isIdle, first.poll()]).toEqual([true, undefined]);
    for (const instructions of [1, 2, 2]) {
      first.request(ASKED as TranslationRequest);
      expect(first.isIdle).toBe(false);
      expect(first.poll()?.unit?.instructions).toBe(instructions);
      expect([first.isIdle, first.poll()]).toEqual([true, undefined]);
    }
    expect(asked).toEqual(["own", "other", "other"]);
  });
});

/** Counts in an endless loop. */
const COUNTING = new asm.Program()
  .label("loop")
  .words(asm.i("addi", A0, A0, 1), asm.i("addi", A1, A1, 2))
  .jal(0, "loop");

/** A machine about to execute a program, and the thread beside its hart. */
function counting(program = COUNTING) {
  const memory = createMemory(LAYOUT);
  const thread = new ManualThread(memory);
  let engine: TranslatingEngine | undefined;
  const machine = new Machine({
    memory,
    layout: LAYOUT,
    slot: 0,
    plan: { ...BARE_BOARD, extensions: WITHOUT_ZBB },
    engine: (parts, interpreter, _, slot) => {
      engine = new TranslatingEngine(parts, interpreter, memory, slot, {
        beside: new Beside(() => thread, TRANSLATOR),
      });
      return engine;
    },
  });
  machine.space.bytes.set(program.bytes(), machine.space.ramOffset);
  machine.ramChanged();
  machine.reset(CODE_BASE | 0);
  if (engine === undefined) throw new Error("the machine made no engine");
  return { machine, engine, thread };
}

describe("a thread beside the hart", () => {
  it("is asked for the loop, and the hart goes on in what it answers", () => {
    const { machine, engine, thread } = counting();
    machine.run(RUN);
    expect(thread.requests).toMatchObject([{ entries: [CODE_BASE], extensions: WITHOUT_ZBB }]);
    expect(engine.stats()).toMatchObject({ translationsRunning: 0, retiredTranslated: 0 });
    thread.answer();
    machine.run(2 * RUN);
    expect(engine.stats()).toMatchObject({ translationsRunning: 1, units: 1 });
    expect(engine.stats().retiredTranslated).toBeGreaterThan(RUN);
    expect(machine.hart[A1]).toBe(2 * Math.floor((machine.retired + 1) / 3));
  });

  it("is told of each exit to what is not translated, however many there are in a run", () => {
    const left = vi.spyOn(Beside.prototype, "left");
    // Every 256 turns round it goes to where an address in memory says.
    const program = new asm.Program()
      .label("loop")
      .words(asm.i("addi", A0, A0, 1), asm.i("andi", A1, A0, 255))
      .branch("bne", A1, 0, "loop")
      .words(asm.auipc(A2, 0), asm.load("lw", A2, 16, A2), asm.jalr(0, A2, 0))
      .words(0, CODE_BASE + 32)
      .words(asm.NOP)
      .jal(0, "loop");
    const { machine, engine, thread } = counting(program);
    machine.run(RUN);
    thread.answer();
    machine.run(RUN / 4);
    expect(engine.stats().exitsMiss).toBeGreaterThan(8);
    const exits = left.mock.calls.filter(([pc]) => pc === CODE_BASE + 32);
    left.mockRestore();
    expect(exits.length).toBe(engine.stats().exitsMiss);
  });

  it("answers in vain when the code has changed since", () => {
    const { machine, engine, thread } = counting();
    machine.run(RUN);
    thread.answer();
    machine.space.words[(machine.space.ramOffset >>> 2) + 1] = asm.i("addi", A2, A2, 1);
    machine.ramChanged();
    machine.run(RUN / 4);
    expect(engine.stats()).toMatchObject({ translationsRunning: 0, units: 0, retiredTranslated: 0 });
    expect(machine.hart[A2]).toBeGreaterThan(0);
  });

  it("answers in vain when loads have come to be judged since", () => {
    const { machine, engine, thread } = counting();
    machine.run(RUN);
    thread.answer();
    // An mcontrol trigger of machine mode, on loads.
    machine.hart[Hart.TDATA1] = (2 << 28) | (1 << 6) | 1;
    machine.hart[Hart.TDATA2] = (CODE_BASE + 0x8000) | 0;
    const saved = new Int32Array(machine.stateWords);
    machine.saveState(saved);
    machine.restoreState(saved);
    machine.run(RUN / 4);
    expect(engine.stats()).toMatchObject({ translationsRunning: 0, units: 0, retiredTranslated: 0 });
  });

  it("is not given the code that a trigger is armed for", () => {
    const { machine, engine, thread } = counting();
    engine.watchExecution([{ first: CODE_BASE + 4, last: CODE_BASE + 4 }], []);
    machine.run(RUN);
    const given = thread.requests.flatMap(({ code }) => code.map(({ base, bytes }) => [base, base + bytes]));
    expect(given).toEqual([
      [CODE_BASE, CODE_BASE + 4],
      [CODE_BASE + 6, CODE_BASE + LAYOUT.config.ramBytes],
    ]);
  });

  /** A machine about to count in one loop for a while and then in another, with a thread of this program beside its hart. */
  function inTwoLoops(program: URL) {
    const memory = createMemory(LAYOUT);
    const choice = chooseEngine("translator", program);
    const machine = new Machine({ ...choice.options, memory, layout: LAYOUT, slot: 0, plan: BARE_BOARD });
    const loops = new asm.Program()
      .li(A1, RUN)
      .label("first")
      .words(asm.i("addi", A0, A0, 1))
      .branch("bne", A0, A1, "first")
      .label("second")
      .words(asm.i("addi", A0, A0, 1), asm.i("addi", A2, A2, 1))
      .jal(0, "second");
    machine.space.bytes.set(loops.bytes(), machine.space.ramOffset);
    machine.ramChanged();
    machine.reset(CODE_BASE | 0);
    const stats = () => choice.translator()?.stats() ?? expect.fail("nothing translates");
    return { machine, stats };
  }

  it("is not waited for at first: the first code is there though it never answers", () => {
    const { machine, stats } = inTwoLoops(new URL("data:text/javascript,"));
    machine.run(2 * RUN);
    expect(stats()).toMatchObject({ translationsRunning: 1, units: 1 });
    expect(stats().retiredTranslated).toBeGreaterThan(RUN / 2);
    machine.run(10 * RUN);
    expect(stats().translationsRunning).toBe(1);
  });

  it("is a real one in a run: the same result, most of it translated", { timeout: 120_000 }, () => {
    const program = new URL("../../../dist/controller/translator-worker.bundle.cjs", import.meta.url);
    const { machine, stats } = inTwoLoops(program);
    // The thread takes its time to start; one that never comes ends this all the same.
    const untilMs = performance.now() + 100_000;
    while (stats().translationsRunning < 2 && performance.now() < untilMs) machine.run(RUN);
    const before = stats().retiredTranslated;
    machine.run(10 * RUN);
    expect(stats().retiredTranslated - before).toBeGreaterThan(9 * RUN);
    // It may stand between the two additions of the second loop.
    const isBetween = machine.hart[Hart.PC] === ((CODE_BASE + 20) | 0);
    expect(machine.hart[A0]).toBe(RUN + (machine.hart[A2] as number) + (isBetween ? 1 : 0));
  });
});
