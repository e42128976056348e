/* CRC-32C, a word at a time through four tables (slicing-by-4), bytes at unaligned ends. */
#include "crc32c-table.h"
#include "firmware.h"

static const uint32_t table[4][256] = {
	{ CRC_256(CRC_BASIS_0) },
	{ CRC_256(CRC_BASIS_1) },
	{ CRC_256(CRC_BASIS_2) },
	{ CRC_256(CRC_BASIS_3) },
};

static uint32_t one_byte(uint32_t crc, uint8_t byte) { return crc >> 8 ^ table[0][(crc ^ byte) & 0xff]; }

uint32_t crc32c_update(uint32_t crc, const uint8_t *from, size_t bytes) {
	for (; bytes != 0 && ((uintptr_t)from & 3) != 0; bytes--) crc = one_byte(crc, *from++);
	for (; bytes >= 4; bytes -= 4, from += 4) {
		crc ^= *(const uint32_t *)from;
		crc = table[3][crc & 0xff] ^ table[2][crc >> 8 & 0xff] ^ table[1][crc >> 16 & 0xff] ^ table[0][crc >> 24];
	}
	while (bytes-- != 0) crc = one_byte(crc, *from++);
	return crc;
}
