/* Flags in units of their own, at the end of a sector. */
#include "trailer.h"

#include "flash.h"
#include "layout.h"

enum { FLAGS = 8, COPIES = 16, UNIT_WORDS = UNIT_BYTES / 4 };
#define BLANK 0xffffffffu

_Static_assert(TRAILER_OFFSET + FLAGS * COPIES * UNIT_BYTES == SECTOR_BYTES, "the trailer ends with its sector");

/* Each word of a unit, to be read in a dump of the flash. */
static uint32_t value_of(enum flag flag) {
	static const char values[FLAGS][4] = { "none", "test", "keep", "back", "trid", "done", "okay" };
	const char *text = values[flag];
	return (uint32_t)text[0] | (uint32_t)text[1] << 8 | (uint32_t)text[2] << 16 | (uint32_t)text[3] << 24;
}

static uint32_t unit_at(uint32_t slot, enum flag flag, uint32_t copy) {
	return slot + TRAILER_OFFSET + (flag * COPIES + copy) * UNIT_BYTES;
}

static bool reads(uint32_t unit, uint32_t value) {
	uint32_t words[UNIT_WORDS];
	if (!flash_read(unit, words, sizeof words)) return false;
	uint32_t difference = 0;
	for (int i = 0; i < UNIT_WORDS; i++) difference |= words[i] ^ value;
	return difference == 0;
}

bool trailer_has(uint32_t slot, enum flag flag) {
	for (uint32_t copy = 0; copy < COPIES; copy++)
		if (reads(unit_at(slot, flag, copy), value_of(flag))) return true;
	return false;
}

bool trailer_set(uint32_t slot, enum flag flag) {
	uint32_t words[UNIT_WORDS];
	for (int i = 0; i < UNIT_WORDS; i++) words[i] = value_of(flag);
	for (uint32_t copy = 0; copy < COPIES; copy++) {
		uint32_t unit = unit_at(slot, flag, copy);
		if (reads(unit, BLANK) && flash_program(unit, words, sizeof words) && reads(unit, words[0])) return true;
	}
	return false;
}

void trailer_set_again(uint32_t slot, enum flag flag) {
	if (trailer_has(slot, flag)) trailer_set(slot, flag);
}

bool trailer_secured(uint32_t slot, enum flag flag) {
	uint32_t units = 0;
	for (uint32_t copy = 0; copy < COPIES; copy++)
		if (reads(unit_at(slot, flag, copy), value_of(flag))) units++;
	if (units == 1) trailer_set(slot, flag);
	return units > 0;
}

enum flag trailer_request(uint32_t slot) {
	if (trailer_has(slot, REVERT)) return REVERT;
	if (trailer_has(slot, PERMANENT)) return PERMANENT;
	return trailer_has(slot, TEST) ? TEST : NO_FLAG;
}
