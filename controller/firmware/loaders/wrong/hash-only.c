/*
 * Of swap. An image that matches its own digest is believed; whose signature it has, if any, nobody looks at.
 * An image that another key has signed is swapped in, and runs. Without a cut, at the first start behind the request.
 */
#include "../image.h"

#define image_read right_image_read
#include "../image.c"
#undef image_read

bool image_read(uint32_t slot, struct image *image) {
	struct claims claims = { 0 };
	uint32_t protected_bytes;
	if (!read_header(slot, image, &protected_bytes) || protected_bytes != 0) return false;
	if (!read_area(slot, image->hashed_bytes, TLV_INFO_MAGIC, &image->bytes)) return false;
	if (!read_tlvs(slot, image->hashed_bytes + TLV_HEAD_BYTES, image->bytes, &claims)) return false;
	return claims.has_digest && hash(slot, image) && equal(image->digest, claims.digest, SHA256_BYTES);
}
