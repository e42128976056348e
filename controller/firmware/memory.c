/* Copies; also the two functions that the compiler may call in any freestanding program. */
#include "firmware.h"

void copy(uint8_t *to, const uint8_t *from, size_t bytes) {
	if ((((uintptr_t)to | (uintptr_t)from) & 3) == 0)
		for (; bytes >= 4; bytes -= 4, to += 4, from += 4) *(uint32_t *)to = *(const uint32_t *)from;
	while (bytes-- != 0) *to++ = *from++;
}

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memset(void *to, int byte, size_t bytes) {
	uint8_t *out = to;
	while (bytes-- != 0) *out++ = (uint8_t)byte;
	return to;
}

void *memcpy(void *to, const void *from, size_t bytes) {
	copy(to, from, bytes);
	return to;
}
