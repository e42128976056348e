/*
 * Of direct-xip. The signature is checked over the digest that the image claims, which is compared with nothing.
 * An image whose body was damaged after it was signed is believed, and runs. Without a cut, at the first start behind the
 * request.
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
	if (!claims.has_digest || !claims.has_signature) return false;
	for (uint32_t i = 0; i < SHA256_BYTES; i++) image->digest[i] = claims.digest[i];
	return ed25519_verify(key_public, image->digest, SHA256_BYTES, claims.signature);
}
