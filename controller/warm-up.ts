/**
 * What a standby does before it matters: it lets V8 compile the engine, so that a version does not spend its first
 * milliseconds in the bytecode of an interpreter, and goes through the motions of a start from time to time, so that they
 * are in the caches when there is one. Both on a small machine of its own, over memory of its own.
 *
 * The program has a use for every case of the interpreter's switch and for every device. V8 compiles a case that
 * it has never seen run as a way back to bytecode, so a version that used one more instruction than the warm-up
 * would lose the compiled loop at the moment when it takes over.
 *
 * Invariant: nothing that it does is seen outside, and whatever goes wrong ends the warm-up and nothing else.
 */

import { monotonicNs } from "../emulator/base/clock.ts";
import { errorMessage } from "../emulator/base/text.ts";
import { Control, controlWords } from "../emulator/memory/control.ts";
import { EventCode, EventRing } from "../emulator/memory/events.ts";
import { createMemory, planLayout, REHEARSAL_MEMORY_CONFIG } from "../emulator/memory/layout.ts";
import { WINDOW_BASE } from "../emulator/memory/map.ts";
import { CONTROLLER_BOARD } from "./boards.ts";
import { Machine, MachineStop } from "./machine.ts";

/** Several times what it takes until V8 has compiled the interpreter's loop. */
const INSTRUCTIONS = 400_000;
/** Many short runs, as a live hart's are. */
const SLICE = 1_000;
const QUEUE_ENTRIES = 16;
/** The first instructions of a version set its stack and its trap handler. */
const REHEARSED_INSTRUCTIONS = 100;

/**
 * Devices, a timer interrupt and an exception once, then every register operation, load, store and branch a
 * hundred times; for ever. RV32IM, assembled by hand.
 */
export const WARM_UP_PROGRAM: readonly number[] = [
  0x00000297, // auipc t0, 0
  0x1d028293, // addi t0, t0, handler
  0x30529073, // csrw mtvec, t0
  0x80000437, // lui s0, 0x80000 (RAM)
  0x200004b7, // lui s1, 0x20000 (window)
  0x10000937, // lui s2, 0x10000 (UART)
  0x020049b7, // lui s3, 0x02004 (mtimecmp)
  0x0200ca37, // lui s4, 0x0200c (mtime)
  0x10010ab7, // lui s5, 0x10010 (watchdog)
  0x10020b37, // lui s6, 0x10020 (status)
  0x10040bb7, // lui s7, 0x10040 (host queue)
  0x08000293, // li t0, 128
  0x30429073, // csrw mie, t0
  0x009aa023, // sw s1, 0(s5) (period)
  0x00594503, // outer: lbu a0, 5(s2)
  0x00a90023, // sb a0, 0(s2)
  0xffca2503, // lw a0, -4(s4)
  0xff8a2583, // lw a1, -8(s4)
  0x00258593, // addi a1, a1, 2
  0x30047073, // csrci mstatus, 8
  0x00b9a023, // sw a1, 0(s3)
  0x00a9a223, // sw a0, 4(s3)
  0x10500073, // wfi
  0x30046073, // csrsi mstatus, 8
  0x05a00513, // li a0, 0x5a
  0x00aaa423, // sw a0, 8(s5) (kick)
  0x000b2503, // lw a0, 0(s6)
  0x00100513, // li a0, 1
  0x00ab2823, // sw a0, 16(s6) (ready)
  0x00cba503, // lw a0, 12(s7)
  0x00aba823, // sw a0, 16(s7)
  0x014ba503, // lw a0, 20(s7)
  0x00abaa23, // sw a0, 20(s7)
  0x300002b7, // lui t0, 0x30000 (NVRAM)
  0x0002a503, // lw a0, 0(t0)
  0x00a2a023, // sw a0, 0(t0)
  0x400002b7, // lui t0, 0x40000 (host memory)
  0x0002a503, // lw a0, 0(t0)
  0x00a280a3, // sb a0, 1(t0)
  0x00000073, // ecall
  0x34051573, // csrrw a0, mscratch, a0
  0x0ff0000f, // fence
  0x00142503, // lw a0, 1(s0)
  0x00a420a3, // sw a0, 1(s0)
  0x00a4252f, // amoadd.w a0, a0, (s0)
  0xf9c00293, // li t0, -100
  0x3e800313, // li t1, 1000
  0x00628533, // inner: add a0, t0, t1
  0x40628533, // sub a0, t0, t1
  0x00629533, // sll a0, t0, t1
  0x0062a533, // slt a0, t0, t1
  0x005325b3, // slt a1, t1, t0
  0x0062b533, // sltu a0, t0, t1
  0x005335b3, // sltu a1, t1, t0
  0x0062c533, // xor a0, t0, t1
  0x0062d533, // srl a0, t0, t1
  0x4062d533, // sra a0, t0, t1
  0x0062e533, // or a0, t0, t1
  0x0062f533, // and a0, t0, t1
  0x02628533, // mul a0, t0, t1
  0x02629533, // mulh a0, t0, t1
  0x025315b3, // mulh a1, t1, t0
  0x0262a533, // mulhsu a0, t0, t1
  0x025325b3, // mulhsu a1, t1, t0
  0x0262b533, // mulhu a0, t0, t1
  0x025335b3, // mulhu a1, t1, t0
  0x0262c533, // div a0, t0, t1
  0x025345b3, // div a1, t1, t0
  0x0262d533, // divu a0, t0, t1
  0x025355b3, // divu a1, t1, t0
  0x0262e533, // rem a0, t0, t1
  0x025365b3, // rem a1, t1, t0
  0x0262f533, // remu a0, t0, t1
  0x025375b3, // remu a1, t1, t0
  0xffd28513, // addi a0, t0, -3
  0xffd2a513, // slti a0, t0, -3
  0xffd2b513, // sltiu a0, t0, -3
  0xffd2c513, // xori a0, t0, -3
  0xffd2e513, // ori a0, t0, -3
  0xffd2f513, // andi a0, t0, -3
  0x00429513, // slli a0, t0, 4
  0x0042d513, // srli a0, t0, 4
  0x4042d513, // srai a0, t0, 4
  0x00540423, // sb t0, 8(s0)
  0x00541423, // sh t0, 8(s0)
  0x00542423, // sw t0, 8(s0)
  0x00840503, // lb a0, 8(s0)
  0x00848503, // lb a0, 8(s1)
  0x00841503, // lh a0, 8(s0)
  0x00849503, // lh a0, 8(s1)
  0x00842503, // lw a0, 8(s0)
  0x0084a503, // lw a0, 8(s1)
  0x00844503, // lbu a0, 8(s0)
  0x0084c503, // lbu a0, 8(s1)
  0x00845503, // lhu a0, 8(s0)
  0x0084d503, // lhu a0, 8(s1)
  0x00628263, // beq t0, t1, .+4
  0x00530263, // beq t1, t0, .+4
  0x00629263, // bne t0, t1, .+4
  0x00531263, // bne t1, t0, .+4
  0x0062c263, // blt t0, t1, .+4
  0x00534263, // blt t1, t0, .+4
  0x0062d263, // bge t0, t1, .+4
  0x00535263, // bge t1, t0, .+4
  0x0062e263, // bltu t0, t1, .+4
  0x00536263, // bltu t1, t0, .+4
  0x0062f263, // bgeu t0, t1, .+4
  0x00537263, // bgeu t1, t0, .+4
  0x00000013, // nop
  0x12345537, // lui a0, 0x12345
  0x00000397, // auipc t2, 0
  0x008380e7, // jalr ra, 8(t2)
  0x004000ef, // jal ra, .+4
  0x00128293, // addi t0, t0, 1
  0xee029ae3, // bnez t0, inner
  0xe6dff06f, // j outer
  0x342022f3, // handler: csrr t0, mcause
  0x0002ca63, // bltz t0, .+20
  0x341022f3, // csrr t0, mepc
  0x00428293, // addi t0, t0, 4
  0x34129073, // csrw mepc, t0
  0x30200073, // mret
  0xfff00293, // li t0, -1
  0x0059a223, // sw t0, 4(s3) (timer off)
  0x30200073, // mret
];

/** A small machine over memory of its own, with a program that never ends: whatever it does is seen by nobody. */
export class RehearsalMachine {
  readonly #machine: Machine;
  readonly #events: EventRing;

  /** @param program words to run, which should not stop */
  constructor(program: readonly number[] = WARM_UP_PROGRAM) {
    const layout = planLayout(REHEARSAL_MEMORY_CONFIG);
    const memory = createMemory(layout);
    controlWords(memory, layout)[Control.QUEUE_ENTRIES] = QUEUE_ENTRIES;
    const options = {
      memory,
      layout,
      slot: 0,
      plan: CONTROLLER_BOARD,
      liveClock: { nowNs: monotonicNs },
    };
    this.#machine = new Machine(options);
    this.#events = new EventRing(memory, layout);
    // What V8 compiles for the only machine there ever was, it throws away when there is another.
    new Machine({ ...options, slot: 1 }).reset(WINDOW_BASE);
    this.#machine.space.words.set(program, (layout.regions[0] as number) >>> 2);
    this.#machine.setRegion(0);
    this.#machine.reset(WINDOW_BASE);
  }

  /**
   * Runs until V8 has compiled the engine. Never throws: whoever warms up can do without.
   * @param goesOn asked every few hundred microseconds; false ends it
   * @returns what went wrong; undefined when nothing did
   */
  warmUp(goesOn: () => boolean = () => true): string | undefined {
    const machine = this.#machine;
    try {
      for (const end = machine.retired + INSTRUCTIONS; machine.retired < end && goesOn(); ) {
        if (machine.run(SLICE) === MachineStop.STOPPED) return "the warm-up program has stopped";
      }
      return undefined;
    } catch (error) {
      return errorMessage(error);
    }
  }

  /** Starts a version, tells of its first instruction and runs its first ones, so that all of that is in the caches. */
  start(): void {
    this.#machine.ramChanged();
    this.#machine.reset(WINDOW_BASE);
    this.#machine.run(1);
    this.#events.stamp(EventCode.FIRST_INSTRUCTION, 0, 0, monotonicNs());
    this.#machine.run(REHEARSED_INSTRUCTIONS);
  }
}
