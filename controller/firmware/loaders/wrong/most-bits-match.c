/*
 * Of direct-xip. A unit counts as set if three quarters of its bits are as they should be, and so nothing is seen in it that
 * was better written once more.
 * A cut inside the request or the confirmation may leave a unit whose bits read differently each time: about half of those
 * that were to change, so that one start takes it for set, and the next one does not: another image runs each time.
 */
#include "../trailer.h"

#define trailer_has exactly_has
#define trailer_request exact_request
#define trailer_secured exact_secured
#include "../trailer.c"
#undef trailer_has
#undef trailer_request
#undef trailer_secured

enum { UNIT_BITS = 8 * UNIT_BYTES };

static bool nearly_reads(uint32_t unit, uint32_t value) {
	uint32_t words[UNIT_WORDS], wrong = 0;
	if (!flash_read(unit, words, sizeof words)) return false;
	for (int i = 0; i < UNIT_WORDS; i++)
		for (uint32_t bits = words[i] ^ value; bits != 0; bits &= bits - 1) wrong++;
	return wrong <= UNIT_BITS / 4;
}

bool trailer_has(uint32_t slot, enum flag flag) {
	for (uint32_t copy = 0; copy < COPIES; copy++)
		if (nearly_reads(unit_at(slot, flag, copy), value_of(flag))) return true;
	return false;
}

enum flag trailer_request(uint32_t slot) {
	if (trailer_has(slot, REVERT)) return REVERT;
	if (trailer_has(slot, PERMANENT)) return PERMANENT;
	return trailer_has(slot, TEST) ? TEST : NO_FLAG;
}

bool trailer_secured(uint32_t slot, enum flag flag) { return trailer_has(slot, flag); }
