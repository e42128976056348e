/* CRC-32C (Castagnoli) by slicing-by-4 over 64 KiB, as a controller checks a block's protection information. */
#include "bench.h"

const char name[] = "crc32c";
const uint32_t expected = 0x92f31930;
uint32_t iterations = 2700;

enum { WORDS = 16 * 1024 };
static const uint32_t POLYNOMIAL = 0x82f63b78u; /* reflected */
static uint32_t table[4][256];
static uint32_t buffer[WORDS];

void prepare(void) {
	for (uint32_t n = 0; n < 256; n++) {
		uint32_t crc = n;
		for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (POLYNOMIAL & -(crc & 1));
		table[0][n] = crc;
	}
	for (uint32_t n = 0; n < 256; n++)
		for (int k = 1; k < 4; k++) table[k][n] = table[k - 1][n] >> 8 ^ table[0][table[k - 1][n] & 0xff];
	fill_random(buffer, WORDS, 0x1234567);
}

uint32_t kernel(void) {
	uint32_t crc = 0xffffffffu;
	for (size_t i = 0; i < WORDS; i++) {
		crc ^= buffer[i];
		crc = table[3][crc & 0xff] ^ table[2][crc >> 8 & 0xff] ^ table[1][crc >> 16 & 0xff] ^ table[0][crc >> 24];
	}
	return ~crc;
}
