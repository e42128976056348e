/* A convolutional code of rate one half and length seven, noise, and Viterbi's decoder with its trace back. */
#include "../bench/bench.h"

const char name[] = "viterbi";
const uint32_t expected = 0x16d214c1;
uint32_t iterations = 1100;

enum { STATES = 64, BITS = 512, FIRST = 0x5b, SECOND = 0x79 };
static uint8_t message[BITS], received[BITS][2], outputs[STATES][2];
static uint32_t metric[2][STATES];
static uint64_t decisions[BITS];

static int parity(uint32_t x) {
	x ^= x >> 4;
	x ^= x >> 2;
	return (x ^ x >> 1) & 1;
}

void prepare(void) {
	for (int s = 0; s < STATES; s++)
		for (int bit = 0; bit < 2; bit++) {
			uint32_t window = s << 1 | bit;
			outputs[s][bit] = parity(window & FIRST) << 1 | parity(window & SECOND);
		}
}

uint32_t kernel(void) {
	uint32_t seed = 1234, state = 0, wrong = 0;
	for (int i = 0; i < BITS; i++) {
		message[i] = i < BITS - 6 ? next_random(&seed) & 1 : 0;
		uint8_t pair = outputs[state][message[i]];
		uint32_t noise = next_random(&seed);
		received[i][0] = pair >> 1 ^ (noise % 20 == 0);
		received[i][1] = (pair & 1) ^ ((noise >> 8) % 20 == 0);
		state = (state << 1 | message[i]) & (STATES - 1);
	}
	for (int s = 0; s < STATES; s++) metric[0][s] = s ? 1000 : 0;
	for (int i = 0; i < BITS; i++) {
		const uint32_t *from = metric[i & 1];
		uint32_t *to = metric[~i & 1];
		uint8_t pair = received[i][0] << 1 | received[i][1];
		uint64_t chosen = 0;
		for (int s = 0; s < STATES; s++) {
			int low = s >> 1, high = low | STATES / 2, bit = s & 1;
			uint32_t difference = outputs[low][bit] ^ pair, other = outputs[high][bit] ^ pair;
			uint32_t a = from[low] + (difference & 1) + (difference >> 1), b = from[high] + (other & 1) + (other >> 1);
			to[s] = a <= b ? a : b;
			if (b < a) chosen |= 1ull << s;
		}
		decisions[i] = chosen;
	}
	state = 0;
	uint32_t sum = metric[BITS & 1][0];
	for (int i = BITS - 1; i >= 0; i--) {
		wrong += (state & 1) != message[i];
		state = state >> 1 | (decisions[i] >> state & 1) * (STATES / 2);
		sum = fold(sum, state);
	}
	return wrong < BITS / 50 ? fold(sum, wrong) : wrong;
}
