/*
 * Overwriting: the primary slot always runs, and an image that is wanted in the secondary one is copied over it.
 *
 * order of an update                                      a cut behind it leaves
 * 1. the request is set once more                         a request that every later start sees
 * 2. primary erased, copied, read back, validated         the request: all of it is done again
 * 3. COPY_DONE in primary                                 primary with this very image: only 4 is left
 * 4. secondary erased, and so the request                 anything in secondary, which is not needed any more
 *
 * The secondary image is whole until 3 is done, and after that nothing is copied from it.
 */
#include "flash.h"
#include "copy.h"
#include "layout.h"
#include "loader.h"
#include "trailer.h"

/* Whether primary holds a whole image afterwards. */
static bool install(bool primary_whole, struct image *primary, const struct image *incoming) {
	/* Undecided cells may have made the request: what is begun now has to be seen by the next start. */
	if (!trailer_set(SECONDARY, PERMANENT) && primary_whole) return true;
	if (!copy_sector(SECONDARY, PRIMARY, incoming->bytes)) return image_read(PRIMARY, primary);
	if (!image_read(PRIMARY, primary)) return false;
	if (trailer_set(PRIMARY, COPY_DONE)) flash_erase(SECONDARY);
	return true;
}

bool decide(uint32_t *slot, struct image *image) {
	struct image incoming;
	bool whole = image_read(PRIMARY, image), requested = trailer_request(SECONDARY) != NO_FLAG;
	*slot = PRIMARY;
	if (whole && !requested) return true;
	/* Without a request, too: an image that nobody asked for is better than none. */
	bool installable = image_read(SECONDARY, &incoming);
	bool installed = whole && installable && trailer_has(PRIMARY, COPY_DONE) && image_same(image, &incoming);
	if (installable && !installed) return install(whole, image, &incoming);
	if (!whole) return false;
	/* A cut in the erase may leave a secondary image that reads as whole: nobody may copy from that one. */
	trailer_set_again(PRIMARY, COPY_DONE);
	flash_erase(SECONDARY);
	return true;
}
