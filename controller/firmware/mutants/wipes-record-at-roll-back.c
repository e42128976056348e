/*
 * After a roll-back all that the failed version may have left in NVRAM is wiped, and with it the record that both share.
 * Right: what no version shares with it is.
 */
#include "mutant.h"

void __real_nvram_start(void);

void __wrap_nvram_start(void) {
	if (STATUS->boot_reason == BOOT_ROLL_BACK)
		for (uint32_t i = 0; i < 16; i++) (RIGHT ? OWN : SERVED)[i] = 0;
	__real_nvram_start();
}
