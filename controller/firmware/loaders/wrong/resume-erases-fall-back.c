/*
 * Of swap. After a swap that was taken up again everything but primary is erased, since a cut may have left anything there.
 * A cut anywhere between the first copy and the end of a swap takes away the image before, while the new one is on trial:
 * there is nothing to go back to.
 */
#include "../loader.h"

static bool bring_to_its_end(uint32_t *slot, struct image *image);

#define decide bring_to_its_end
#include "../swap.c"
#undef decide

bool decide(uint32_t *slot, struct image *image) {
	bool was_cut_off = trailer_request(SCRATCH) != NO_FLAG;
	if (!bring_to_its_end(slot, image)) return false;
	if (was_cut_off) flash_erase(SECONDARY);
	return true;
}
