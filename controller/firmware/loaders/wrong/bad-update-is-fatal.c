/*
 * Of overwrite. What is wanted in secondary and is no image keeps the loader from starting anything.
 * Primary is whole, and does not run: at each start after the request for a bad image, without a cut, or after a cut in the
 * erase of secondary that has left the request.
 */
#include "../loader.h"

static bool go_on(uint32_t *slot, struct image *image);

#define decide go_on
#include "../overwrite.c"
#undef decide

bool decide(uint32_t *slot, struct image *image) {
	struct image incoming;
	if (trailer_request(SECONDARY) != NO_FLAG && !image_read(SECONDARY, &incoming)) return false;
	return go_on(slot, image);
}
