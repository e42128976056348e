/* SHA-256 (FIPS 180-4) of messages of many lengths, through an interface of begin, add and end. */
#include "../bench/bench.h"

const char name[] = "sha256";
const uint32_t expected = 0x30cc483b;
uint32_t iterations = 830;

struct sha {
	uint32_t state[8], total;
	uint8_t block[64];
};

static uint32_t constants[64], start[8];
static uint8_t message[2048];

/* The first 32 bits of the fractional part of the root, square or cube, of a small prime: by bisection. */
static uint32_t root_fraction(uint32_t n, int cube) {
	uint64_t root = 0; /* 32 bits of fraction */
	for (int bit = 36; bit >= 0; bit--) {
		uint64_t x = root | 1ull << bit;
		/* Its power in words of 32 bits, so many of them fraction. */
		uint32_t power[6] = {1}, words[2] = {x, x >> 32};
		for (int k = 0; k < (cube ? 3 : 2); k++) {
			uint32_t next[6] = {0};
			for (int i = 0; i < 4; i++) {
				uint64_t carry = 0;
				for (int j = 0; j < 2; j++, carry >>= 32) next[i + j] = carry += (uint64_t)power[i] * words[j] + next[i + j];
				next[i + 2] = carry;
			}
			for (int i = 0; i < 6; i++) power[i] = next[i];
		}
		if (power[cube ? 3 : 2] < n && power[cube ? 4 : 3] == 0) root = x;
	}
	return root;
}

void prepare(void) {
	int found = 0;
	for (uint32_t n = 2; found < 64; n++) {
		int prime = 1;
		for (uint32_t d = 2; d * d <= n; d++) prime &= n % d != 0;
		if (!prime) continue;
		if (found < 8) start[found] = root_fraction(n, 0);
		constants[found++] = root_fraction(n, 1);
	}
	fill_random(message, sizeof message / 4, 12);
}

static uint32_t turn(uint32_t x, int n) {
	return x >> n | x << (32 - n);
}

static void compress(struct sha *sha) {
	uint32_t w[64], s[8];
	for (int i = 0; i < 16; i++) {
		const uint8_t *b = sha->block + 4 * i;
		w[i] = (uint32_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
	}
	for (int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];
		w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
	}
	for (int i = 0; i < 8; i++) s[i] = sha->state[i];
	for (int i = 0; i < 64; i++) {
		uint32_t t1 = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
			constants[i] + w[i];
		uint32_t t2 = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
		for (int j = 7; j > 0; j--) s[j] = s[j - 1];
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++) sha->state[i] += s[i];
}

static void begin(struct sha *sha) {
	for (int i = 0; i < 8; i++) sha->state[i] = start[i];
	sha->total = 0;
}

static void add(struct sha *sha, const uint8_t *bytes, uint32_t count) {
	while (count-- > 0) {
		sha->block[sha->total++ & 63] = *bytes++;
		if ((sha->total & 63) == 0) compress(sha);
	}
}

static void end(struct sha *sha) {
	uint32_t bits = sha->total * 8;
	uint8_t byte = 0x80;
	add(sha, &byte, 1);
	byte = 0;
	while ((sha->total & 63) != 60) add(sha, &byte, 1);
	uint8_t length[4] = {bits >> 24, bits >> 16, bits >> 8, bits};
	add(sha, length, 4);
}

uint32_t kernel(void) {
	struct sha sha;
	begin(&sha);
	add(&sha, (const uint8_t *)"abc", 3);
	end(&sha);
	if (sha.state[0] != 0xba7816bf || sha.state[7] != 0xf20015ad) return sha.state[0];
	uint32_t sum = 0;
	for (uint32_t n = 1; n < sizeof message; n = n * 2 + 1) {
		begin(&sha);
		for (uint32_t at = 0; at < n; at += 100) add(&sha, message + at, n - at < 100 ? n - at : 100);
		end(&sha);
		for (int i = 0; i < 8; i++) sum = fold(sum, sha.state[i]);
	}
	return sum;
}
