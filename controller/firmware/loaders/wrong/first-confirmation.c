/*
 * Of direct-xip. A confirmation is looked for in its first unit alone.
 * A cut inside the confirmation may leave that unit undecided. Where the next start reads it as set, the image runs, confirms
 * itself again, in the second unit, and is told that it is confirmed; a later start reads the first one as not set, and
 * gives a confirmed image back.
 */
#include "../trailer.h"

#define trailer_has any_unit_has
#include "../trailer.c"
#undef trailer_has

bool trailer_has(uint32_t slot, enum flag flag) {
	if (flag == IMAGE_OK) return reads(unit_at(slot, flag, 0), value_of(flag));
	return any_unit_has(slot, flag);
}
