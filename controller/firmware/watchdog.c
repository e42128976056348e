/* The watchdog: started once and for all, and kicked at ticks of the main loop only. */
#include "firmware.h"
#include "hardware.h"

enum { PERIOD_US = 100000 };

uint32_t work_done;
static uint32_t work_at_kick;

void watchdog_start(void) { WATCHDOG->period = PERIOD_US; }

void watchdog_kick(void) { WATCHDOG->kick = WATCHDOG_KICK; }

void watchdog_service(bool idle) {
	if (!idle && work_done == work_at_kick) return;
	work_at_kick = work_done;
	watchdog_kick();
}
