/*
 * A firmware of 200 KB that initialises everything once: 320 drivers, each with an entry of its own that checks its
 * configuration, clears and fills its tables and registers itself; then a main loop that polls them through a table.
 */
#include "../bench/bench.h"

const char name[] = "power-up";
const uint32_t expected = 0x48075670;
uint32_t iterations = 300;

enum { DRIVERS = 320, TABLE = 64 };
struct driver {
	uint32_t (*poll)(struct driver *, uint32_t);
	uint32_t id, calls, state;
	uint32_t table[TABLE];
};
static struct driver drivers[DRIVERS];
static uint32_t registered, configuration[DRIVERS * 4];

#define DRIVER(n) \
	static uint32_t poll##n(struct driver *d, uint32_t now) { \
		d->calls++; \
		d->state = d->state * 5 + (now ^ 0x##n##u); \
		if ((d->state & 15) == (0x##n & 15)) d->table[d->state >> 8 & (TABLE - 1)] += now + 0x##n; \
		if (now & (1 << (0x##n & 7))) return d->table[(now + 0x##n) & (TABLE - 1)]; \
		return d->state >> (0x##n & 7); \
	} \
	__attribute__((noinline)) static int init##n(void) { \
		const uint32_t *c = configuration + (0x##n - 0x100) * 4; \
		struct driver *d = &drivers[registered++]; \
		if (c[0] == 0 || (c[1] ^ c[2]) == 0x##n##u * 0x10001u) return 0; \
		d->poll = poll##n; \
		d->id = 0x##n; \
		d->calls = 0; \
		d->state = c[3] % (0x##n##u + 100); \
		for (int i = 0; i < TABLE; i++) d->table[i] = 0; \
		uint32_t crc = c[0]; \
		for (int i = 0; i < TABLE; i++) { \
			for (int bit = 0; bit < 4; bit++) crc = crc >> 1 ^ ((0xedb88320u ^ 0x##n) & -(crc & 1)); \
			d->table[i] = crc + c[i & 3]; \
		} \
		for (int i = 0; i + 1 < TABLE; i += 2) \
			if (d->table[i] < d->table[i + 1]) { \
				uint32_t t = d->table[i]; \
				d->table[i] = d->table[i + 1]; \
				d->table[i + 1] = t + 0x##n; \
			} \
		uint32_t a = c[0], b = c[1], e = c[2], f = c[3]; \
		a = fold(a, b) + (e >> (0x##n & 7)); \
		b = fold(b, e) - (f << (0x##n & 3)); \
		e = fold(e, f) ^ a; \
		f = fold(f, a) | (b & 0x##n##01u); \
		d->table[0] ^= a, d->table[1] ^= b, d->table[2] ^= e, d->table[3] ^= f; \
		if (a > b) d->table[4] += a - b; \
		else d->table[5] += b - a; \
		if (e > f) d->table[6] += e * 0x##n##u; \
		else d->table[7] += f / (0x##n##u + 1); \
		return 1; \
	}
#define CALL(n) ok &= init##n();
#define SIXTEEN(M, n) \
	M(n##0) M(n##1) M(n##2) M(n##3) M(n##4) M(n##5) M(n##6) M(n##7) M(n##8) M(n##9) M(n##a) M(n##b) M(n##c) M(n##d) M(n##e) M(n##f)
#define ALL(M, n) \
	SIXTEEN(M, n##0) SIXTEEN(M, n##1) SIXTEEN(M, n##2) SIXTEEN(M, n##3) SIXTEEN(M, n##4) SIXTEEN(M, n##5) SIXTEEN(M, n##6) \
	SIXTEEN(M, n##7) SIXTEEN(M, n##8) SIXTEEN(M, n##9) SIXTEEN(M, n##a) SIXTEEN(M, n##b) SIXTEEN(M, n##c) SIXTEEN(M, n##d) \
	SIXTEEN(M, n##e) SIXTEEN(M, n##f)
#define EVERY(M) ALL(M, 1) SIXTEEN(M, 20) SIXTEEN(M, 21) SIXTEEN(M, 22) SIXTEEN(M, 23)

EVERY(DRIVER)

static uint32_t saved[DRIVERS];
static int ok = 1;

void prepare(void) {
	fill_random(configuration, DRIVERS * 4, 8);
	EVERY(CALL)
	for (int i = 0; i < DRIVERS; i++) saved[i] = drivers[i].table[TABLE - 1];
}

uint32_t kernel(void) {
	uint32_t sum = ok;
	for (int i = 0; i < DRIVERS; i++) {
		struct driver *d = &drivers[i];
		d->state = d->id;
		d->calls = 0;
		for (int j = 0; j < TABLE; j++) d->table[j] = saved[i] + j;
	}
	for (uint32_t now = 0; now < 64; now++)
		for (int i = 0; i < DRIVERS; i++) sum = fold(sum, drivers[i].poll(&drivers[i], now));
	return sum;
}
