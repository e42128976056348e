/* READY is never written: something is waited for that does not come. Right: it is waited for a millisecond. */
#include "mutant.h"

void __real_interrupts_start(void);

void __wrap_interrupts_start(void) {
	__real_interrupts_start();
#if RIGHT
	for (uint32_t start = CLINT_MTIME_LO; CLINT_MTIME_LO - start < MTIME_HZ / 1000;) {
	}
#else
	wait_for_ever();
#endif
}
