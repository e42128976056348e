/*
 * A mark in NVRAM says that the device ran before. At a power-on that finds it READY is never written: the clean end that
 * is waited for cannot have been recorded. Right: the mark is only told.
 */
#include "mutant.h"

enum { RAN = 0x52414e21 };

void __real_interrupts_start(void);

void __wrap_interrupts_start(void) {
	__real_interrupts_start();
	if (OWN[0] == RAN && STATUS->boot_reason == BOOT_POWER_ON) {
#if RIGHT
		uart_text("ran before\n");
#else
		wait_for_ever();
#endif
	}
	OWN[0] = RAN;
}
