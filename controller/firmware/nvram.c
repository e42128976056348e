/*
 * Battery-backed: the number of commands served in the device's life, twice, the second time inverted. Power may
 * go between the two stores; then the first one counts, if it is ahead by no more than one batch.
 */
#include "firmware.h"
#include "hardware.h"

struct record {
	volatile uint32_t served;
	volatile uint32_t inverted;
};
#define RECORD ((struct record *)NVRAM_BASE)

static uint32_t served;

static void store(void) {
	RECORD->served = served;
	RECORD->inverted = ~served;
}

void nvram_start(void) {
	uint32_t value = RECORD->served, inverted = RECORD->inverted;
	bool blank = value == inverted && (value == 0 || value == UINT32_MAX);
	uint32_t ahead = value - ~inverted;
	if (!blank && ahead <= COMPLETION_BATCH_MAX) {
		served = value;
		if (ahead == 0) return;
	} else if (!blank) {
		uart_text("nvram damaged, counting from 0\n");
	}
	store();
}

void nvram_add_served(uint32_t commands) {
	if (RECORD->served != served || RECORD->inverted != ~served) uart_text("nvram damaged, repaired\n");
	served += commands;
	store();
}
