/*
 * XOR parity, four words at a time into an aligned destination. A source at another alignment is read by aligned
 * words that are shifted together; the first and last bytes go one by one.
 */
#include "firmware.h"

static void xor_bytes(uint8_t *to, const uint8_t *from, size_t bytes) {
	while (bytes-- != 0) *to++ ^= *from++;
}

static void xor_aligned(uint32_t *to, const uint32_t *from, size_t words) {
	for (; words >= 4; words -= 4, to += 4, from += 4) {
		to[0] ^= from[0];
		to[1] ^= from[1];
		to[2] ^= from[2];
		to[3] ^= from[3];
	}
	while (words-- != 0) *to++ ^= *from++;
}

/* `from` is misaligned. Reads no word in which no byte of the source lies. */
static void xor_shifted(uint32_t *to, const uint8_t *from, size_t words) {
	uint32_t shift = ((uintptr_t)from & 3) * 8;
	const uint32_t *in = (const uint32_t *)((uintptr_t)from & ~(uintptr_t)3);
	uint32_t low = *in++;
	while (words-- != 0) {
		uint32_t high = *in++;
		*to++ ^= low >> shift | high << (32 - shift);
		low = high;
	}
}

void xor_into(uint8_t *to, const uint8_t *from, size_t bytes) {
	size_t head = -(uintptr_t)to & 3;
	if (head > bytes) head = bytes;
	xor_bytes(to, from, head);
	to += head;
	from += head;
	bytes -= head;
	size_t words = bytes / 4, body = words * 4;
	if (words != 0) {
		if (((uintptr_t)from & 3) == 0) xor_aligned((uint32_t *)to, (const uint32_t *)from, words);
		else xor_shifted((uint32_t *)to, from, words);
	}
	xor_bytes(to + body, from + body, bytes - body);
}
