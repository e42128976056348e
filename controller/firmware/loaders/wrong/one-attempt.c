/*
 * Of overwrite. An update is begun once: that it was is noted before, and what was begun is not begun again as long as
 * primary is whole.
 * A cut between the note and the erase of primary leaves the old image whole: a request that was acknowledged is ignored from
 * then on.
 */
#include "../loader.h"

static bool go_on(uint32_t *slot, struct image *image);

#define decide go_on
#include "../overwrite.c"
#undef decide

bool decide(uint32_t *slot, struct image *image) {
	*slot = PRIMARY;
	if (trailer_has(SECONDARY, TRIED) && image_read(PRIMARY, image)) return true;
	if (trailer_request(SECONDARY) != NO_FLAG) trailer_set(SECONDARY, TRIED);
	return go_on(slot, image);
}
