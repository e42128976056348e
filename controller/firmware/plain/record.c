/*
 * The record in NVRAM: two slots that are written in turn, each with a CRC. Power may go between any two stores: then
 * the slot that was being written does not hold, and the other one still does.
 */
#include "board.h"
#include "plain.h"

enum { WORDS = sizeof(struct record) / 4 };

struct slot {
	volatile uint32_t words[WORDS];
	volatile uint32_t check;
};
/* Behind what another make of firmware may keep at the beginning. */
#define SLOTS ((struct slot *)(NVRAM + 0x1000))

struct record record;

/* Which store it was; 0, which none is, when the slot does not hold. Blank memory is no record either. */
static uint32_t sequence_of(const struct slot *slot) {
	uint32_t words[WORDS];
	for (uint32_t i = 0; i < WORDS; i++) words[i] = slot->words[i];
	return slot->check == crc32(words, WORDS) ? words[0] : 0;
}

void record_start(void) {
	const struct slot *newer = sequence_of(&SLOTS[1]) > sequence_of(&SLOTS[0]) ? &SLOTS[1] : &SLOTS[0];
	record.sequence = sequence_of(newer);
	if (record.sequence == 0) return; /* a record begins, all 0 */
	record.starts = newer->words[1];
	record.count = newer->words[2];
}

void record_store(void) {
	record.sequence++;
	struct slot *slot = &SLOTS[record.sequence & 1];
	const uint32_t words[WORDS] = { record.sequence, record.starts, record.count };
	for (uint32_t i = 0; i < WORDS; i++) slot->words[i] = words[i];
	slot->check = crc32(words, WORDS);
}
