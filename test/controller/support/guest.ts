/**
 * Guest programs in C, for boards that are as QEMU's `virt`: what they find, they note, and at their end they send it
 * through the UART, a line each. So no line that is sent changes what is looked at.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shell } from "./toolchain.ts";

const START = `
  .section .text.init
  .globl _start
_start:
  la sp, stack
  call guest
  j finish
  .section .bss
  .balign 16
  .skip 8192
stack:
`;

/**
 * `guest(a0, a1)` is the program. note() takes a name and a number, tell() sends what was noted; TRY notes what an access
 * gives, or the cause of its trap. handle() is called at interrupts, with mcause.
 */
const PRELUDE = `
typedef unsigned u32;
#define R32(address) (*(volatile u32 *)(address))
#define R16(address) (*(volatile unsigned short *)(address))
#define R8(address) (*(volatile unsigned char *)(address))
#define FINISHER 0x00100000u
#define RTC 0x00101000u
#define CLINT 0x02000000u
#define PLIC 0x0c000000u
#define PRIORITY(source) R32(PLIC + 4 * (source))
#define PENDING(word) R32(PLIC + 0x1000 + 4 * (word))
#define ENABLE(word) R32(PLIC + 0x2000 + 4 * (word))
#define THRESHOLD R32(PLIC + 0x200000)
#define CLAIM R32(PLIC + 0x200004)
#define UART 0x10000000u
#define VIRTIO(slot) (0x10001000u + 0x1000 * (slot))
#define CSRR(csr) ({ u32 value_; asm volatile("csrr %0, " #csr : "=r"(value_)); value_; })
#define CSRW(csr, value) asm volatile("csrw " #csr ", %0" ::"r"(value))

static struct { const char *name; u32 value; } noted[512];
static u32 notes;
static void note(const char *name, u32 value) {
  noted[notes].name = name;
  noted[notes++].value = value;
}
static void send(int character) { R8(UART) = character; }
static void tell(void) {
  R8(UART + 1) = 0;
  for (u32 at = 0; at < notes; at++) {
    for (const char *name = noted[at].name; *name; name++) send(*name);
    send(' ');
    for (int shift = 28; shift >= 0; shift -= 4) send("0123456789abcdef"[noted[at].value >> shift & 15]);
    send('\\n');
  }
  notes = 0;
}
static volatile u32 trapped;
static void (*volatile handle)(u32 cause);
__attribute__((interrupt, aligned(4))) static void trap(void) {
  u32 cause = CSRR(mcause), pc = CSRR(mepc);
  if ((int)cause < 0) {
    if (handle) handle(cause);
    return;
  }
  trapped = cause;
  CSRW(mepc, pc + ((*(unsigned short *)pc & 3) == 3 ? 4 : 2));
}
#define TRY(name, access) do { \\
  trapped = 0; u32 given_ = (access); note(trapped ? name " traps" : name, trapped ? trapped : given_); \\
} while (0)
void finish(void) {
  tell();
  R32(FINISHER) = 0x5555;
  for (;;);
}
`;

const FLAGS = "-march=rv32imac_zicsr -mabi=ilp32 -mcmodel=medany -O1 -ffreestanding -nostdlib -static -w";
const LINK = "-Wl,-Ttext=0x80000000 -Wl,--no-warn-rwx-segments";

/** The executable of a program that has the function `guest`, which installs no handler of its own. */
export function guestProgram(source: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "flipside-guest-"));
  try {
    writeFileSync(join(folder, "start.S"), START);
    const installs = source.replace(/(void guest\([^)]*\) \{)/, "$1\n  CSRW(mtvec, trap);");
    writeFileSync(join(folder, "guest.c"), PRELUDE + installs);
    shell(folder, `riscv64-unknown-elf-gcc ${FLAGS} start.S guest.c ${LINK} -o guest.elf`);
    return Uint8Array.from(readFileSync(join(folder, "guest.elf")));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
