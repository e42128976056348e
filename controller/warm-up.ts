/**
 * Lets V8 compile the engine before it matters: a standby that takes over should not spend its first milliseconds in
 * the bytecode of an interpreter. Runs a small program on a machine of its own, over memory of its own.
 */
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../emulator/layout.ts";
import { RAM_BASE } from "../emulator/map.ts";
import { Visibility } from "./address-space.ts";
import { Machine, MachineStop } from "./machine.ts";

const SMALL = 65_536;
/** Several times what it takes until V8 has compiled the interpreter's loop. */
const INSTRUCTIONS = 400_000;

/** A loop of loads, stores, arithmetic, a call and a branch; RV32I, hand-assembled. */
const PROGRAM = [
  0x80001137, // lui   sp, 0x80001
  0x00000413, // li    s0, 0
  0x00140413, // loop: addi s0, s0, 1
  0x00812023, // sw    s0, 0(sp)
  0x00012483, // lw    s1, 0(sp)
  0x009444b3, // xor   s1, s0, s1
  0x00911223, // sh    s1, 4(sp)
  0x00414503, // lbu   a0, 4(sp)
  0x028505b3, // mul   a1, a0, s0
  0x008000ef, // jal   ra, function
  0xfe1ff06f, // j     loop
  0x00259593, // function: slli a1, a1, 2
  0x0035d613, // srli  a2, a1, 3
  0x00c5f663, // bgeu  a1, a2, +12
  0x00000013, // nop
  0x00000013, // nop
  0x00008067, // ret
];

export function warmUp(): void {
  const layout = planLayout({
    ...DEFAULT_MEMORY_CONFIG,
    regionBytes: SMALL,
    ramBytes: SMALL,
    hostBytes: SMALL,
  });
  const memory = createMemory(layout);
  const machine = new Machine({ memory, layout, slot: 0, visibility: Visibility.RAM_ONLY });
  new Int32Array(memory.buffer, layout.ram, PROGRAM.length).set(PROGRAM);
  machine.reset(RAM_BASE);
  for (let retired = 0; retired < INSTRUCTIONS; retired += SLICE) {
    if (machine.run(SLICE) !== MachineStop.BUDGET) throw new Error("the warm-up program has stopped");
  }
}

/** Many short runs, as a live hart's are. */
const SLICE = 1_000;
