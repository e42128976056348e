/*
 * Images in MCUboot's format: a header, the body, TLVs that are hashed, TLVs that are not. A slot's bytes are anybody's:
 * nothing of them is believed before it is checked, and no read leaves the slot.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "sha256.h"

struct image {
	uint32_t header_bytes; /* the entry is behind them */
	uint32_t hashed_bytes; /* header, body and protected TLVs */
	uint32_t bytes;	       /* of all of it */
	uint64_t version;      /* of two the greater is the higher one */
	uint8_t digest[SHA256_BYTES];
};

/* Whether the slot holds an image that is whole and signed by the key of key.c. */
bool image_read(uint32_t slot, struct image *image);

bool image_same(const struct image *one, const struct image *other);

#endif
