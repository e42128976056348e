/* XOR parity of eight 8 KiB strips, four words at a time, then the rebuild of one lost strip from the rest. */
#include "bench.h"

const char name[] = "xor-parity";
const uint32_t expected = 0xef43d7c0;
uint32_t iterations = 4500;

enum { STRIPS = 8, WORDS = 2048, LOST = 3 };
static uint32_t strips[STRIPS][WORDS];
static uint32_t parity[WORDS];
static uint32_t rebuilt[WORDS];

static void xor_into(uint32_t *to, const uint32_t *from) {
	for (size_t i = 0; i < WORDS; i += 4) {
		to[i] ^= from[i];
		to[i + 1] ^= from[i + 1];
		to[i + 2] ^= from[i + 2];
		to[i + 3] ^= from[i + 3];
	}
}

static void clear(uint32_t *to) {
	for (size_t i = 0; i < WORDS; i++) to[i] = 0;
}

void prepare(void) { fill_random(strips, STRIPS * WORDS, 0x2468ace); }

uint32_t kernel(void) {
	clear(parity);
	for (int s = 0; s < STRIPS; s++) xor_into(parity, strips[s]);
	clear(rebuilt);
	xor_into(rebuilt, parity);
	for (int s = 0; s < STRIPS; s++)
		if (s != LOST) xor_into(rebuilt, strips[s]);
	uint32_t sum = 0;
	for (size_t i = 0; i < WORDS; i++) {
		if (rebuilt[i] != strips[LOST][i]) return ~expected;
		sum = fold(sum, parity[i]);
	}
	return sum;
}
