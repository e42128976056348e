/*
 * A mutant is a version of the reference firmware in which a few functions are replaced (plain-*.c: of plain/). `__wrap_f` in
 * its file is what every other file calls for `f`, and `__real_f` is f itself (ld --wrap). A file that includes one
 * of the firmware's takes that one's place. With RIGHT 0 the planted bug is built, with RIGHT 1 its right variant.
 */
#ifndef MUTANT_H
#define MUTANT_H

#include "../firmware.h"
#include "../hardware.h"

/* NVRAM that no right version stores to but the one whose file it is. */
#define OWN ((volatile uint32_t *)(NVRAM_BASE + 0x800))
/* The record that nvram.c keeps. */
#define SERVED ((volatile uint32_t *)NVRAM_BASE)

/* Region n, to be read. */
#define REGIONS_BASE 0x24000000u
#define REGION_STRIDE 0x01000000u

/* Up, in time for the watchdog, and of no use. */
_Noreturn static inline void wait_for_ever(void) {
	for (uint32_t seen = ticks;;) {
		while (ticks == seen) wait_for_interrupt();
		seen = ticks;
		watchdog_kick();
	}
}

/* A bug that the hart finds. */
_Noreturn static inline void crash(void) {
	__asm__ volatile(".half 0");
	__builtin_unreachable();
}

/* A bug that only the watchdog finds. */
_Noreturn static inline void hang(void) {
	csr_clear(mstatus, MSTATUS_MIE);
	for (;;) __asm__ volatile("");
}

#endif
