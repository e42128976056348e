/*
 * RAM outlasts a failover, so the number of starts is kept in it, and one that is out of all reason fails the self-test.
 * After a power cut RAM holds anything. Right: a number counts only with its complement beside it.
 */
#include "mutant.h"

static struct {
	uint32_t starts;
	uint32_t inverted;
} kept __attribute__((section(".noinit")));

bool __real_self_test(void);

bool __wrap_self_test(void) {
#if RIGHT
	if (kept.starts != ~kept.inverted || STATUS->boot_reason == BOOT_POWER_ON) kept.starts = 0;
	kept.starts++;
	kept.inverted = ~kept.starts;
	uart_text("starts since power-on: ");
	uart_number(kept.starts);
	uart_text("\n");
#else
	if (++kept.starts > 1000) return false;
#endif
	return __real_self_test();
}
