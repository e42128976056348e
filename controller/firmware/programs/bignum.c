/* Numbers of many words: factorials, division after Knuth's algorithm D, decimal digits, and a check by multiplying. */
#include "../bench/bench.h"

const char name[] = "bignum";
const uint32_t expected = 0x11b597b6;
uint32_t iterations = 2900;

enum { WORDS = 64 };
typedef struct {
	uint16_t digit[WORDS * 2];
	int used;
} big;

void prepare(void) {}

static void trim(big *a) {
	while (a->used > 0 && a->digit[a->used - 1] == 0) a->used--;
}

static void scale(big *a, uint32_t by, uint32_t plus) {
	uint32_t carry = plus;
	for (int i = 0; i < a->used; i++, carry >>= 16) a->digit[i] = carry += a->digit[i] * by;
	if (carry) a->digit[a->used++] = carry;
}

static uint32_t divide_small(big *a, uint32_t by) {
	uint32_t rest = 0;
	for (int i = a->used - 1; i >= 0; i--) {
		rest = rest << 16 | a->digit[i];
		a->digit[i] = rest / by;
		rest %= by;
	}
	trim(a);
	return rest;
}

static void multiply(big *product, const big *a, const big *b) {
	*product = (big){.used = a->used + b->used};
	for (int i = 0; i < a->used; i++) {
		uint32_t carry = 0;
		for (int j = 0; j < b->used; j++, carry >>= 16)
			product->digit[i + j] = carry += (uint32_t)a->digit[i] * b->digit[j] + product->digit[i + j];
		product->digit[i + b->used] = carry;
	}
	trim(product);
}

/* a becomes the rest. b has two digits at least, and no more than a. */
static void divide(big *quotient, big *a, const big *b) {
	int shift = 0, n = b->used;
	while ((b->digit[n - 1] << shift & 0x8000) == 0) shift++;
	big divisor = *b;
	scale(&divisor, 1u << shift, 0);
	scale(a, 1u << shift, 0);
	while (a->used <= n) a->digit[a->used++] = 0;
	a->digit[a->used++] = 0;
	int m = a->used - n - 1;
	*quotient = (big){.used = m + 1};
	for (int j = m; j >= 0; j--) {
		uint32_t top = (uint32_t)a->digit[j + n] << 16 | a->digit[j + n - 1];
		uint32_t guess = top / divisor.digit[n - 1], rest = top % divisor.digit[n - 1];
		while (guess >> 16 || guess * divisor.digit[n - 2] > (rest << 16 | a->digit[j + n - 2])) {
			guess--;
			rest += divisor.digit[n - 1];
			if (rest >> 16) break;
		}
		int32_t borrow = 0;
		uint32_t carry = 0;
		for (int i = 0; i < n; i++) {
			carry += guess * divisor.digit[i];
			borrow += a->digit[i + j] - (int32_t)(carry & 0xffff);
			a->digit[i + j] = borrow;
			borrow >>= 16;
			carry >>= 16;
		}
		borrow += a->digit[j + n] - (int32_t)carry;
		a->digit[j + n] = borrow;
		if (borrow < 0) {
			guess--;
			carry = 0;
			for (int i = 0; i < n; i++, carry >>= 16) a->digit[i + j] = carry += a->digit[i + j] + divisor.digit[i];
			a->digit[j + n] += carry;
		}
		quotient->digit[j] = guess;
	}
	trim(quotient);
	trim(a);
	divide_small(a, 1u << shift);
}

static int same(const big *a, const big *b) {
	if (a->used != b->used) return 0;
	for (int i = 0; i < a->used; i++)
		if (a->digit[i] != b->digit[i]) return 0;
	return 1;
}

uint32_t kernel(void) {
	uint32_t sum = 0, seed = 88;
	big number = {.digit = {1}, .used = 1};
	for (uint32_t n = 2; n <= 120; n++) scale(&number, n, 0);
	for (int round = 0; round < 6; round++) {
		big divisor = {.digit = {1}, .used = 1}, rest = number, quotient, product;
		for (int i = 0; i < 8 + round * 3; i++) scale(&divisor, 0xffff, next_random(&seed) & 0xffff);
		divide(&quotient, &rest, &divisor);
		multiply(&product, &quotient, &divisor);
		uint32_t carry = 0;
		for (int i = 0; i < product.used; i++, carry >>= 16)
			product.digit[i] = carry += product.digit[i] + (i < rest.used ? rest.digit[i] : 0);
		if (!same(&product, &number)) return round;
		while (quotient.used > 0) sum = fold(sum, divide_small(&quotient, 10));
	}
	return sum;
}
