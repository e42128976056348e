/*
 * What a benchmark program is: a kernel that does the same work each time it is called and returns a checksum
 * of what it computed. harness.c calls it `iterations` times and compares every checksum with `expected`, so
 * the check holds for any count. The same sources build bare-metal (RV32IMAC, harness.c + start.S) and, with
 * -DNATIVE, as a program of the host; `expected` is what both compute.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

/* Defined by each program. */
extern const char name[];
extern const uint32_t expected;
/* In .data, so that a loader may patch it. Fixed so that a run takes QEMU's TCG 0.5 to 1 s. */
extern uint32_t iterations;
/* Called once: fills the buffers. */
void prepare(void);
/* One iteration; must not depend on the one before. */
uint32_t kernel(void);

/* xorshift32 (Marsaglia): the inputs of every program, the same on every machine. */
static inline uint32_t next_random(uint32_t *state) {
	uint32_t x = *state;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return *state = x;
}

/* Folds a word into a checksum; order matters. */
static inline uint32_t fold(uint32_t sum, uint32_t word) {
	return ((sum << 5 | sum >> 27) ^ word) * 0x9e3779b1u;
}

static inline void fill_random(void *to, size_t words, uint32_t seed) {
	uint32_t *out = to;
	for (size_t i = 0; i < words; i++) out[i] = next_random(&seed);
}

#endif
