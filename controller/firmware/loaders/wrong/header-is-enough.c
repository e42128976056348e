/*
 * Of overwrite. Where primary begins with the header of the image that is wanted, the copy is taken for done: neither
 * COPY_DONE nor what is behind the header is looked at.
 * A cut in the copying, behind its first unit, leaves an image that is new in front and blank behind: it runs, and the whole
 * one in secondary is erased.
 */
#include "../loader.h"
#include "header.h"

static bool go_on(uint32_t *slot, struct image *image);

#define decide go_on
#include "../overwrite.c"
#undef decide

bool decide(uint32_t *slot, struct image *image) {
	struct image incoming;
	bool wanted = trailer_request(SECONDARY) != NO_FLAG && image_read(SECONDARY, &incoming);
	if (!wanted || !header_read(PRIMARY, image) || image->version != incoming.version) return go_on(slot, image);
	flash_erase(SECONDARY);
	*slot = PRIMARY;
	return true;
}
