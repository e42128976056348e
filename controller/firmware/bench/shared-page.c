/*
 * A histogram whose counters share a 4 KiB page with the code that raises them (linked with SHARED_PAGE), as in
 * small firmware that runs from RAM. Every store goes to a page that holds code.
 */
#include "bench.h"

const char name[] = "shared-page";
const uint32_t expected = 0x75bfacd8;
uint32_t iterations = 750;

enum { BINS = 64, SAMPLES = 1000 };
static uint32_t bins[BINS];

void prepare(void) {}

uint32_t kernel(void) {
	uint32_t random = 0x51a5e, sum = 0;
	for (int i = 0; i < BINS; i++) bins[i] = 0;
	for (int i = 0; i < SAMPLES; i++) bins[next_random(&random) % BINS]++;
	for (int i = 0; i < BINS; i++) sum = fold(sum, bins[i]);
	return sum;
}
