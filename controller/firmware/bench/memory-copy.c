/*
 * Copies of 4 KiB as a driver library has them: byte by byte, by words, by eight words, backwards, and a copy
 * from an odd address that loads aligned words and shifts them together.
 */
#include "bench.h"

const char name[] = "memory-copy";
const uint32_t expected = 0x192a8d65;
uint32_t iterations = 20000;

enum { BYTES = 4096, WORDS = BYTES / 4 };
static uint32_t source[WORDS + 1], target[WORDS + 1];

void prepare(void) { fill_random(source, WORDS + 1, 0xc0ffee); }

/* Keeps the compiler from making a call of the library's out of a loop. */
#define KEEP_LOOP __asm__ volatile("" ::: "memory")

static void copy_bytes(uint8_t *to, const uint8_t *from, size_t n) {
	for (size_t i = 0; i < n; i++) {
		to[i] = from[i];
		KEEP_LOOP;
	}
}

static void copy_words(uint32_t *to, const uint32_t *from, size_t words) {
	for (size_t i = 0; i < words; i++) {
		to[i] = from[i];
		KEEP_LOOP;
	}
}

static void copy_unrolled(uint32_t *to, const uint32_t *from, size_t words) {
	for (const uint32_t *end = from + words; from != end; from += 8, to += 8) {
		uint32_t w0 = from[0], w1 = from[1], w2 = from[2], w3 = from[3];
		uint32_t w4 = from[4], w5 = from[5], w6 = from[6], w7 = from[7];
		to[0] = w0, to[1] = w1, to[2] = w2, to[3] = w3;
		to[4] = w4, to[5] = w5, to[6] = w6, to[7] = w7;
		KEEP_LOOP;
	}
}

static void copy_backwards(uint32_t *to, const uint32_t *from, size_t words) {
	while (words-- != 0) {
		to[words] = from[words];
		KEEP_LOOP;
	}
}

/* From one byte past `from`: little-endian words shifted together from aligned ones. */
static void copy_shifted(uint32_t *to, const uint32_t *from, size_t words) {
	uint32_t low = from[0];
	for (size_t i = 0; i < words; i++) {
		uint32_t high = from[i + 1];
		to[i] = low >> 8 | high << 24;
		low = high;
		KEEP_LOOP;
	}
}

static uint32_t sample(uint32_t sum) {
	for (size_t i = 0; i < WORDS; i += 61) sum = fold(sum, target[i]);
	return sum;
}

uint32_t kernel(void) {
	uint32_t sum = 0;
	target[0] = 0; /* the copy of bytes leaves its first one */
	copy_bytes((uint8_t *)target + 1, (const uint8_t *)source + 2, BYTES - 2);
	sum = sample(sum);
	copy_words(target, source, WORDS);
	sum = sample(sum);
	copy_unrolled(target, source + 1, WORDS);
	sum = sample(sum);
	copy_backwards(target + 1, target, WORDS);
	sum = sample(sum);
	copy_shifted(target, source, WORDS);
	return sample(sum);
}
