/* The record is initialised at power-on, as though it were RAM. Right: it is stored anew with what it holds. */
#include "mutant.h"

void __real_nvram_start(void);

void __wrap_nvram_start(void) {
#if RIGHT
	__real_nvram_start();
	uint32_t served = SERVED[0];
	SERVED[0] = served;
	SERVED[1] = ~served;
#else
	if (STATUS->boot_reason == BOOT_POWER_ON) {
		SERVED[0] = 0;
		SERVED[1] = UINT32_MAX;
	}
	__real_nvram_start();
#endif
}
