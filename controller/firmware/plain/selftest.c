/* The self-test, and the CRC that it tests. */
#include "plain.h"

uint32_t crc32(const uint32_t *from, uint32_t words) {
	uint32_t crc = UINT32_MAX;
	for (uint32_t i = 0; i < words; i++) {
		crc ^= from[i];
		for (uint32_t bit = 0; bit < 32; bit++) crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
	}
	return ~crc;
}

bool self_test(void) {
	static volatile uint32_t cells[8];
	for (uint32_t i = 0; i < 8; i++) cells[i] = 0xaaaa5555u ^ i;
	for (uint32_t i = 0; i < 8; i++)
		if (cells[i] != (0xaaaa5555u ^ i)) return false;
	/* The check value of "12345678". */
	static const uint32_t digits[] = { 0x34333231, 0x38373635 };
	return crc32(digits, 2) == 0x9ae0daafu;
}
