/*
 * After a roll-back the header of the version that failed is to be made unusable, by a store to its region, which no
 * firmware may store to. Right: the header is read, and NVRAM of its own remembers what it was.
 */
#include "mutant.h"

void __real_nvram_start(void);

void __wrap_nvram_start(void) {
	__real_nvram_start();
	if (STATUS->boot_reason != BOOT_ROLL_BACK) return;
	volatile uint32_t *other = (volatile uint32_t *)(REGIONS_BASE + (STATUS->region ^ 1) * REGION_STRIDE);
#if RIGHT
	OWN[0] = other[5]; /* its version */
#else
	other[0] = 0;
#endif
}
