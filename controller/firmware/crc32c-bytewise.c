/* CRC-32C, a byte at a time through one table. */
#include "crc32c-table.h"
#include "firmware.h"

static const uint32_t table[256] = { CRC_256(CRC_BASIS_0) };

uint32_t crc32c_update(uint32_t crc, const uint8_t *from, size_t bytes) {
	while (bytes-- != 0) crc = crc >> 8 ^ table[(crc ^ *from++) & 0xff];
	return crc;
}
