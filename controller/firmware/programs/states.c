/*
 * A large generated state machine: one function of 768 states, each a case with work and branches of its own, as
 * generators of protocol parsers and models make them.
 */
#include "../bench/bench.h"

const char name[] = "states";
const uint32_t expected = 0x35b0de24;
uint32_t iterations = 830;

enum { INPUTS = 4096, STATES = 768 };
static uint32_t input[INPUTS], memory[64];

void prepare(void) {
	fill_random(input, INPUTS, 1);
}

#define STATE(n) \
	case n: \
		sum += word ^ (n * 0x1003u); \
		if (word & (1u << (n % 13))) { \
			memory[n & 63] += sum >> (n % 7); \
			state = (n * 5 + 1) % STATES; \
		} else if (word <= (n * 0x155555u)) { \
			sum ^= memory[(n * 3 + word) & 63]; \
			state = (n + (word >> 28) * 31 + 1) % STATES; \
		} else { \
			sum = sum << 3 | sum >> 29; \
			state = n % 3 ? (n * 7 + 3) % STATES : (n + 11) % STATES; \
		} \
		break;
#define STATES_4(n) STATE(n) STATE((n + 1)) STATE((n + 2)) STATE((n + 3))
#define STATES_16(n) STATES_4(n) STATES_4((n + 4)) STATES_4((n + 8)) STATES_4((n + 12))
#define STATES_64(n) STATES_16(n) STATES_16((n + 16)) STATES_16((n + 32)) STATES_16((n + 48))
#define STATES_256(n) STATES_64(n) STATES_64((n + 64)) STATES_64((n + 128)) STATES_64((n + 192))

uint32_t kernel(void) {
	uint32_t state = 0, sum = 0;
	for (int i = 0; i < 64; i++) memory[i] = i;
	for (int i = 0; i < INPUTS; i++) {
		uint32_t word = input[i];
		switch (state) {
			STATES_256(0)
			STATES_256(256)
			STATES_256(512)
		default: return 1;
		}
		sum = fold(sum, state);
	}
	return sum;
}
