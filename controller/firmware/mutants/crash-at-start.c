/*
 * The start for one reason, REASON, takes a way that nobody ever went, and crashes on it. Right: it takes another way for
 * each reason, and all of them are sound.
 */
#include "mutant.h"

bool __real_self_test(void);

#if RIGHT
bool __wrap_self_test(void) {
	switch (STATUS->boot_reason) {
	case BOOT_POWER_ON: return __real_self_test() && __real_self_test();
	case BOOT_FAILOVER: uart_text("the other version failed\n"); return __real_self_test();
	case BOOT_RESTART: OWN[0]++; return __real_self_test();
	case BOOT_ACTIVATION: return STATUS->trial <= 1 && __real_self_test();
	case BOOT_ROLL_BACK: OWN[1] = STATUS->boot_epoch; return __real_self_test();
	default: return false;
	}
}
#else
bool __wrap_self_test(void) {
	if (STATUS->boot_reason == REASON) crash();
	return __real_self_test();
}
#endif
