/* What the compiler may ask for in any freestanding program. */
#include <stddef.h>

void *memset(void *to, int byte, size_t n);
void *memcpy(void *to, const void *from, size_t n);

void *memset(void *to, int byte, size_t n) {
	unsigned char *out = to;
	while (n-- != 0) *out++ = (unsigned char)byte;
	return to;
}

void *memcpy(void *to, const void *from, size_t n) {
	unsigned char *out = to;
	const unsigned char *in = from;
	while (n-- != 0) *out++ = *in++;
	return to;
}
