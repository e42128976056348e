/* At its third tick it withdraws READY for another self-test, and forgets to write it again. Right: it does not forget. */
#include "mutant.h"

bool __real_scrub_step(void);

bool __wrap_scrub_step(void) {
	static uint32_t times;
	if (++times == 3) {
		STATUS->ready = 0;
		if (!self_test()) panic(PANIC_SELF_TEST);
#if RIGHT
		STATUS->ready = 1;
#endif
	}
	return __real_scrub_step();
}
