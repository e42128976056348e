/*
 * Of swap, on flash whose blocks are programmed once. COPY_DONE and TRIED are the halves of one unit, so that unit is
 * programmed twice between two erases.
 * At the first start of any trial, without a cut, the flash is used as it must not be; where it refuses, as flash with ECC
 * does, the trial is never noted and never ends.
 */
#include "../trailer.h"

#define trailer_has whole_unit_has
#define trailer_set whole_unit_set
#define trailer_set_again whole_unit_set_again
#include "../trailer.c"
#undef trailer_has
#undef trailer_set
#undef trailer_set_again

enum { HALF_WORDS = UNIT_WORDS / 2, HALF_BYTES = UNIT_BYTES / 2 };

static bool half_reads(uint32_t half, uint32_t value) {
	uint32_t words[HALF_WORDS], difference = 0;
	if (!flash_read(half, words, sizeof words)) return false;
	for (int i = 0; i < HALF_WORDS; i++) difference |= words[i] ^ value;
	return difference == 0;
}

bool trailer_has(uint32_t slot, enum flag flag) {
	if (flag != COPY_DONE && flag != TRIED) return whole_unit_has(slot, flag);
	for (uint32_t copy = 0; copy < COPIES; copy++)
		if (half_reads(unit_at(slot, COPY_DONE, copy) + (flag == TRIED ? HALF_BYTES : 0), value_of(flag))) return true;
	return false;
}

bool trailer_set(uint32_t slot, enum flag flag) {
	if (flag != COPY_DONE && flag != TRIED) return whole_unit_set(slot, flag);
	uint32_t words[UNIT_WORDS];
	for (int i = 0; i < UNIT_WORDS; i++) words[i] = i < HALF_WORDS ? value_of(COPY_DONE) : flag == TRIED ? value_of(TRIED) : BLANK;
	for (uint32_t copy = 0; copy < COPIES; copy++) {
		uint32_t unit = unit_at(slot, COPY_DONE, copy), half = flag == TRIED ? unit + HALF_BYTES : unit;
		if (!half_reads(unit, flag == TRIED ? value_of(COPY_DONE) : BLANK) || !half_reads(unit + HALF_BYTES, BLANK)) continue;
		if (flash_program(unit, words, sizeof words) && half_reads(half, value_of(flag))) return true;
	}
	return false;
}

void trailer_set_again(uint32_t slot, enum flag flag) {
	if (trailer_has(slot, flag)) trailer_set(slot, flag);
}
