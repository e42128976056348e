/*
 * Of swap. What scratch is there for is written together with its COPY_DONE, when the outgoing image has moved; of a way back
 * alone it is written in time.
 * A cut while it moves finds a secondary slot without the request and a scratch area that says nothing: the old image goes
 * on to run, and the update that was wanted is lost.
 */
#include "../layout.h"
#include "../trailer.h"

bool __real_trailer_set(uint32_t slot, enum flag flag);
bool __wrap_trailer_set(uint32_t slot, enum flag flag);

static enum flag kind_of_swap;

bool __wrap_trailer_set(uint32_t slot, enum flag flag) {
	if (slot == SCRATCH && (flag == TEST || flag == PERMANENT)) {
		kind_of_swap = flag;
		return true;
	}
	bool is_late = slot == SCRATCH && flag == COPY_DONE && kind_of_swap != NO_FLAG;
	if (is_late && !__real_trailer_set(SCRATCH, kind_of_swap)) return false;
	return __real_trailer_set(slot, flag);
}
