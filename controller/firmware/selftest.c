/* The self-test: what the controller computes with, on known answers, and a march through a few words of RAM. */
#include "firmware.h"

enum { RAM_WORDS = 16, PARITY_BYTES = 23 };

static bool test_ram(void) {
	static volatile uint32_t cells[RAM_WORDS];
	for (uint32_t i = 0; i < RAM_WORDS; i++) cells[i] = 0x55555555u << (i & 1);
	for (uint32_t i = 0; i < RAM_WORDS; i++) {
		if (cells[i] != 0x55555555u << (i & 1)) return false;
		cells[i] = i;
	}
	for (uint32_t i = RAM_WORDS; i-- != 0;)
		if (cells[i] != i) return false;
	return true;
}

/* The check value of CRC-32C (iSCSI, RFC 3720). */
static bool test_crc(void) {
	static const uint8_t digits[] = "123456789";
	return ~crc32c_update(CRC32C_START, digits, sizeof digits - 1) == 0xe3069283u;
}

/* Misaligned on purpose, with an odd rest, and nothing may be written beyond it. */
static bool test_parity(void) {
	uint8_t a[PARITY_BYTES + 2], b[PARITY_BYTES + 1];
	for (uint32_t i = 0; i < PARITY_BYTES + 1; i++) a[i] = (uint8_t)(i * 29), b[i] = (uint8_t)(i * 53);
	xor_into(a + 1, b, PARITY_BYTES - 1);
	for (uint32_t i = 0; i < PARITY_BYTES - 1; i++)
		if (a[i + 1] != (uint8_t)((uint8_t)((i + 1) * 29) ^ (uint8_t)(i * 53))) return false;
	return a[0] == 0 && a[PARITY_BYTES] == (uint8_t)(PARITY_BYTES * 29);
}

bool self_test(void) { return test_ram() && test_crc() && test_parity(); }
