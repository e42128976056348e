/*
 * Runs a benchmark program: bare-metal on any machine laid out as QEMU's `virt` (UART at 0x10000000, finisher
 * at 0x100000), or natively. Prints one line; ends with a pass (exit code 0) or a fail (exit code 1).
 */
#include "bench.h"

#ifdef NATIVE
#include <stdio.h>
#include <stdlib.h>

static void put_text(const char *text) { fputs(text, stdout); }
static void finish(int pass) { exit(pass ? 0 : 1); }
#else
static volatile uint8_t *const uart_thr = (volatile uint8_t *)0x10000000;
static volatile uint32_t *const finisher = (volatile uint32_t *)0x00100000;
enum { FINISH_PASS = 0x5555, FINISH_FAIL = 0x3333 };

static void put_text(const char *text) {
	while (*text != '\0') *uart_thr = (uint8_t)*text++;
}

static void finish(int pass) {
	*finisher = pass ? FINISH_PASS : FINISH_FAIL | 1u << 16;
	for (;;) {
	}
}

/* The compiler may ask for these two in any freestanding program. */
__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memset(void *to, int byte, size_t n) {
	uint8_t *out = to;
	while (n-- != 0) *out++ = (uint8_t)byte;
	return to;
}

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memcpy(void *to, const void *from, size_t n) {
	uint8_t *out = to;
	const uint8_t *in = from;
	while (n-- != 0) *out++ = *in++;
	return to;
}
#endif

static void put_hex(uint32_t value) {
	char text[9];
	for (int i = 7; i >= 0; i--, value >>= 4) text[i] = "0123456789abcdef"[value & 15];
	text[8] = '\0';
	put_text(text);
}

static void report(int pass, uint32_t sum) {
	put_text(name);
	put_text(pass ? ": pass " : ": FAIL, got ");
	put_hex(sum);
	if (!pass) {
		put_text(" instead of ");
		put_hex(expected);
	}
	put_text("\n");
}

#ifdef NATIVE
int main(int argc, char **argv) {
	if (argc > 1) iterations = (uint32_t)strtoul(argv[1], NULL, 10);
#else
int main(void) {
#endif
	prepare();
	uint32_t sum = expected;
	int pass = iterations != 0;
	for (uint32_t i = 0; i < iterations && pass; i++) {
		sum = kernel();
		pass = sum == expected;
	}
	report(pass, sum);
	finish(pass);
	return 0;
}
