/*
 * A record that is torn is put right, and then the version gives up, to be on the safe side. A cut tears it, and is no
 * reason to fail. Right: it gives up over a record that no cut explains, as rot makes one; it is put right before, so that
 * this is the only time.
 */
#include "mutant.h"

void __real_nvram_start(void);

void __wrap_nvram_start(void) {
	uint32_t value = SERVED[0], inverted = SERVED[1], ahead = value - ~inverted;
	bool blank = value == inverted;
	__real_nvram_start();
	if (blank || ahead == 0) return;
#if RIGHT
	if (ahead <= COMPLETION_BATCH_MAX) return;
#endif
	panic(PANIC_SELF_TEST);
}
