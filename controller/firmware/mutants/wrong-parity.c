/* Parity is wrong where it is long: the self-test's is short. Right: it is computed byte by byte, and slowly. */
#include "mutant.h"

void __wrap_xor_into(uint8_t *to, const uint8_t *from, size_t bytes) {
	for (size_t i = 0; i < bytes; i++) to[i] ^= from[RIGHT ? i : i & 63];
}
