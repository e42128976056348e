/*
 * A record whose two words do not match is thrown away, although a cut between their stores makes them so. Right: only
 * one that no cut explains is.
 */
#include "mutant.h"

void __real_nvram_start(void);

void __wrap_nvram_start(void) {
	uint32_t ahead = SERVED[0] - ~SERVED[1];
#if RIGHT
	bool damaged = ahead > COMPLETION_BATCH_MAX;
#else
	bool damaged = ahead != 0;
#endif
	if (damaged) {
		uart_text("record thrown away\n");
		SERVED[0] = 0;
		SERVED[1] = UINT32_MAX;
	}
	__real_nvram_start();
}
