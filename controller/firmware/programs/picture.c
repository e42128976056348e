/*
 * A picture compressed as JPEG does it: blocks of 8 by 8, a discrete cosine transform in fixed point, quantised, in
 * zigzag order, run lengths as variable bit codes; decoded again, and the error bounded.
 */
#include "../bench/bench.h"

const char name[] = "picture";
const uint32_t expected = 0xa5824227;
uint32_t iterations = 310;

enum { SIDE = 96, BITS_BYTES = SIDE * SIDE * 2 };
static uint8_t image[SIDE][SIDE], decoded[SIDE][SIDE], stream[BITS_BYTES];
static uint8_t order[64];
static int16_t cosine[8][8];
static uint32_t position;

/* cos(n * pi / 16) in 1/4096. */
static const int16_t quarter[9] = {4096, 4017, 3784, 3406, 2896, 2276, 1567, 799, 0};

static int cos16(uint32_t n) {
	n &= 31;
	if (n > 16) n = 32 - n;
	return n > 8 ? -quarter[16 - n] : quarter[n];
}

void prepare(void) {
	for (int u = 0; u < 8; u++)
		for (int x = 0; x < 8; x++) cosine[u][x] = u == 0 ? 2896 : cos16((2 * x + 1) * u);
	int n = 0;
	for (int s = 0; s < 15; s++)
		for (int i = 0; i <= s; i++) {
			int x = s & 1 ? i : s - i, y = s - x;
			if (x < 8 && y < 8) order[n++] = y * 8 + x;
		}
	uint32_t seed = 5;
	for (int y = 0; y < SIDE; y++)
		for (int x = 0; x < SIDE; x++) {
			int dx = x - 48, dy = y - 40;
			int value = (dx * dx + dy * dy < 900 ? 170 : 60) + x / 2 + (next_random(&seed) >> 29);
			image[y][x] = value;
		}
}

static void transform(const int *in, int *out, int inverse) {
	int half[64];
	for (int y = 0; y < 8; y++)
		for (int u = 0; u < 8; u++) {
			int sum = 0;
			for (int x = 0; x < 8; x++) sum += in[y * 8 + x] * (inverse ? cosine[x][u] : cosine[u][x]);
			half[y * 8 + u] = (sum + 4096) >> 13;
		}
	for (int x = 0; x < 8; x++)
		for (int v = 0; v < 8; v++) {
			int sum = 0;
			for (int y = 0; y < 8; y++) sum += half[y * 8 + x] * (inverse ? cosine[y][v] : cosine[v][y]);
			out[v * 8 + x] = (sum + 4096) >> 13;
		}
}

static void put_bits(uint32_t value, int count) {
	while (count-- > 0) {
		uint8_t *byte = &stream[position >> 3];
		int bit = 7 - (position++ & 7);
		*byte = (*byte & ~(1 << bit)) | (value >> count & 1) << bit;
	}
}

static uint32_t get_bits(int count) {
	uint32_t value = 0;
	while (count-- > 0) {
		value = value << 1 | (stream[position >> 3] >> (7 - (position & 7)) & 1);
		position++;
	}
	return value;
}

/* Exponential Golomb codes. */
static void put_code(uint32_t value) {
	int bits = 0;
	for (uint32_t v = ++value; v > 1; v >>= 1) bits++;
	put_bits(0, bits);
	put_bits(value, bits + 1);
}

static uint32_t get_code(void) {
	int bits = 0;
	while (get_bits(1) == 0) bits++;
	return (1u << bits | get_bits(bits)) - 1;
}

static int step_of(int place) {
	return 6 + (place >> 3) + (place & 7);
}

static void encode_block(int bx, int by) {
	int block[64], coefficients[64];
	for (int i = 0; i < 64; i++) block[i] = image[by + (i >> 3)][bx + (i & 7)] - 128;
	transform(block, coefficients, 0);
	uint32_t zeros = 0;
	for (int i = 0; i < 64; i++) {
		int place = order[i], step = step_of(place), c = coefficients[place];
		int q = c < 0 ? -((-c + step / 2) / step) : (c + step / 2) / step;
		if (q == 0) {
			zeros++;
			continue;
		}
		put_code(zeros);
		put_code(q < 0 ? -2 * q - 1 : 2 * q);
		zeros = 0;
	}
	put_code(64);
}

static void decode_block(int bx, int by) {
	int block[64], coefficients[64];
	for (int i = 0; i < 64; i++) coefficients[i] = 0;
	for (uint32_t i = 0;; i++) {
		i += get_code();
		if (i >= 64) break;
		uint32_t code = get_code();
		int place = order[i];
		coefficients[place] = (code & 1 ? -(int)((code + 1) / 2) : (int)(code / 2)) * step_of(place);
	}
	transform(coefficients, block, 1);
	for (int i = 0; i < 64; i++) {
		int value = block[i] + 128;
		decoded[by + (i >> 3)][bx + (i & 7)] = value < 0 ? 0 : value > 255 ? 255 : value;
	}
}

uint32_t kernel(void) {
	position = 0;
	for (int y = 0; y < SIDE; y += 8)
		for (int x = 0; x < SIDE; x += 8) encode_block(x, y);
	uint32_t sum = fold(0, position);
	position = 0;
	for (int y = 0; y < SIDE; y += 8)
		for (int x = 0; x < SIDE; x += 8) decode_block(x, y);
	uint32_t error = 0;
	for (int y = 0; y < SIDE; y++)
		for (int x = 0; x < SIDE; x++) {
			int d = image[y][x] - decoded[y][x];
			error += d * d;
			sum = fold(sum, decoded[y][x]);
		}
	return error < SIDE * SIDE * 40 ? fold(sum, error) : error;
}
