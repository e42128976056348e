/* The watchdog's window is longer than a tick. Right: it is shorter than the shortest time between two kicks. */
#include "mutant.h"

void __real_watchdog_start(void);

void __wrap_watchdog_start(void) {
	WATCHDOG->window = RIGHT ? 1000 : 50000;
	__real_watchdog_start();
}
