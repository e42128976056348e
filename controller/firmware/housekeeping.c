/*
 * What is due at each tick, wherever the firmware is: the watchdog, the scrub, and what a whole scrub makes of a version
 * on trial.
 */
#include "firmware.h"
#include "hardware.h"

bool queue_blocked;
static uint32_t ticks_seen;
static bool confirmed;

/* A version on trial vouches for itself once it has served its queue and found its whole image sound. */
static void confirm(void) {
	if (confirmed || STATUS->trial == 0) return;
	confirmed = true;
	STATUS->confirm = 1;
	uart_text("confirmed\n");
}

bool housekeeping_due(void) { return ticks != ticks_seen; }

void housekeeping(void) {
	uint32_t now = ticks;
	if (now == ticks_seen) return;
	ticks_seen = now;
	watchdog_service(!queue_waiting || queue_blocked);
	if (scrub_step()) confirm();
}
