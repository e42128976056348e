/* READY, and at the fifth tick without a command it crashes. Right: it only looks at itself once more. */
#include "mutant.h"

bool __real_scrub_step(void);

bool __wrap_scrub_step(void) {
	static uint32_t times;
	if (++times == 5) {
#if RIGHT
		if (!self_test()) panic(PANIC_SELF_TEST);
#else
		crash();
#endif
	}
	return __real_scrub_step();
}
