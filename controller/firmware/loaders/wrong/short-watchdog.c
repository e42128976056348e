/*
 * Of overwrite, on flash that takes its time. The watchdog gets its long period where an update is begun, and else a
 * short one, in which no sector can be erased.
 * A cut in the copying leaves no image in primary and so no update that is begun: each start is reset in the erase of
 * primary, for ever.
 */
#include "../board.h"
#include "../loader.h"

/* In microseconds. */
#define WATCHDOG_PERIOD 0x10010000u
enum { SHORT_US = 250 * 1000, LONG_US = 5000 * 1000 };

static bool go_on(uint32_t *slot, struct image *image);

#define decide go_on
#include "../overwrite.c"
#undef decide

bool decide(uint32_t *slot, struct image *image) {
	guarded_store(WATCHDOG_PERIOD, SHORT_US);
	bool begins = image_read(PRIMARY, image) && trailer_request(SECONDARY) != NO_FLAG;
	if (begins) guarded_store(WATCHDOG_PERIOD, LONG_US);
	return go_on(slot, image);
}
