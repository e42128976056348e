/*
 * Of direct-xip. The slot is chosen by what the headers say, and only what was chosen is validated.
 * Where a higher version that is wanted is damaged, or of another key, nothing starts, though the other slot is whole.
 * Without a cut, at each start behind the request; or after a cut in the writing of the image.
 */
#include "../loader.h"
#include "header.h"

static bool choose(uint32_t *slot, struct image *image);

#define image_read header_read
#define decide choose
#include "../direct-xip.c"
#undef image_read
#undef decide

bool decide(uint32_t *slot, struct image *image) {
	struct candidate primary, secondary;
	look(PRIMARY, &primary);
	look(SECONDARY, &secondary);
	struct candidate *first = goes_first(&primary, &secondary) ? &primary : &secondary;
	return image_read(first->slot, &first->image) && choose(slot, image);
}
