/* The header of an image and nothing else of it: for loaders whose mistake is to believe it. */
#ifndef HEADER_H
#define HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "../flash.h"
#include "../image.h"

/* Whether an image begins in the slot; only the size of its header and its version are told. */
static inline bool header_read(uint32_t slot, struct image *image) {
	enum { MAGIC, LOAD_ADDRESS, SIZES, BODY, FLAGS, VERSION, BUILD, RESERVED, WORDS };
	uint32_t words[WORDS];
	if (!flash_read(slot, words, sizeof words) || words[MAGIC] != 0x96f3b83du) return false;
	uint64_t major = words[VERSION] & 0xff, minor = words[VERSION] >> 8 & 0xff, revision = words[VERSION] >> 16;
	image->header_bytes = words[SIZES] & 0xffff;
	image->version = major << 56 | minor << 48 | revision << 32 | words[BUILD];
	return true;
}

#endif
