/*
 * ECDSA over P-256, verification: Montgomery multiplication, Jacobian points. The signature of RFC 6979, A.2.5
 * (SHA-256, "sample") is accepted, and refused with a number that is not below the order.
 */
#include "../bench/bench.h"

const char name[] = "ecdsa";
const uint32_t expected = 0xc6ef3620;
uint32_t iterations = 31;

typedef struct {
	uint32_t w[8];
} number; /* little-endian words */
typedef struct {
	number value, one, square; /* modulus, R and R^2 of it */
	uint32_t inverse; /* -1 / modulus, modulo 2^32 */
} field;
typedef struct {
	number x, y, z;
} point; /* z of 0 is infinity */

static field p = {.value = {{~0u, ~0u, ~0u, 0, 0, 0, 1, ~0u}}};
static field n = {.value = {{0xfc632551, 0xf3b9cac2, 0xa7179e84, 0xbce6faad, ~0u, ~0u, 0, ~0u}}};
static point base, key;

static uint32_t add_words(number *to, const number *a, const number *b) {
	uint64_t carry = 0;
	for (int i = 0; i < 8; i++, carry >>= 32) to->w[i] = carry += (uint64_t)a->w[i] + b->w[i];
	return carry;
}

static uint32_t subtract_words(number *to, const number *a, const number *b) {
	int64_t carry = 0;
	for (int i = 0; i < 8; i++, carry >>= 32) to->w[i] = carry += (int64_t)a->w[i] - b->w[i];
	return carry & 1;
}

static int is_zero(const number *a) {
	uint32_t any = 0;
	for (int i = 0; i < 8; i++) any |= a->w[i];
	return any == 0;
}

static number add(const number *a, const number *b, const field *m) {
	number sum, less;
	uint32_t carry = add_words(&sum, a, b);
	return subtract_words(&less, &sum, &m->value) > carry ? sum : less;
}

static number subtract(const number *a, const number *b, const field *m) {
	number difference;
	if (subtract_words(&difference, a, b)) add_words(&difference, &difference, &m->value);
	return difference;
}

/* a * b / R. */
static number multiply(const number *a, const number *b, const field *m) {
	uint32_t t[10] = {0};
	for (int i = 0; i < 8; i++) {
		uint64_t carry = 0;
		for (int j = 0; j < 8; j++, carry >>= 32) t[j] = carry += (uint64_t)a->w[i] * b->w[j] + t[j];
		t[8] = carry += t[8];
		t[9] = carry >> 32;
		uint32_t factor = t[0] * m->inverse;
		carry = ((uint64_t)factor * m->value.w[0] + t[0]) >> 32;
		for (int j = 1; j < 8; j++, carry >>= 32) t[j - 1] = carry += (uint64_t)factor * m->value.w[j] + t[j];
		t[7] = carry += t[8];
		t[8] = t[9] + (carry >> 32);
	}
	number result, less;
	for (int i = 0; i < 8; i++) result.w[i] = t[i];
	return subtract_words(&less, &result, &m->value) > t[8] ? result : less;
}

static number into(const number *a, const field *m) {
	return multiply(a, &m->square, m);
}

static number inverse(const number *a, const field *m) {
	number exponent = m->value, result = m->one;
	exponent.w[0] -= 2;
	for (int bit = 255; bit >= 0; bit--) {
		result = multiply(&result, &result, m);
		if (exponent.w[bit >> 5] >> (bit & 31) & 1) result = multiply(&result, a, m);
	}
	return result;
}

static void prepare_field(field *m) {
	uint32_t x = 1;
	for (int i = 0; i < 5; i++) x *= 2 - m->value.w[0] * x;
	m->inverse = -x;
	number r = {{1}};
	for (int i = 0; i < 512; i++) {
		r = add(&r, &r, m);
		if (i == 255) m->one = r;
	}
	m->square = r;
}

static point twice(const point *a) {
	if (is_zero(&a->z)) return *a;
	number zz = multiply(&a->z, &a->z, &p), yy = multiply(&a->y, &a->y, &p), s = multiply(&a->x, &yy, &p);
	number u = subtract(&a->x, &zz, &p), v = add(&a->x, &zz, &p), w = multiply(&u, &v, &p), m = add(&w, &w, &p);
	m = add(&m, &w, &p);
	s = add(&s, &s, &p);
	s = add(&s, &s, &p);
	point r;
	r.x = multiply(&m, &m, &p);
	r.x = subtract(&r.x, &s, &p);
	r.x = subtract(&r.x, &s, &p);
	number y4 = multiply(&yy, &yy, &p);
	for (int i = 0; i < 3; i++) y4 = add(&y4, &y4, &p);
	u = subtract(&s, &r.x, &p);
	r.y = multiply(&m, &u, &p);
	r.y = subtract(&r.y, &y4, &p);
	r.z = multiply(&a->y, &a->z, &p);
	r.z = add(&r.z, &r.z, &p);
	return r;
}

static point sum(const point *a, const point *b) {
	if (is_zero(&a->z)) return *b;
	if (is_zero(&b->z)) return *a;
	number za = multiply(&a->z, &a->z, &p), zb = multiply(&b->z, &b->z, &p);
	number ua = multiply(&a->x, &zb, &p), ub = multiply(&b->x, &za, &p);
	number sa = multiply(&b->z, &zb, &p), sb = multiply(&a->z, &za, &p);
	sa = multiply(&sa, &a->y, &p);
	sb = multiply(&sb, &b->y, &p);
	number h = subtract(&ub, &ua, &p), r = subtract(&sb, &sa, &p);
	if (is_zero(&h)) return is_zero(&r) ? twice(a) : (point){{{0}}, {{0}}, {{0}}};
	number hh = multiply(&h, &h, &p), hhh = multiply(&h, &hh, &p), v = multiply(&ua, &hh, &p);
	point c;
	c.x = multiply(&r, &r, &p);
	c.x = subtract(&c.x, &hhh, &p);
	c.x = subtract(&c.x, &v, &p);
	c.x = subtract(&c.x, &v, &p);
	number t = subtract(&v, &c.x, &p);
	c.y = multiply(&r, &t, &p);
	t = multiply(&sa, &hhh, &p);
	c.y = subtract(&c.y, &t, &p);
	c.z = multiply(&a->z, &b->z, &p);
	c.z = multiply(&c.z, &h, &p);
	return c;
}

static point point_of(number x, number y) {
	return (point){into(&x, &p), into(&y, &p), p.one};
}

void prepare(void) {
	prepare_field(&p);
	prepare_field(&n);
	base = point_of((number){{0xd898c296, 0xf4a13945, 0x2deb33a0, 0x77037d81, 0x63a440f2, 0xf8bce6e5, 0xe12c4247, 0x6b17d1f2}},
		(number){{0x37bf51f5, 0xcbb64068, 0x6b315ece, 0x2bce3357, 0x7c0f9e16, 0x8ee7eb4a, 0xfe1a7f9b, 0x4fe342e2}});
	key = point_of((number){{0x60f29fb6, 0xe669622e, 0x3b61fa6c, 0xc049b892, 0xc6356d68, 0xc961eb74, 0x255a9d31, 0x60fed4ba}},
		(number){{0xd4462299, 0x77a3c294, 0x2d7e9f51, 0xf2f1b20c, 0x5628bc64, 0xa41ae9e9, 0x08b8bc99, 0x7903fe10}});
}

static int verify(const number *digest, const number *r, const number *s) {
	number w = into(s, &n), plain = {{1}}, below;
	if (is_zero(r) || is_zero(s) || !subtract_words(&below, r, &n.value) || !subtract_words(&below, s, &n.value)) return 0;
	w = inverse(&w, &n);
	number u = multiply(digest, &w, &n), v = multiply(r, &w, &n); /* out of Montgomery's form */
	point both = sum(&base, &key), result = {{{0}}, {{0}}, {{0}}};
	for (int bit = 255; bit >= 0; bit--) {
		result = twice(&result);
		int first = u.w[bit >> 5] >> (bit & 31) & 1, second = v.w[bit >> 5] >> (bit & 31) & 1;
		if (first || second) result = sum(&result, first && second ? &both : first ? &base : &key);
	}
	number z = inverse(&result.z, &p);
	z = multiply(&z, &z, &p);
	number x = multiply(&result.x, &z, &p);
	x = multiply(&x, &plain, &p);
	number less;
	if (!subtract_words(&less, &x, &n.value)) x = less;
	uint32_t difference = 0;
	for (int i = 0; i < 8; i++) difference |= x.w[i] ^ r->w[i];
	return difference == 0;
}

uint32_t kernel(void) {
	static const number r = {{0x4eaf3716, 0xc34d0ea8, 0x56aaf991, 0x9d2c877b, 0xd45e81d6, 0x1140dd9c, 0xacb6a8fd, 0xefd48b2a}};
	static const number s = {{0x843acda8, 0x4dc4ab2f, 0xb9aff406, 0xf3e900db, 0xb6e29f65, 0xd436c7a1, 0x2d657c41, 0xf7cb1c94}};
	static const number digest = {{0x62add1bf, 0x62113d8a, 0x68e98915, 0x1a831d02, 0x94f41fc7, 0xe2ade1d6, 0xaa9b6ec1, 0xaf2bdbe1}};
	return fold(verify(&digest, &r, &s), verify(&digest, &n.value, &s));
}
