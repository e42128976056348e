/*
 * A version on trial says that it works with its first instructions. With FAILS it does not, either: its self-test fails
 * after the update. Right: it says so as soon as it is ready, without waiting for the scrub.
 */
#include "mutant.h"

#if RIGHT
void __real_housekeeping(void);
static bool confirmed;

void __wrap_housekeeping(void) {
	if (!confirmed && STATUS->trial != 0) STATUS->confirm = 1;
	confirmed = true;
	__real_housekeeping();
}
#else
void __real_watchdog_start(void);

void __wrap_watchdog_start(void) {
	__real_watchdog_start();
	if (STATUS->trial != 0) STATUS->confirm = 1;
}

bool __real_self_test(void);

bool __wrap_self_test(void) { return !(FAILS && STATUS->boot_reason == BOOT_ACTIVATION) && __real_self_test(); }
#endif
