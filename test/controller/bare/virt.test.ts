/** The board of `flipside run` beside QEMU's `virt`: the same programs find the same on both. */
import { describe, expect, it } from "vitest";
import { guestProgram } from "../support/guest.ts";
import { expectQemuInCi, hasQemu, onFlipside, onQemu } from "../support/qemu.ts";
import { hasToolchain } from "../support/toolchain.ts";

/**
 * Left out is what QEMU's has otherwise than the specifications, or than the controller's board: misaligned accesses to
 * devices, which it does, MCR and mtimecmp after reset, and sources that stay high from claim to completion, which it
 * forgets (docs/fidelity.md).
 */
const PROGRAMS: readonly (readonly [what: string, source: string])[] = [
  [
    "the finisher takes 16 and 32 bits, reads 0, and has nothing behind its first register",
    `void guest(void) {
      TRY("8", R8(FINISHER)); TRY("16", R16(FINISHER)); TRY("32", R32(FINISHER));
      TRY("second", R32(FINISHER + 4)); TRY("last", R32(FINISHER + 0xffc));
      TRY("store 8", R8(FINISHER) = 0x55); TRY("store second", R16(FINISHER + 2) = 0x5555);
      TRY("store other", R32(FINISHER) = 0x5554);
    }`,
  ],
  [
    "the UART takes accesses of any width to its eight registers",
    `void guest(void) {
      R32(UART + 4) = 0x12345600;
      TRY("8", R8(UART + 5)); TRY("16", R16(UART + 6)); TRY("32", R32(UART + 4));
      TRY("store 8", R8(UART + 7) = 0x77); TRY("32 of 4", R32(UART + 4)); TRY("7", R8(UART + 7));
      TRY("store 32", R32(UART) = 0x12345641); TRY("store 16", R16(UART) = 0x4142);
      TRY("behind", R8(UART + 8)); TRY("far behind", R32(UART + 0x100)); TRY("store behind", R32(UART + 8) = 1);
    }`,
  ],
  [
    "eight virtio slots are empty",
    `void guest(void) {
      for (u32 slot = 0; slot < 9; slot++) {
        TRY("magic", R32(VIRTIO(slot))); TRY("version", R32(VIRTIO(slot) + 4));
        TRY("device", R32(VIRTIO(slot) + 8)); TRY("vendor", R32(VIRTIO(slot) + 12));
      }
      TRY("8", R8(VIRTIO(0))); TRY("8 + 1", R8(VIRTIO(0) + 1)); TRY("16", R16(VIRTIO(0)));
      TRY("status", R32(VIRTIO(0) + 0x70) = 1); TRY("status after", R32(VIRTIO(0) + 0x70));
      TRY("last", R32(VIRTIO(7) + 0x1fc)); TRY("behind", R32(VIRTIO(7) + 0x200));
    }`,
  ],
  [
    "the CLINT's registers of further harts read 0",
    `void guest(void) {
      TRY("msip 1", R32(CLINT + 4) = 1); TRY("msip 1 after", R32(CLINT + 4));
      TRY("mtimecmp 1", R32(CLINT + 0x4008) = 1); TRY("mtimecmp 1 after", R32(CLINT + 0x4008));
      TRY("last", R32(CLINT + 0xbff0)); TRY("behind", R32(CLINT + 0xc000)); TRY("8", R8(CLINT));
      R32(CLINT) = 0xffffffff; note("msip", R32(CLINT)); note("mip", CSRR(mip) & 8);
      note("mtime is small", R32(CLINT + 0xbffc));
    }`,
  ],
  [
    "the PLIC has 96 sources, seven priorities and one context",
    `void guest(void) {
      for (u32 source = 0; source < 100; source++) PRIORITY(source) = source;
      for (u32 source = 0; source < 100; source++) TRY("priority", PRIORITY(source));
      for (u32 word = 0; word < 5; word++) { ENABLE(word) = 0xffffffff; TRY("enable", ENABLE(word)); }
      for (u32 word = 0; word < 5; word++) { PENDING(word) = 0xffffffff; TRY("pending", PENDING(word)); }
      R32(PLIC + 0x2080) = 1; TRY("enable of context 1", R32(PLIC + 0x2080));
      THRESHOLD = 0xffffffff; TRY("threshold", THRESHOLD);
      R32(PLIC + 0x201000) = 1; TRY("threshold of context 1", R32(PLIC + 0x201000));
      TRY("claim", CLAIM); TRY("complete", CLAIM = 99); TRY("behind the claim", R32(PLIC + 0x200008));
      TRY("last", R32(PLIC + 0x5ffffc)); TRY("behind", R32(PLIC + 0x600000));
      TRY("8", R8(PLIC + 4)); TRY("16", R16(PLIC + 4));
    }`,
  ],
  [
    "the PLIC lets the highest priority go first, then the lowest number, and nothing at the threshold",
    `static void raise(void) {
      R8(UART + 1) = 0; R8(UART + 1) = 2;
      R32(RTC + 0x10) = 1; R32(RTC + 0xc) = 0; R32(RTC + 8) = 1;
    }
    static void lower(u32 source) {
      if (source == 10) R8(UART + 2); else if (source == 11) R32(RTC + 0x1c) = 1;
    }
    static void drain(void) {
      for (u32 turn = 0; turn < 3; turn++) {
        u32 source = CLAIM;
        note("claim", source); note("pending", PENDING(0)); note("meip", CSRR(mip) & 0x800);
        lower(source);
        CLAIM = source;
      }
      lower(10); lower(11);
    }
    void guest(void) {
      static const unsigned char priorities[][3] = {{3, 3, 0}, {3, 5, 0}, {5, 3, 0}, {5, 3, 3}, {0, 1, 0}, {7, 7, 7}, {1, 0, 0}};
      raise(); note("pending, disabled", PENDING(0)); note("claim, disabled", CLAIM); note("meip", CSRR(mip) & 0x800);
      ENABLE(0) = 3 << 10;
      for (u32 which = 0; which < 7; which++) {
        PRIORITY(10) = priorities[which][0]; PRIORITY(11) = priorities[which][1]; THRESHOLD = priorities[which][2];
        raise();
        note("pending", PENDING(0)); note("meip", CSRR(mip) & 0x800);
        drain();
      }
      ENABLE(0) = 1 << 11; PRIORITY(10) = 7; PRIORITY(11) = 1; THRESHOLD = 0;
      raise(); drain();
      note("pending at the end", PENDING(0));
    }`,
  ],
  [
    "a source that is serviced does not interrupt again before its completion",
    `void guest(void) {
      ENABLE(0) = 1 << 10; PRIORITY(10) = 1;
      R8(UART + 1) = 2;
      note("claim", CLAIM); note("claim again", CLAIM); note("meip", CSRR(mip) & 0x800);
      R8(UART + 1) = 0; R8(UART + 1) = 2;
      note("meip, raised again", CSRR(mip) & 0x800); note("claim, raised again", CLAIM);
      CLAIM = 11; note("another completed", CSRR(mip) & 0x800);
      CLAIM = 10; note("completed", CSRR(mip) & 0x800); note("claim", CLAIM);
    }`,
  ],
  [
    "the UART's interrupt comes through the PLIC",
    `static volatile u32 taken;
    static void service(u32 cause) {
      u32 source = CLAIM;
      note("cause", cause); note("source", source); note("iir", R8(UART + 2) & 0x3f);
      CLAIM = source;
      taken++;
    }
    void guest(void) {
      handle = service;
      ENABLE(0) = 1 << 10; PRIORITY(10) = 1;
      CSRW(mie, 0x800); CSRW(mstatus, 8);
      note("taken", taken); R8(UART + 1) = 2; CSRW(mscratch, 0); note("taken", taken);
      THRESHOLD = 1; R8(UART + 1) = 0; R8(UART + 1) = 2; CSRW(mscratch, 0); note("taken", taken);
      THRESHOLD = 0; CSRW(mscratch, 0); note("taken", taken);
      CSRW(mstatus, 0);
    }`,
  ],
  [
    "the clock's alarm wakes the hart, once",
    `static volatile u32 taken;
    static void service(u32 cause) {
      u32 source = CLAIM;
      note("source", source); note("set", R32(RTC + 0x18));
      R32(RTC + 0x1c) = 1;
      CLAIM = source;
      taken++;
    }
    static void set(u32 later) {
      u32 low = R32(RTC), high = R32(RTC + 4);
      R32(RTC + 0xc) = high + (low + later < low); R32(RTC + 8) = low + later;
    }
    void guest(void) {
      handle = service;
      ENABLE(0) = 1 << 11; PRIORITY(11) = 1; R32(RTC + 0x10) = 0xffffffff; note("enabled", R32(RTC + 0x10));
      CSRW(mie, 0x800);
      set(2000000); note("set", R32(RTC + 0x18)); note("not yet", PENDING(0));
      while (!(CSRR(mip) & 0x800)) asm volatile("wfi");
      note("rang", R32(RTC + 0x18));
      CSRW(mstatus, 8); note("taken", taken); CSRW(mstatus, 0);
      set(2000000); R32(RTC + 0x14) = 1; note("cleared", R32(RTC + 0x18));
      R32(RTC + 0xc) = 5; note("alarm", R32(RTC + 0xc)); R32(RTC + 0xc) = 0; R32(RTC + 8) = 7; note("alarm", R32(RTC + 8));
      note("of the past", PENDING(0)); R32(RTC + 0x10) = 0; note("not enabled", PENDING(0));
    }`,
  ],
  [
    "the clock tells nanoseconds, and goes on from what is stored",
    `void guest(void) {
      R32(RTC + 4) = 0x12345678; R32(RTC) = 0xfffffffe;
      while (R32(RTC) >= 0xfffffff0) ;
      R32(RTC); note("high", R32(RTC + 4));
      R32(RTC + 4) = 0xffffffff; R32(RTC); note("below 0", R32(RTC + 4));
      u32 from = R32(CLINT + 0xbff8), low = R32(RTC);
      while (R32(CLINT + 0xbff8) - from < 20000) ;
      u32 took = R32(RTC) - low;
      note("two milliseconds", took >= 2000000 && took < 1000000000);
      for (u32 at = 0x10; at < 0x28; at += 4) TRY("register", R32(RTC + at));
      TRY("8", R8(RTC)); TRY("16", R16(RTC + 4)); TRY("store behind", R32(RTC + 0x24) = 1);
    }`,
  ],
  [
    "a reset by the finisher begins anew: what was loaded is there again, other memory stays, devices are reset",
    `static u32 zeros, initialised = 5;
    void guest(u32 a0, u32 a1) {
      note("hart", a0); note("tree", a1); note("its magic", R32(a1)); R32(a1) = 0;
      u32 round = R32(0x80100000); R32(0x80100000) = round + 1;
      note("round", round); note("zeros", zeros); note("initialised", initialised);
      note("mtime is small", R32(CLINT + 0xbff8) < 2000000 && R32(CLINT + 0xbffc) == 0);
      note("ier", R8(UART + 1)); note("scratch", R8(UART + 7)); note("enable", ENABLE(0)); note("priority", PRIORITY(10));
      note("alarm", R32(RTC + 8)); note("msip", R32(CLINT));
      zeros = initialised = 9; R8(UART + 7) = 1; ENABLE(0) = 2; PRIORITY(10) = 3; R32(RTC + 8) = 4; R32(CLINT) = 1;
      tell();
      R8(UART + 1) = 2;
      if (round < 2) { R32(FINISHER) = 0x7777; for (;;); }
    }`,
  ],
];

describe.skipIf(!hasToolchain)("as on QEMU:", () => {
  expectQemuInCi();
  it.runIf(hasQemu).each(PROGRAMS)("%s", (_, source) => {
    const elf = guestProgram(source);
    const found = onFlipside(elf);
    expect(found).toBe(onQemu(elf));
    expect(found).not.toBe("");
  });
});
