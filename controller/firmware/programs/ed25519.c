/*
 * Ed25519 verification (RFC 8032), SHA-512 included: test 2 of the standard is accepted, and refused with a
 * number that is not below the order. Numbers modulo 2^255 - 19 are eight words; the code is for size, not for secrets.
 */
#include "../bench/bench.h"

const char name[] = "ed25519";
const uint32_t expected = 0xc6ef3620;
uint32_t iterations = 26;

typedef struct {
	uint32_t w[8];
} number; /* little-endian words, below 2^256 */
typedef struct {
	number x, y, z, t;
} point;

static const number prime = {{0xffffffed, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x7fffffff}};
/* Order of the base point. */
static const number order = {{0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de, 0, 0, 0, 0x10000000}};
static const number one = {{1}};
static number d2, rootOfMinusOne, dConstant;
static point base;

static uint32_t add_words(uint32_t *to, const uint32_t *a, const uint32_t *b) {
	uint64_t carry = 0;
	for (int i = 0; i < 8; i++, carry >>= 32) to[i] = carry += (uint64_t)a[i] + b[i];
	return carry;
}

static uint32_t subtract_words(uint32_t *to, const uint32_t *a, const uint32_t *b) {
	int64_t carry = 0;
	for (int i = 0; i < 8; i++, carry >>= 32) to[i] = carry += (int64_t)a[i] - b[i];
	return carry & 1;
}

static number reduced(number a) {
	for (int i = 0; i < 2; i++) {
		number b;
		if (!subtract_words(b.w, a.w, prime.w)) a = b;
	}
	return a;
}

static number add(number a, number b) {
	number sum;
	add_words(sum.w, a.w, b.w); /* both below 2^255 */
	return reduced(sum);
}

static number subtract(number a, number b) {
	number difference;
	if (subtract_words(difference.w, a.w, b.w)) add_words(difference.w, difference.w, prime.w);
	return difference;
}

__attribute__((noinline)) static number multiply(const number *a, const number *b) {
	uint32_t product[16] = {0};
	for (int i = 0; i < 8; i++) {
		uint64_t carry = 0;
		for (int j = 0; j < 8; j++, carry >>= 32) product[i + j] = carry += (uint64_t)a->w[i] * b->w[j] + product[i + j];
		product[i + 8] = carry;
	}
	number low;
	uint64_t carry = 0;
	for (int i = 0; i < 8; i++, carry >>= 32) low.w[i] = carry += (uint64_t)product[i + 8] * 38 + product[i];
	carry = (carry << 1 | low.w[7] >> 31) * 19;
	low.w[7] &= 0x7fffffff;
	for (int i = 0; i < 8; i++, carry >>= 32) low.w[i] = carry += low.w[i];
	return reduced(low);
}

static number power(number a, const number *exponent) {
	number result = one;
	for (int bit = 254; bit >= 0; bit--) {
		result = multiply(&result, &result);
		if (exponent->w[bit >> 5] >> (bit & 31) & 1) result = multiply(&result, &a);
	}
	return result;
}

static number small(uint32_t value) {
	return (number){{value}};
}

static number inverse(number a) {
	number exponent = prime;
	exponent.w[0] -= 2;
	return power(a, &exponent);
}

static int equal(const number *a, const number *b) {
	uint32_t difference = 0;
	for (int i = 0; i < 8; i++) difference |= a->w[i] ^ b->w[i];
	return difference == 0;
}

static point add_points(const point *p, const point *q) {
	number a = subtract(p->y, p->x), b = subtract(q->y, q->x), c = add(p->y, p->x), d = add(q->y, q->x);
	a = multiply(&a, &b);
	b = multiply(&c, &d);
	c = multiply(&p->t, &q->t);
	c = multiply(&c, &d2);
	d = multiply(&p->z, &q->z);
	d = add(d, d);
	number e = subtract(b, a), f = subtract(d, c), g = add(d, c), h = add(b, a);
	return (point){multiply(&e, &f), multiply(&g, &h), multiply(&f, &g), multiply(&e, &h)};
}

static point times(const number *scalar, const point *p) {
	point result = {{{0}}, one, one, {{0}}};
	for (int bit = 252; bit >= 0; bit--) {
		result = add_points(&result, &result);
		if (scalar->w[bit >> 5] >> (bit & 31) & 1) result = add_points(&result, p);
	}
	return result;
}

static number from_bytes(const uint8_t *bytes) {
	number a;
	for (int i = 0; i < 8; i++)
		a.w[i] = bytes[4 * i] | bytes[4 * i + 1] << 8 | bytes[4 * i + 2] << 16 | (uint32_t)bytes[4 * i + 3] << 24;
	return a;
}

/* x from y and its sign; 0 if there is none. */
static int decompress(point *p, const uint8_t *bytes) {
	number y = from_bytes(bytes);
	uint32_t sign = y.w[7] >> 31;
	y.w[7] &= 0x7fffffff;
	number square = multiply(&y, &y), u = subtract(square, one), v = multiply(&dConstant, &square);
	v = inverse(add(v, one));
	u = multiply(&u, &v);
	number exponent = {{0xfffffffe, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x0fffffff}}; /* (p + 3) / 8 */
	number x = power(u, &exponent), check = multiply(&x, &x);
	if (!equal(&check, &u)) {
		x = multiply(&x, &rootOfMinusOne);
		check = multiply(&x, &x);
		if (!equal(&check, &u)) return 0;
	}
	if ((x.w[0] & 1) != sign) x = subtract(small(0), x);
	*p = (point){x, y, one, multiply(&x, &y)};
	return 1;
}

static uint64_t constants[80], initial[8];

/* 64 bits of the fraction of a root of a prime, by bisection over words of 32 bits. */
static uint64_t root_fraction(uint32_t n, int cube) {
	uint32_t x[3] = {0};
	for (int bit = 66; bit >= 0; bit--) {
		x[bit >> 5] |= 1u << (bit & 31);
		int words = 1;
		uint32_t value[9] = {1};
		for (int k = 0; k < (cube ? 3 : 2); k++) {
			uint32_t next[9] = {0};
			for (int i = 0; i < words; i++) {
				uint64_t carry = 0;
				for (int j = 0; j < 3; j++, carry >>= 32) next[i + j] = carry += (uint64_t)value[i] * x[j] + next[i + j];
				next[i + 3] = carry;
			}
			words += 3 - (k == 2);
			for (int i = 0; i < 9; i++) value[i] = next[i];
		}
		int whole = cube ? 6 : 4;
		if (value[whole] >= n || value[whole + 1] != 0) x[bit >> 5] ^= 1u << (bit & 31);
	}
	return (uint64_t)x[1] << 32 | x[0];
}

static uint64_t turn(uint64_t x, int n) {
	return x >> n | x << (64 - n);
}

/* Of at most 111 bytes, so one block is enough. */
static void sha512(const uint8_t *message, uint32_t length, uint8_t *digest) {
	uint64_t w[80], s[8];
	uint8_t block[128] = {0};
	for (uint32_t i = 0; i < length; i++) block[i] = message[i];
	block[length] = 0x80;
	block[126] = length * 8 >> 8;
	block[127] = length * 8;
	for (int i = 0; i < 16; i++) {
		w[i] = 0;
		for (int j = 0; j < 8; j++) w[i] = w[i] << 8 | block[8 * i + j];
	}
	for (int i = 16; i < 80; i++) {
		uint64_t a = w[i - 15], b = w[i - 2];
		w[i] = w[i - 16] + (turn(a, 1) ^ turn(a, 8) ^ a >> 7) + w[i - 7] + (turn(b, 19) ^ turn(b, 61) ^ b >> 6);
	}
	for (int i = 0; i < 8; i++) s[i] = initial[i];
	for (int i = 0; i < 80; i++) {
		uint64_t t1 = s[7] + (turn(s[4], 14) ^ turn(s[4], 18) ^ turn(s[4], 41)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
			constants[i] + w[i];
		uint64_t t2 = (turn(s[0], 28) ^ turn(s[0], 34) ^ turn(s[0], 39)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
		for (int j = 7; j > 0; j--) s[j] = s[j - 1];
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (int i = 0; i < 64; i++) digest[i] = (s[i >> 3] + initial[i >> 3]) >> (56 - 8 * (i & 7));
}

/* 512 bits modulo the order, bit by bit. */
static number modulo_order(const uint8_t *bytes) {
	number rest = {{0}};
	for (int bit = 511; bit >= 0; bit--) {
		add_words(rest.w, rest.w, rest.w);
		rest.w[0] |= bytes[bit >> 3] >> (bit & 7) & 1;
		number less;
		if (!subtract_words(less.w, rest.w, order.w)) rest = less;
	}
	return rest;
}

static int verify(const uint8_t *key, const uint8_t *message, uint32_t length, const uint8_t *signature) {
	uint8_t text[111], digest[64];
	point a, r;
	number s = from_bytes(signature + 32), less;
	if (!subtract_words(less.w, s.w, order.w) || !decompress(&a, key) || !decompress(&r, signature)) return 0;
	for (int i = 0; i < 32; i++) text[i] = signature[i], text[32 + i] = key[i];
	for (uint32_t i = 0; i < length; i++) text[64 + i] = message[i];
	sha512(text, 64 + length, digest);
	number h = modulo_order(digest);
	point left = times(&s, &base), right = times(&h, &a);
	right = add_points(&right, &r);
	number x1 = multiply(&left.x, &right.z), x2 = multiply(&right.x, &left.z);
	number y1 = multiply(&left.y, &right.z), y2 = multiply(&right.y, &left.z);
	return equal(&x1, &x2) && equal(&y1, &y2);
}

void prepare(void) {
	int found = 0;
	for (uint32_t n = 2; found < 80; n++) {
		int isPrime = 1;
		for (uint32_t k = 2; k * k <= n; k++) isPrime &= n % k != 0;
		if (!isPrime) continue;
		if (found < 8) initial[found] = root_fraction(n, 0);
		constants[found++] = root_fraction(n, 1);
	}
	number exponent = {{0xfffffffb, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x1fffffff}}; /* (p - 1) / 4 */
	rootOfMinusOne = power(small(2), &exponent);
	number inverted = inverse(small(121666));
	number d = small(121665);
	d = multiply(&d, &inverted);
	dConstant = subtract(small(0), d);
	d2 = add(dConstant, dConstant);
	uint8_t bytes[32];
	for (int i = 0; i < 32; i++) bytes[i] = 0x66;
	bytes[0] = 0x58;
	decompress(&base, bytes);
}

uint32_t kernel(void) {
	static const uint8_t key[32] = {0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc,
		0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c};
	static const uint8_t signature[64] = {0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca, 0xb8, 0x72, 0x0e, 0x82, 0x0b, 0x5f, 0x64, 0x25, 0x40,
		0xa2, 0xb2, 0x7b, 0x54, 0x16, 0x50, 0x3f, 0x8f, 0xb3, 0x76, 0x22, 0x23, 0xeb, 0xdb, 0x69, 0xda,
		0x08, 0x5a, 0xc1, 0xe4, 0x3e, 0x15, 0x99, 0x6e, 0x45, 0x8f, 0x36, 0x13, 0xd0, 0xf1, 0x1d, 0x8c,
		0x38, 0x7b, 0x2e, 0xae, 0xb4, 0x30, 0x2a, 0xee, 0xb0, 0x0d, 0x29, 0x16, 0x12, 0xbb, 0x0c, 0x00};
	static const uint8_t message[1] = {0x72};
	uint8_t changed[64];
	for (int i = 0; i < 64; i++) changed[i] = signature[i];
	changed[63] |= 0x10;
	return fold(verify(key, message, 1, signature), verify(key, message, 1, changed));
}
