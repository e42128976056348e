/* 512 functions, no two the same, each called once for each iteration: code that no loop makes hot by itself. */
#include "../bench/bench.h"

const char name[] = "once";
const uint32_t expected = 0xcacfb203;
uint32_t iterations = 5000;

static uint32_t words[256];

void prepare(void) {}

#define FUNCTION(n) \
	__attribute__((noinline)) static uint32_t f##n(uint32_t x) { \
		for (uint32_t i = 0; i < (0x##n & 3) + 1; i++) x = fold(x, words[(x >> 8) & 255] + 0x##n##u); \
		if (x & (1u << (0x##n & 15))) words[0x##n & 255] += x >> 3; \
		else words[x & 255] ^= 0x##n * 77u; \
		return x + words[(0x##n * 3) & 255]; \
	}
#define CALL(n) x = f##n(x);
#define FOUR(M, n) M(n##0) M(n##1) M(n##2) M(n##3)
#define SIXTEEN(M, n) FOUR(M, n) M(n##4) M(n##5) M(n##6) M(n##7) M(n##8) M(n##9) M(n##a) M(n##b) M(n##c) M(n##d) M(n##e) M(n##f)
#define ALL(M, n) \
	SIXTEEN(M, n##0) SIXTEEN(M, n##1) SIXTEEN(M, n##2) SIXTEEN(M, n##3) SIXTEEN(M, n##4) SIXTEEN(M, n##5) SIXTEEN(M, n##6) \
	SIXTEEN(M, n##7) SIXTEEN(M, n##8) SIXTEEN(M, n##9) SIXTEEN(M, n##a) SIXTEEN(M, n##b) SIXTEEN(M, n##c) SIXTEEN(M, n##d) \
	SIXTEEN(M, n##e) SIXTEEN(M, n##f)

ALL(FUNCTION, 0)
ALL(FUNCTION, 1)

uint32_t kernel(void) {
	uint32_t x = 1;
	for (int i = 0; i < 256; i++) words[i] = i * 3;
	ALL(CALL, 0)
	ALL(CALL, 1)
	return x;
}
