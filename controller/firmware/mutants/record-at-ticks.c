/*
 * To spare the NVRAM the record is stored at a tick, for all commands that were completed since the last one. Right: it is
 * stored for eight commands at once, before the first of them.
 */
#include "mutant.h"

void __real_nvram_add_served(uint32_t commands);

#if RIGHT
static uint32_t reserved;

void __wrap_nvram_add_served(uint32_t commands) {
	while (reserved < commands) {
		__real_nvram_add_served(COMPLETION_BATCH_MAX);
		reserved += COMPLETION_BATCH_MAX;
	}
	reserved -= commands;
}
#else
bool __real_scrub_step(void);
static uint32_t unrecorded;

void __wrap_nvram_add_served(uint32_t commands) { unrecorded += commands; }

/* Once at each tick. */
bool __wrap_scrub_step(void) {
	if (unrecorded != 0) __real_nvram_add_served(unrecorded);
	unrecorded = 0;
	return __real_scrub_step();
}
#endif
