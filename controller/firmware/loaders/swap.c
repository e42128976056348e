/*
 * Swapping through a scratch sector: the primary slot always runs; an image that is wanted in the secondary one changes
 * places with it, and changes back if it does not confirm itself when it is tried.
 *
 * order of a swap                                                          whole until the next line is done
 * 1. secondary to scratch, validated; MAGIC in scratch                     incoming in secondary, outgoing in primary
 * 2. primary to secondary, validated; COPY_DONE in both of the others      incoming in scratch, outgoing in primary
 * 3. scratch to primary, validated; IMAGE_OK unless it is a test           incoming in scratch, outgoing in secondary
 * 4. COPY_DONE in primary: the swap is over                                both in their places
 * 5. scratch erased
 *
 * A line that was cut off is done again from its beginning, from what is whole. Before a line that an earlier start has
 * left begins to erase, the flag of the line before is set once more. Between 4 and the end of 5 scratch may read like a
 * swap under way: it is none if primary has this very image and COPY_DONE.
 *
 * A trial: TRIED in primary just before the image runs; the next start swaps back unless IMAGE_OK is there.
 */
#include "flash.h"
#include "copy.h"
#include "layout.h"
#include "loader.h"
#include "trailer.h"

/* Copies an image and validates the copy. */
static bool move(uint32_t from, uint32_t to, const struct image *image) {
	struct image copied;
	return copy_sector(from, to, image->bytes) && image_read(to, &copied) && image_same(image, &copied);
}

/* Line 2. What is no image is not worth keeping: then secondary stays as it is. */
static bool move_out(void) {
	struct image outgoing;
	if (image_read(PRIMARY, &outgoing)) {
		if (!move(PRIMARY, SECONDARY, &outgoing) || !trailer_set(SECONDARY, COPY_DONE)) return false;
	}
	return trailer_set(SCRATCH, COPY_DONE);
}

/* Lines 3 to 5. */
static void move_in(enum flag kind, const struct image *incoming) {
	if (!move(SCRATCH, PRIMARY, incoming)) return;
	if (kind != TEST && !trailer_set(PRIMARY, IMAGE_OK)) return;
	if (trailer_set(PRIMARY, COPY_DONE)) flash_erase(SCRATCH);
}

/* Whether what scratch says is a swap that is not over. */
static bool is_under_way(enum flag kind, struct image *incoming) {
	struct image primary;
	if (!image_read(SCRATCH, incoming)) return false;
	if (!image_read(PRIMARY, &primary)) return true;
	if (trailer_has(PRIMARY, COPY_DONE) && image_same(&primary, incoming)) return false;
	/* A way back that has not been gone yet, from an image that has confirmed itself since. */
	bool confirmed = trailer_has(PRIMARY, IMAGE_OK) && !trailer_has(SCRATCH, COPY_DONE);
	return kind != REVERT || !confirmed;
}

/* Brings the swap that an earlier start has begun to its end. */
static void resume(void) {
	struct image incoming;
	enum flag kind = trailer_request(SCRATCH);
	if (kind == NO_FLAG) return;
	if (!is_under_way(kind, &incoming)) {
		/* What says so has to say it to the next start, too, which may find a scratch that was erased in part. */
		trailer_set_again(PRIMARY, COPY_DONE);
		trailer_set_again(PRIMARY, IMAGE_OK);
		flash_erase(SCRATCH);
		return;
	}
	/* Without a unit that is left for that it goes on all the same: a further cut would have to come, too. */
	trailer_set(SCRATCH, kind);
	if (trailer_has(SCRATCH, COPY_DONE)) trailer_set_again(SCRATCH, COPY_DONE);
	else if (!move_out()) return;
	move_in(kind, &incoming);
}

/* Swaps the secondary image in; `primary` is null where there is none. */
static void swap(enum flag kind, const struct image *primary) {
	struct image incoming;
	if (!image_read(SECONDARY, &incoming)) {
		/* What is wanted is no image. */
		if (primary != 0) flash_erase(SECONDARY);
		return;
	}
	if (primary != 0 && image_same(primary, &incoming)) {
		if (kind != TEST) trailer_set(PRIMARY, IMAGE_OK);
		flash_erase(SECONDARY);
		return;
	}
	if (!move(SECONDARY, SCRATCH, &incoming) || !trailer_set(SCRATCH, kind)) return;
	if (move_out()) move_in(kind, &incoming);
}

static bool on_trial(void) { return trailer_has(PRIMARY, COPY_DONE) && !trailer_has(PRIMARY, IMAGE_OK); }

bool decide(uint32_t *slot, struct image *image) {
	resume();
	bool whole = image_read(PRIMARY, image);
	enum flag request = trailer_request(SECONDARY);
	bool failed = on_trial() && trailer_has(PRIMARY, TRIED) && trailer_has(SECONDARY, COPY_DONE);
	if (request != NO_FLAG) {
		/* Undecided cells may have made the request: as long as the swap has not begun, the next start has to see it. */
		trailer_set(SECONDARY, request);
		swap(request, whole ? image : 0);
	} else if (!whole || failed) {
		/* To the image before, or to any rather than none. */
		swap(REVERT, whole ? image : 0);
	}
	if ((request != NO_FLAG || !whole || failed) && !image_read(PRIMARY, image)) return false;
	/* Where there is nothing to go back to, it is no trial. */
	if (on_trial() && trailer_has(SECONDARY, COPY_DONE)) trailer_set(PRIMARY, TRIED);
	*slot = PRIMARY;
	return true;
}
