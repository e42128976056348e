/* LZ77 with a hash of three bytes and a window of 4 KiB: packs a text of words, unpacks it, and compares. */
#include "../bench/bench.h"

const char name[] = "lz";
const uint32_t expected = 0x34eefdb9;
uint32_t iterations = 300;

enum { BYTES = 24576, WINDOW = 4096, HASHES = 2048, MIN_MATCH = 3, MAX_MATCH = 18, TRIES = 12 };
static uint8_t text[BYTES], packed[BYTES * 2], unpacked[BYTES + MAX_MATCH];
static int16_t head[HASHES], previous[WINDOW];

void prepare(void) {
	static const char words[16][9] = {"flash ", "erase ", "the ", "block ", "of ", "table ", "reads ", "page ",
		"commit ", "a ", "cut ", "power ", "slot ", "image ", "boot ", "region "};
	uint32_t seed = 99;
	for (uint32_t n = 0; n < BYTES;) {
		const char *word = words[next_random(&seed) >> 28];
		while (*word && n < BYTES) text[n++] = *word++;
		if ((seed & 31) == 0 && n < BYTES) text[n++] = '0' + seed % 10;
	}
}

static uint32_t hash(const uint8_t *p) {
	return (p[0] << 16 | p[1] << 8 | p[2]) * 2654435761u >> 21;
}

static uint32_t match_length(const uint8_t *a, const uint8_t *b, const uint8_t *end) {
	uint32_t n = 0;
	while (n < MAX_MATCH && b + n < end && a[n] == b[n]) n++;
	return n;
}

/* Eight items to a byte of flags: a literal, or 12 bits of distance and 4 of length. */
static uint32_t pack(void) {
	uint8_t *out = packed, *flags = NULL;
	const uint8_t *end = text + BYTES;
	for (int i = 0; i < HASHES; i++) head[i] = -1;
	uint32_t item = 0;
	for (uint32_t n = 0; n < BYTES; item++) {
		if ((item & 7) == 0) {
			flags = out++;
			*flags = 0;
		}
		uint32_t best = 0, from = 0;
		if (n + MIN_MATCH <= BYTES) {
			int16_t candidate = head[hash(text + n)];
			for (int i = 0; i < TRIES && candidate >= 0 && n - candidate < WINDOW; i++) {
				uint32_t length = match_length(text + candidate, text + n, end);
				if (length > best) best = length, from = candidate;
				int16_t older = previous[candidate & (WINDOW - 1)];
				if (older >= candidate) break;
				candidate = older;
			}
		}
		uint32_t step = 1;
		if (best >= MIN_MATCH) {
			uint32_t distance = n - from;
			*flags |= 1 << (item & 7);
			*out++ = distance;
			*out++ = distance >> 8 << 4 | (best - MIN_MATCH);
			step = best;
		} else {
			*out++ = text[n];
		}
		for (; step-- > 0; n++) {
			if (n + MIN_MATCH > BYTES) continue;
			uint32_t h = hash(text + n);
			previous[n & (WINDOW - 1)] = head[h];
			head[h] = n;
		}
	}
	return out - packed;
}

static uint32_t unpack(uint32_t size) {
	uint8_t *out = unpacked;
	const uint8_t *in = packed, *end = packed + size;
	while (in < end) {
		uint8_t flags = *in++;
		for (int i = 0; i < 8 && in < end; i++, flags >>= 1) {
			if ((flags & 1) == 0) {
				*out++ = *in++;
				continue;
			}
			uint32_t distance = in[0] | (in[1] & 0xf0) << 4, length = (in[1] & 15) + MIN_MATCH;
			in += 2;
			for (const uint8_t *from = out - distance; length-- > 0;) *out++ = *from++;
		}
	}
	return out - unpacked;
}

uint32_t kernel(void) {
	uint32_t size = pack();
	if (unpack(size) != BYTES) return 1;
	uint32_t sum = fold(0, size);
	for (int i = 0; i < BYTES; i++) {
		if (unpacked[i] != text[i]) return 2;
		sum = fold(sum, unpacked[i]);
	}
	return sum;
}
