/* SHA-256 (FIPS 180-4) through an interface of begin, add and end. */
#ifndef SHA256_H
#define SHA256_H

#include <stdint.h>

enum { SHA256_BYTES = 32 };

struct sha256 {
	uint32_t state[8];
	uint32_t total; /* bytes added */
	uint8_t block[64];
};

void sha256_begin(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const uint8_t *bytes, uint32_t count);
void sha256_end(struct sha256 *sha, uint8_t digest[SHA256_BYTES]);

#endif
