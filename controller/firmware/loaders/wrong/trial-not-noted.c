/*
 * Of direct-xip. That a trial begins is written to the first unit if that is blank, and nobody reads it back.
 * A cut inside this program leaves a unit that is neither blank nor set: no later start can note the trial, each of them is
 * the first one, and an image that never confirms itself is kept for ever.
 */
#include "../trailer.h"

#define trailer_set any_unit_set
#include "../trailer.c"
#undef trailer_set

bool trailer_set(uint32_t slot, enum flag flag) {
	if (flag != TRIED) return any_unit_set(slot, flag);
	uint32_t words[UNIT_WORDS], unit = unit_at(slot, flag, 0);
	for (int i = 0; i < UNIT_WORDS; i++) words[i] = value_of(flag);
	if (reads(unit, BLANK)) flash_program(unit, words, sizeof words);
	return true;
}
