/*
 * Direct execution in place: of two slots the one with the higher version runs where it stands. All that this loader ever
 * writes is flags, so a cut leaves both images what they were.
 *
 * An image that is to be given back may be tried once: TRIED is set, and read back, before it runs. If it has not
 * confirmed itself by the next start, the other one runs.
 */
#include "board.h"
#include "flash.h"
#include "layout.h"
#include "loader.h"
#include "trailer.h"

/* Of whole images; the higher one goes first, whatever the versions. */
enum rank {
	NONE,
	FAILED,	 /* was tried, and did not confirm itself */
	UNASKED, /* nobody has said anything about it */
	WANTED,	 /* somebody wants it to run, or it is confirmed */
};

struct candidate {
	uint32_t slot;
	enum rank rank;
	bool settled; /* needs no trial */
	struct image image;
};

static void look(uint32_t slot, struct candidate *candidate) {
	enum flag request = trailer_request(slot);
	candidate->slot = slot;
	candidate->rank = NONE;
	candidate->settled = false;
	if (!image_read(slot, &candidate->image)) return;
	candidate->settled = request == PERMANENT || trailer_has(slot, IMAGE_OK);
	if (!candidate->settled && trailer_has(slot, TRIED)) candidate->rank = FAILED;
	else candidate->rank = candidate->settled || request != NO_FLAG ? WANTED : UNASKED;
}

static bool goes_first(const struct candidate *one, const struct candidate *other) {
	if (one->rank != other->rank) return one->rank > other->rank;
	return one->image.version >= other->image.version;
}

/* What the choice hangs on may be what a cut left of one unit: the next start is to read the same. */
static void make_definite(const struct candidate *candidate) {
	if (candidate->rank == FAILED) trailer_secured(candidate->slot, TRIED);
	else if (candidate->settled && !trailer_secured(candidate->slot, IMAGE_OK)) trailer_secured(candidate->slot, PERMANENT);
}

bool decide(uint32_t *slot, struct image *image) {
	struct candidate primary, secondary;
	look(PRIMARY, &primary);
	look(SECONDARY, &secondary);
	if (primary.rank == NONE && secondary.rank == NONE) return false;
	make_definite(&primary);
	make_definite(&secondary);
	bool is_primary = goes_first(&primary, &secondary);
	struct candidate *first = is_primary ? &primary : &secondary, *other = is_primary ? &secondary : &primary;
	if (!first->settled && other->rank > FAILED) {
		/* A trial that cannot be noted would never end. */
		if (!trailer_set(first->slot, TRIED)) first = other;
	} else if (first->rank == UNASKED && other->rank == NONE) {
		/* An only image that nobody asked for is the factory's: what is uploaded beside it waits until it is wanted. */
		trailer_set(first->slot, IMAGE_OK);
	}
	*slot = first->slot;
	*image = first->image;
	return true;
}
