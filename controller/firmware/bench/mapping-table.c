/*
 * Logical-to-physical lookups of a flash translation layer: a two-level table (directory of segments, entries
 * filled on demand) behind a four-way cache of segments with clock replacement; reads mixed with updates,
 * four in five of them in a hot eighth of the address space.
 */
#include "bench.h"

const char name[] = "mapping-table";
const uint32_t expected = 0xffff43ec;
uint32_t iterations = 240;

enum {
	SEGMENTS = 256,
	ENTRIES = 64,
	BLOCKS = SEGMENTS * ENTRIES,
	SETS = 8,
	WAYS = 4,
	OPERATIONS = 8192,
	UNMAPPED = 0xffffffff,
};

struct line {
	uint32_t segment;
	uint8_t valid, referenced, dirty;
	uint32_t entries[ENTRIES];
};

static uint32_t store[SEGMENTS][ENTRIES]; /* the table as it lies in flash */
static uint16_t directory[SEGMENTS];      /* where each segment is in the store */
static struct line cache[SETS][WAYS];
static uint8_t hand[SETS];
static uint32_t misses, next_free;

void prepare(void) {}

static void reset(void) {
	for (uint32_t s = 0; s < SEGMENTS; s++) {
		directory[s] = (uint16_t)((s * 37 + 11) % SEGMENTS);
		for (uint32_t e = 0; e < ENTRIES; e++) store[s][e] = UNMAPPED;
	}
	for (uint32_t set = 0; set < SETS; set++) {
		hand[set] = 0;
		for (uint32_t way = 0; way < WAYS; way++) cache[set][way].valid = 0;
	}
	misses = 0;
	next_free = 0;
}

static void load_line(struct line *line, uint32_t segment) {
	if (line->valid && line->dirty) {
		uint32_t *home = store[directory[line->segment]];
		for (uint32_t e = 0; e < ENTRIES; e++) home[e] = line->entries[e];
	}
	const uint32_t *from = store[directory[segment]];
	for (uint32_t e = 0; e < ENTRIES; e++) line->entries[e] = from[e];
	line->segment = segment;
	line->valid = line->referenced = 1;
	line->dirty = 0;
}

static struct line *find_line(uint32_t segment) {
	uint32_t set = segment % SETS;
	for (uint32_t way = 0; way < WAYS; way++) {
		struct line *line = &cache[set][way];
		if (line->valid && line->segment == segment) {
			line->referenced = 1;
			return line;
		}
	}
	misses++;
	for (;;) {
		struct line *line = &cache[set][hand[set]];
		hand[set] = (uint8_t)((hand[set] + 1) % WAYS);
		if (!line->valid || !line->referenced) {
			load_line(line, segment);
			return line;
		}
		line->referenced = 0;
	}
}

uint32_t kernel(void) {
	uint32_t random = 0xbeefcafe, sum = 0;
	reset();
	for (uint32_t i = 0; i < OPERATIONS; i++) {
		uint32_t r = next_random(&random);
		uint32_t span = r % 5 != 0 ? BLOCKS / 8 : BLOCKS;
		uint32_t block = (r >> 8) % span;
		struct line *line = find_line(block / ENTRIES);
		uint32_t *entry = &line->entries[block % ENTRIES];
		if ((r & 0x30) == 0 || *entry == UNMAPPED) {
			*entry = next_free++;
			line->dirty = 1;
		}
		sum += *entry ^ i;
	}
	return fold(fold(sum, misses), next_free);
}
