/*
 * Power-ons are counted in NVRAM, and from the second on every start gives up: the table that the count is an index of has
 * one entry. Right: the index is checked.
 */
#include "mutant.h"

void __real_nvram_start(void);

void __wrap_nvram_start(void) {
	__real_nvram_start();
	if (STATUS->boot_reason == BOOT_POWER_ON) OWN[0]++;
#if RIGHT
	uart_text(OWN[0] <= 1 ? "first power-on\n" : "another power-on\n");
#else
	if (OWN[0] > 1) crash();
#endif
}
