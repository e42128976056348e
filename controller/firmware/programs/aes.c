/* AES-128 (FIPS 197) by bytes, in counter mode over 4 KiB and back; the standard's own example is checked first. */
#include "../bench/bench.h"

const char name[] = "aes";
const uint32_t expected = 0x8db86147;
uint32_t iterations = 500;

enum { BYTES = 4096, ROUNDS = 10 };
static uint8_t box[256], inverse[256], keys[ROUNDS + 1][16], data[BYTES];

static uint8_t twice(uint8_t x) {
	return x << 1 ^ (x >> 7) * 0x1b;
}

static uint8_t times(uint8_t a, uint8_t b) {
	uint8_t product = 0;
	for (; b; b >>= 1, a = twice(a)) product ^= -(b & 1) & a;
	return product;
}

void prepare(void) {
	for (int i = 0; i < 256; i++) {
		uint8_t x = 0;
		for (int j = 1; i && j < 256; j++)
			if (times(i, j) == 1) x = j;
		uint8_t s = x;
		for (int j = 1; j <= 4; j++) s ^= x << j | x >> (8 - j);
		box[i] = s ^ 0x63;
		inverse[box[i]] = i;
	}
}

static void expand(const uint8_t *key) {
	uint8_t *words = keys[0], round = 1;
	for (int i = 0; i < 16; i++) words[i] = key[i];
	for (int i = 16; i < 16 * (ROUNDS + 1); i += 4) {
		uint8_t t[4] = {words[i - 4], words[i - 3], words[i - 2], words[i - 1]};
		if (i % 16 == 0) {
			uint8_t first = t[0];
			t[0] = box[t[1]] ^ round;
			t[1] = box[t[2]];
			t[2] = box[t[3]];
			t[3] = box[first];
			round = twice(round);
		}
		for (int j = 0; j < 4; j++) words[i + j] = words[i + j - 16] ^ t[j];
	}
}

static void add_key(uint8_t *s, const uint8_t *key) {
	for (int i = 0; i < 16; i++) s[i] ^= key[i];
}

static void encrypt(uint8_t *s) {
	add_key(s, keys[0]);
	for (int round = 1; round <= ROUNDS; round++) {
		uint8_t t[16];
		for (int i = 0; i < 16; i++) t[i] = box[s[(i + 4 * (i & 3)) & 15]];
		for (int c = 0; c < 16; c += 4) {
			uint8_t all = t[c] ^ t[c + 1] ^ t[c + 2] ^ t[c + 3];
			for (int r = 0; r < 4; r++)
				s[c + r] = round == ROUNDS ? t[c + r] : t[c + r] ^ all ^ twice(t[c + r] ^ t[c + ((r + 1) & 3)]);
		}
		add_key(s, keys[round]);
	}
}

static void decrypt(uint8_t *s) {
	for (int round = ROUNDS; round >= 1; round--) {
		uint8_t t[16];
		add_key(s, keys[round]);
		for (int c = 0; c < 16; c += 4)
			for (int r = 0; r < 4; r++) {
				const uint8_t *in = s + c;
				t[c + r] = round == ROUNDS ? in[r]
					: times(in[r], 14) ^ times(in[(r + 1) & 3], 11) ^ times(in[(r + 2) & 3], 13) ^ times(in[(r + 3) & 3], 9);
			}
		for (int i = 0; i < 16; i++) s[(i + 4 * (i & 3)) & 15] = inverse[t[i]];
	}
	add_key(s, keys[0]);
}

static void counter_mode(uint32_t nonce) {
	for (uint32_t n = 0; n < BYTES; n += 16) {
		uint8_t block[16] = {0};
		for (int i = 0; i < 4; i++) block[i] = nonce >> 8 * i, block[12 + i] = n >> 8 * i;
		encrypt(block);
		for (int i = 0; i < 16; i++) data[n + i] ^= block[i];
	}
}

uint32_t kernel(void) {
	static const uint8_t cipher[16] = {
		0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a};
	uint8_t key[16], block[16];
	for (int i = 0; i < 16; i++) key[i] = i, block[i] = i * 17;
	expand(key);
	encrypt(block);
	for (int i = 0; i < 16; i++)
		if (block[i] != cipher[i]) return 1;
	decrypt(block);
	for (int i = 0; i < 16; i++)
		if (block[i] != i * 17) return 2;
	fill_random(data, BYTES / 4, 3);
	counter_mode(1);
	uint32_t sum = 0;
	for (int i = 0; i < BYTES; i++) sum = fold(sum, data[i]);
	for (int n = 0; n < BYTES; n += 256) decrypt(data + n);
	for (int n = 0; n < BYTES; n += 256) encrypt(data + n);
	for (int i = 0; i < BYTES; i++) sum -= fold(0, data[i]);
	return sum;
}
