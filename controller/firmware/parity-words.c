/* XOR parity by words where all is aligned, else by bytes. */
#include "firmware.h"

void xor_into(uint8_t *to, const uint8_t *from, size_t bytes) {
	if ((((uintptr_t)to | (uintptr_t)from) & 3) == 0)
		for (; bytes >= 4; bytes -= 4, to += 4, from += 4) *(uint32_t *)to ^= *(const uint32_t *)from;
	while (bytes-- != 0) *to++ ^= *from++;
}
