/* The watchdog is kicked for work alone, so it bites a version that has none. Right: without work at every third tick. */
#include "mutant.h"

void __real_watchdog_service(bool idle);

void __wrap_watchdog_service(bool idle) {
#if RIGHT
	static uint32_t idle_ticks;
	if (idle && ++idle_ticks % 3 != 0) return;
#else
	if (idle) idle = false;
#endif
	__real_watchdog_service(idle);
}
