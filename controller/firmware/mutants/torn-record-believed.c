/*
 * Another way to store the record: its first word is 0 while the second is written. After a cut in between the 0 is
 * believed. Right: a first word that does not match the second is rejected, and the second counts.
 */
#include "mutant.h"

static uint32_t served;

static void store(void) {
	SERVED[0] = 0;
	SERVED[1] = ~served;
	SERVED[0] = served;
}

void __wrap_nvram_start(void) {
	uint32_t value = SERVED[0], inverted = SERVED[1];
	bool blank = value == inverted && (value == 0 || value == UINT32_MAX);
#if RIGHT
	served = blank ? 0 : ~inverted;
#else
	served = blank ? 0 : value;
#endif
	if (blank || value != ~inverted) store();
}

void __wrap_nvram_add_served(uint32_t commands) {
	served += commands;
	store();
}
