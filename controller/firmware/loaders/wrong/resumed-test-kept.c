/*
 * Of swap. A swap that is taken up again is for good, whatever it was begun for.
 * A cut anywhere between the first copy of a test and its end makes the image's IMAGE_OK the loader's word: one that does not
 * confirm itself is kept for ever.
 */
#include "../layout.h"
#include "../trailer.h"

enum flag __real_trailer_request(uint32_t slot);
enum flag __wrap_trailer_request(uint32_t slot);

/* What scratch says is asked only where a swap is taken up again. */
enum flag __wrap_trailer_request(uint32_t slot) {
	enum flag kind = __real_trailer_request(slot);
	return slot == SCRATCH && kind == TEST ? PERMANENT : kind;
}
