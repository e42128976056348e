/*
 * Start and main loop: what woke the hart is looked at, done, and the hart sleeps again. WITH_QUEUE 0 makes a version
 * that serves no host at all, WITH_UPDATE 1 one that updates regions by itself.
 */
#include "board.h"
#include "plain.h"

enum { PERIOD_US = 200000, TICK_MS = 20, CONFIRM_AFTER = 3 /* ticks */ };

static void say(const char *text) {
	while (*text != '\0') UART_DATA = (uint8_t)*text++;
}

static uint64_t now(void) {
	uint32_t high, low;
	do {
		high = MTIME_HI;
		low = MTIME_LO;
	} while (high != MTIME_HI);
	return (uint64_t)high << 32 | low;
}

static uint64_t alarm;

static void set_alarm(void) {
	alarm = now() + TICK_MS * TICKS_PER_MS;
	MTIMECMP_HI = UINT32_MAX; /* it does not ring for half of the new time */
	MTIMECMP_LO = (uint32_t)alarm;
	MTIMECMP_HI = (uint32_t)(alarm >> 32);
}

/* A version on trial that has been up for some ticks works. */
static void tick(void) {
	static uint32_t ticks;
	WATCHDOG_KICK = KICK;
	if (++ticks == CONFIRM_AFTER && TRIAL != 0) {
		CONFIRM = 1;
		say("plain works\n");
	}
	set_alarm();
}

#if WITH_UPDATE
void pass_time(void) {
	if (now() >= alarm) tick();
	wait_for(TIMER | EXTERNAL);
}
#endif

_Noreturn void main(void) {
	WATCHDOG_PERIOD = PERIOD_US;
	say("plain " VERSION "\n");
	record_start();
	record.starts++;
	record_store();
	if (!self_test()) FAULT = FAILED_SELF_TEST;
	CAPABILITIES = CAN_DECLARED | (WITH_QUEUE ? CAN_QUEUE : 0) | (WITH_UPDATE ? CAN_UPDATE : 0);
	set_alarm();
	READY = 1;
	for (;;) {
		uint32_t awaited = TIMER;
		if (WITH_QUEUE && queue_serve()) awaited |= EXTERNAL;
		if (now() >= alarm) tick();
		wait_for(awaited);
	}
}
