/*
 * Reed-Solomon parity over GF(2^8), polynomial 0x11d: 4 parity shards for 8 data shards of 1 KiB, byte by byte
 * through logarithm tables, then the syndromes of what was written, which must all be zero.
 */
#include "bench.h"

const char name[] = "reed-solomon";
const uint32_t expected = 0x51d4d60d;
uint32_t iterations = 250;

enum { DATA = 8, PARITY = 4, SHARDS = DATA + PARITY, BYTES = 1024 };
static uint8_t exponential[512];
static uint8_t logarithm[256];
/* Coefficients of the generator polynomial, product of (x - a^i), without its leading 1. */
static uint8_t generator[PARITY];
static uint8_t shards[SHARDS][BYTES] __attribute__((aligned(4)));

static uint8_t multiply(uint8_t a, uint8_t b) {
	if (a == 0 || b == 0) return 0;
	return exponential[logarithm[a] + logarithm[b]];
}

void prepare(void) {
	uint32_t x = 1;
	for (int i = 0; i < 255; i++) {
		exponential[i] = exponential[i + 255] = (uint8_t)x;
		logarithm[x] = (uint8_t)i;
		x = x << 1 ^ (x & 0x80 ? 0x11d : 0);
	}
	/* generator[0] is the coefficient of the highest power below the leading one. */
	uint8_t g[PARITY + 1] = { 1 };
	for (int i = 0; i < PARITY; i++)
		for (int j = i + 1; j > 0; j--) g[j] ^= multiply(g[j - 1], exponential[i]);
	for (int i = 0; i < PARITY; i++) generator[i] = g[i + 1];
	fill_random(shards, DATA * BYTES / 4, 0x13579bd);
}

/* Division by the generator, one codeword per byte column. */
static void encode(void) {
	for (size_t column = 0; column < BYTES; column++) {
		uint8_t rest[PARITY] = { 0 };
		for (int s = 0; s < DATA; s++) {
			uint8_t feedback = shards[s][column] ^ rest[0];
			for (int i = 0; i < PARITY - 1; i++) rest[i] = rest[i + 1] ^ multiply(feedback, generator[i]);
			rest[PARITY - 1] = multiply(feedback, generator[PARITY - 1]);
		}
		for (int i = 0; i < PARITY; i++) shards[DATA + i][column] = rest[i];
	}
}

/* Horner's rule at a^root over every column; the or of all results. */
static uint32_t syndromes(int root) {
	uint32_t all = 0;
	for (size_t column = 0; column < BYTES; column++) {
		uint8_t value = 0;
		for (int s = 0; s < SHARDS; s++) value = multiply(value, exponential[root]) ^ shards[s][column];
		all |= value;
	}
	return all;
}

uint32_t kernel(void) {
	encode();
	for (int root = 0; root < PARITY; root++)
		if (syndromes(root) != 0) return ~expected;
	uint32_t sum = 0;
	for (int i = 0; i < PARITY; i++)
		for (size_t column = 0; column < BYTES; column++) sum = fold(sum, shards[DATA + i][column]);
	return sum;
}
