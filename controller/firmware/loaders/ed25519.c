/*
 * Ed25519 verification, SHA-512 of one block included. Nothing here is secret, so time may depend on the numbers: [s]B
 * and [h](-A) are computed in one chain of doublings, and the result's encoding is compared with R, which is the strict
 * form of the equation, without the cofactor.
 *
 * Numbers modulo p = 2^255 - 19 are eight words, below 2^256 and not always below p: what overflows comes back times 38.
 */
#include "ed25519.h"

typedef uint32_t number[8];

/* Extended coordinates: x = X/Z, y = Y/Z, T = XY/Z. */
struct point {
	number x, y, z, t;
};

static const number zero = { 0 };
static const number one = { 1 };
static const number prime = { 0xffffffed, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x7fffffff };
/* Order of the base point. */
static const number order = { 0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de, 0, 0, 0, 0x10000000 };
/* The curve's constant -121665/121666, and twice that. */
static const number curve_d = {
	0x135978a3, 0x75eb4dca, 0x4141d8ab, 0x00700a4d, 0x7779e898, 0x8cc74079, 0x2b6ffe73, 0x52036cee,
};
static const number curve_2d = {
	0x26b2f159, 0xebd69b94, 0x8283b156, 0x00e0149a, 0xeef3d130, 0x198e80f2, 0x56dffce7, 0x2406d9dc,
};
static const number root_of_minus_one = {
	0x4a0ea0b0, 0xc4ee1b27, 0xad2fe478, 0x2f431806, 0x3dfbd7a7, 0x2b4d0099, 0x4fc1df0b, 0x2b832480,
};
static const struct point base = {
	.x = { 0x8f25d51a, 0xc9562d60, 0x9525a7b2, 0x692cc760, 0xfdd6dc5c, 0xc0a4e231, 0xcd6e53fe, 0x216936d3 },
	.y = { 0x66666658, 0x66666666, 0x66666666, 0x66666666, 0x66666666, 0x66666666, 0x66666666, 0x66666666 },
	.z = { 1 },
	.t = { 0xa5b7dda3, 0x6dde8ab3, 0x775152f5, 0x20f09f80, 0x64abe37d, 0x66ea4e8e, 0xd78b7665, 0x67875f0f },
};

static void copy(number to, const number a) {
	for (int i = 0; i < 8; i++) to[i] = a[i];
}

static uint32_t add_words(number to, const number a, const number b) {
	uint32_t carry = 0;
	for (int i = 0; i < 8; i++) {
		uint32_t part = a[i] + carry;
		carry = part < carry;
		to[i] = part + b[i];
		carry += to[i] < part;
	}
	return carry;
}

static uint32_t subtract_words(number to, const number a, const number b) {
	uint32_t borrow = 0;
	for (int i = 0; i < 8; i++) {
		uint32_t part = a[i] - borrow;
		borrow = part > a[i];
		uint32_t less = part - b[i];
		borrow += less > part;
		to[i] = less;
	}
	return borrow;
}

static void add(number to, const number a, const number b) {
	uint32_t carry = add_words(to, a, b);
	while (carry != 0) carry = add_words(to, to, (const number){ 38 });
}

static void subtract(number to, const number a, const number b) {
	uint32_t borrow = subtract_words(to, a, b);
	while (borrow != 0) borrow = subtract_words(to, to, (const number){ 38 });
}

/* Nearly all of the time goes into this. */
__attribute__((optimize("O2", "unroll-loops"))) static void multiply(number to, const number a, const number b) {
	uint32_t product[16] = { 0 };
	for (int i = 0; i < 8; i++) {
		uint32_t carry = 0;
		for (int j = 0; j < 8; j++) {
			uint64_t sum = (uint64_t)a[i] * b[j] + product[i + j] + carry;
			product[i + j] = sum;
			carry = sum >> 32;
		}
		product[i + 8] = carry;
	}
	uint32_t carry = 0;
	for (int i = 0; i < 8; i++) {
		uint64_t sum = (uint64_t)product[i + 8] * 38 + product[i] + carry;
		to[i] = sum;
		carry = sum >> 32;
	}
	while (carry != 0) carry = add_words(to, to, (const number){ carry * 38 });
}

/* Below p. */
static void freeze(number a) {
	number less;
	for (int i = 0; i < 2; i++)
		if (subtract_words(less, a, prime) == 0) copy(a, less);
}

static bool equal(const number a, const number b) {
	number difference;
	subtract(difference, a, b);
	freeze(difference);
	uint32_t any = 0;
	for (int i = 0; i < 8; i++) any |= difference[i];
	return any == 0;
}

static void power(number to, const number a, const number exponent) {
	number result;
	copy(result, one);
	for (int bit = 254; bit >= 0; bit--) {
		multiply(result, result, result);
		if (exponent[bit / 32] >> bit % 32 & 1) multiply(result, result, a);
	}
	copy(to, result);
}

static void add_points(struct point *to, const struct point *p, const struct point *q) {
	number a, b, c, d, e, f, g, h;
	subtract(a, p->y, p->x);
	subtract(b, q->y, q->x);
	multiply(a, a, b);
	add(c, p->y, p->x);
	add(d, q->y, q->x);
	multiply(b, c, d);
	multiply(c, p->t, q->t);
	multiply(c, c, curve_2d);
	multiply(d, p->z, q->z);
	add(d, d, d);
	subtract(e, b, a);
	subtract(f, d, c);
	add(g, d, c);
	add(h, b, a);
	multiply(to->x, e, f);
	multiply(to->y, g, h);
	multiply(to->z, f, g);
	multiply(to->t, e, h);
}

static void double_point(struct point *p) {
	number a, b, c, e, f, g, h;
	multiply(a, p->x, p->x);
	multiply(b, p->y, p->y);
	multiply(c, p->z, p->z);
	add(c, c, c);
	add(e, p->x, p->y);
	multiply(e, e, e);
	add(h, a, b);
	subtract(e, h, e);
	subtract(g, a, b);
	add(f, c, g);
	multiply(p->x, e, f);
	multiply(p->y, g, h);
	multiply(p->z, f, g);
	multiply(p->t, e, h);
}

static void from_bytes(number to, const uint8_t *bytes) {
	for (int i = 0; i < 8; i++, bytes += 4)
		to[i] = bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* The point with this y and this sign of x, and minus that point instead. False if there is none. */
static bool decompress_negated(struct point *p, const uint8_t *bytes) {
	/* (p - 5) / 8 */
	static const number exponent = { 0xfffffffd, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x0fffffff };
	number u, v, v3, x, check;
	from_bytes(p->y, bytes);
	uint32_t sign = p->y[7] >> 31;
	p->y[7] &= 0x7fffffff;
	multiply(u, p->y, p->y);
	multiply(v, u, curve_d);
	subtract(u, u, one);
	add(v, v, one);
	/* x = u v^3 (u v^7)^((p - 5) / 8), a root of u / v or of minus that. */
	multiply(v3, v, v);
	multiply(v3, v3, v);
	multiply(x, v3, v3);
	multiply(x, x, v);
	multiply(x, x, u);
	power(x, x, exponent);
	multiply(x, x, v3);
	multiply(x, x, u);
	multiply(check, x, x);
	multiply(check, check, v);
	if (!equal(check, u)) {
		multiply(x, x, root_of_minus_one);
		multiply(check, x, x);
		multiply(check, check, v);
		if (!equal(check, u)) return false;
	}
	freeze(x);
	if (sign != 0 && equal(x, zero)) return false;
	if ((x[0] & 1) == sign) subtract(x, zero, x);
	copy(p->x, x);
	copy(p->z, one);
	multiply(p->t, p->x, p->y);
	return true;
}

/* [s]B + [h]Q */
static void combine(struct point *to, const number s, const number h, const struct point *q) {
	struct point both;
	add_points(&both, &base, q);
	const struct point *const choice[4] = { 0, &base, q, &both };
	*to = (struct point){ .y = { 1 }, .z = { 1 } };
	for (int bit = 252; bit >= 0; bit--) {
		double_point(to);
		uint32_t which = (s[bit / 32] >> bit % 32 & 1) | (h[bit / 32] >> bit % 32 & 1) << 1;
		if (which != 0) add_points(to, to, choice[which]);
	}
}

/* Whether these 32 bytes are the encoding of the point. */
static bool is_encoding(const uint8_t *bytes, const struct point *p) {
	static const number exponent = { 0xffffffeb, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x7fffffff }; /* p - 2 */
	number inverse, x, y, wanted;
	power(inverse, p->z, exponent);
	multiply(x, p->x, inverse);
	multiply(y, p->y, inverse);
	freeze(x);
	freeze(y);
	y[7] |= x[0] << 31;
	from_bytes(wanted, bytes);
	uint32_t difference = 0;
	for (int i = 0; i < 8; i++) difference |= y[i] ^ wanted[i];
	return difference == 0;
}

static const uint64_t constants[80] = {
	0x428a2f98d728ae22u, 0x7137449123ef65cdu, 0xb5c0fbcfec4d3b2fu, 0xe9b5dba58189dbbcu,
	0x3956c25bf348b538u, 0x59f111f1b605d019u, 0x923f82a4af194f9bu, 0xab1c5ed5da6d8118u,
	0xd807aa98a3030242u, 0x12835b0145706fbeu, 0x243185be4ee4b28cu, 0x550c7dc3d5ffb4e2u,
	0x72be5d74f27b896fu, 0x80deb1fe3b1696b1u, 0x9bdc06a725c71235u, 0xc19bf174cf692694u,
	0xe49b69c19ef14ad2u, 0xefbe4786384f25e3u, 0x0fc19dc68b8cd5b5u, 0x240ca1cc77ac9c65u,
	0x2de92c6f592b0275u, 0x4a7484aa6ea6e483u, 0x5cb0a9dcbd41fbd4u, 0x76f988da831153b5u,
	0x983e5152ee66dfabu, 0xa831c66d2db43210u, 0xb00327c898fb213fu, 0xbf597fc7beef0ee4u,
	0xc6e00bf33da88fc2u, 0xd5a79147930aa725u, 0x06ca6351e003826fu, 0x142929670a0e6e70u,
	0x27b70a8546d22ffcu, 0x2e1b21385c26c926u, 0x4d2c6dfc5ac42aedu, 0x53380d139d95b3dfu,
	0x650a73548baf63deu, 0x766a0abb3c77b2a8u, 0x81c2c92e47edaee6u, 0x92722c851482353bu,
	0xa2bfe8a14cf10364u, 0xa81a664bbc423001u, 0xc24b8b70d0f89791u, 0xc76c51a30654be30u,
	0xd192e819d6ef5218u, 0xd69906245565a910u, 0xf40e35855771202au, 0x106aa07032bbd1b8u,
	0x19a4c116b8d2d0c8u, 0x1e376c085141ab53u, 0x2748774cdf8eeb99u, 0x34b0bcb5e19b48a8u,
	0x391c0cb3c5c95a63u, 0x4ed8aa4ae3418acbu, 0x5b9cca4f7763e373u, 0x682e6ff3d6b2b8a3u,
	0x748f82ee5defb2fcu, 0x78a5636f43172f60u, 0x84c87814a1f0ab72u, 0x8cc702081a6439ecu,
	0x90befffa23631e28u, 0xa4506cebde82bde9u, 0xbef9a3f7b2c67915u, 0xc67178f2e372532bu,
	0xca273eceea26619cu, 0xd186b8c721c0c207u, 0xeada7dd6cde0eb1eu, 0xf57d4f7fee6ed178u,
	0x06f067aa72176fbau, 0x0a637dc5a2c898a6u, 0x113f9804bef90daeu, 0x1b710b35131c471bu,
	0x28db77f523047d84u, 0x32caab7b40c72493u, 0x3c9ebe0a15c9bebcu, 0x431d67c49c100d4cu,
	0x4cc5d4becb3e42b6u, 0x597f299cfc657e2au, 0x5fcb6fab3ad6faecu, 0x6c44198c4a475817u,
};

static inline uint64_t turn(uint64_t x, int n) { return x >> n | x << (64 - n); }

/* SHA-512 of a message that fits into one block: `text` has 128 bytes, and the first `length` of them count. */
static void sha512_block(uint8_t *text, uint32_t length, uint8_t digest[64]) {
	static const uint64_t start[8] = {
		0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u,
		0x510e527fade682d1u, 0x9b05688c2b3e6c1fu, 0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u,
	};
	uint64_t w[80], s[8];
	for (uint32_t i = length; i < 128; i++) text[i] = 0;
	text[length] = 0x80;
	text[126] = length * 8 >> 8;
	text[127] = (uint8_t)(length * 8);
	for (int i = 0; i < 16; i++) {
		w[i] = 0;
		for (int j = 0; j < 8; j++) w[i] = w[i] << 8 | text[8 * i + j];
	}
	for (int i = 16; i < 80; i++) {
		uint64_t a = w[i - 15], b = w[i - 2];
		w[i] = w[i - 16] + (turn(a, 1) ^ turn(a, 8) ^ a >> 7) + w[i - 7] + (turn(b, 19) ^ turn(b, 61) ^ b >> 6);
	}
	for (int i = 0; i < 8; i++) s[i] = start[i];
	for (int i = 0; i < 80; i++) {
		uint64_t t1 = s[7] + (turn(s[4], 14) ^ turn(s[4], 18) ^ turn(s[4], 41)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
			      constants[i] + w[i];
		uint64_t t2 = (turn(s[0], 28) ^ turn(s[0], 34) ^ turn(s[0], 39)) +
			      ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
		for (int j = 7; j > 0; j--) s[j] = s[j - 1];
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++) {
		uint64_t sum = s[i] + start[i];
		for (int j = 0; j < 8; j++, sum <<= 8) digest[8 * i + j] = sum >> 56;
	}
}

/* 512 bits modulo the order, bit by bit. */
static void modulo_order(number rest, const uint8_t digest[64]) {
	copy(rest, zero);
	for (int bit = 511; bit >= 0; bit--) {
		number less;
		add_words(rest, rest, rest);
		rest[0] |= digest[bit / 8] >> bit % 8 & 1;
		if (subtract_words(less, rest, order) == 0) copy(rest, less);
	}
}

bool ed25519_verify(const uint8_t key[ED25519_KEY_BYTES], const uint8_t *message, uint32_t length,
	const uint8_t signature[ED25519_SIGNATURE_BYTES]) {
	if (length > ED25519_MESSAGE_MAX) return false;
	uint8_t text[128], digest[64];
	for (int i = 0; i < 32; i++) text[i] = signature[i], text[32 + i] = key[i];
	for (uint32_t i = 0; i < length; i++) text[64 + i] = message[i];
	sha512_block(text, 64 + length, digest);

	struct point minus_a, result;
	number s, h, less;
	from_bytes(s, signature + 32);
	/* A signature whose s is not below the order is another form of one that is. */
	if (subtract_words(less, s, order) == 0) return false;
	if (!decompress_negated(&minus_a, key)) return false;
	modulo_order(h, digest);
	combine(&result, s, h, &minus_a);
	return is_encoding(signature, &result);
}
