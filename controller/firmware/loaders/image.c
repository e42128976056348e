/*
 * Reads and judges an image. What costs little comes first: an image that was not written to its end has no TLVs, and is
 * refused before anything of it is hashed.
 */
#include "image.h"

#include "board.h"
#include "ed25519.h"
#include "flash.h"
#include "key.h"
#include "layout.h"

#define IMAGE_MAGIC 0x96f3b83du
enum { HEADER_BYTES = 32, HEADER_BYTES_MAX = 0x1000, TLV_HEAD_BYTES = 4, BODY_BYTES_MIN = 4 };
enum { TLV_INFO_MAGIC = 0x6907, TLV_PROTECTED_INFO_MAGIC = 0x6908 };
enum { TLV_KEY_HASH = 0x01, TLV_SHA256 = 0x10, TLV_ED25519 = 0x24, TLV_PURE_SIGNATURE = 0x25 };
enum { FLAG_PIC = 0x1, FLAG_ROM_FIXED = 0x100 };

struct header {
	uint32_t magic, load_address;
	uint16_t header_bytes, protected_bytes;
	uint32_t body_bytes, flags;
	uint8_t major, minor;
	uint16_t revision;
	uint32_t build, reserved;
};
_Static_assert(sizeof(struct header) == HEADER_BYTES, "the header is as it lies in flash");

struct tlv {
	uint16_t type, bytes;
};

/* What the TLVs say. */
struct claims {
	bool has_digest, names_key, has_signature;
	uint8_t digest[SHA256_BYTES];
	uint8_t signature[ED25519_SIGNATURE_BYTES];
};

static bool equal(const uint8_t *one, const uint8_t *other, uint32_t bytes) {
	uint8_t difference = 0;
	for (uint32_t i = 0; i < bytes; i++) difference |= one[i] ^ other[i];
	return difference == 0;
}

bool image_same(const struct image *one, const struct image *other) {
	return equal(one->digest, other->digest, SHA256_BYTES);
}

/* Whether an image with these flags can run where it stands. */
static bool can_run_here(uint32_t slot, const struct header *header) {
	if ((header->flags & ~(uint32_t)(FLAG_PIC | FLAG_ROM_FIXED)) != 0) return false;
	return (header->flags & FLAG_ROM_FIXED) == 0 || header->load_address == FLASH_BASE + slot;
}

static bool read_header(uint32_t slot, struct image *image, uint32_t *protected_bytes) {
	struct header header;
	if (!flash_read(slot, &header, sizeof header) || header.magic != IMAGE_MAGIC) return false;
	if (header.header_bytes < HEADER_BYTES || header.header_bytes > HEADER_BYTES_MAX) return false;
	if (header.header_bytes % 4 != 0) return false;
	if (header.body_bytes < BODY_BYTES_MIN || header.body_bytes > TRAILER_OFFSET) return false;
	if (!can_run_here(slot, &header)) return false;
	/* No sum of these three wraps. */
	image->hashed_bytes = header.header_bytes + header.body_bytes + header.protected_bytes;
	if (image->hashed_bytes > TRAILER_OFFSET - TLV_HEAD_BYTES) return false;
	image->header_bytes = header.header_bytes;
	image->version = (uint64_t)header.major << 56 | (uint64_t)header.minor << 48 | (uint64_t)header.revision << 32 | header.build;
	*protected_bytes = header.protected_bytes;
	return true;
}

/* The head of a TLV area at this offset of the slot, which ends with it in the room for images. */
static bool read_area(uint32_t slot, uint32_t offset, uint16_t magic, uint32_t *end) {
	struct tlv head;
	if (!flash_read(slot + offset, &head, sizeof head) || head.type != magic) return false;
	*end = offset + head.bytes;
	return head.bytes >= TLV_HEAD_BYTES && *end <= TRAILER_OFFSET;
}

/* One TLV whose value, of the bytes that it says, lies at `offset` of the flash. False if it cannot be. */
static bool read_tlv(uint32_t offset, struct tlv tlv, struct claims *claims) {
	uint8_t hash[SHA256_BYTES];
	switch (tlv.type) {
	case TLV_SHA256:
		if (claims->has_digest || tlv.bytes != SHA256_BYTES) return false;
		claims->has_digest = true;
		return flash_read(offset, claims->digest, SHA256_BYTES);
	case TLV_KEY_HASH:
		/* Names the key of the signature behind it. */
		if (tlv.bytes != SHA256_BYTES || !flash_read(offset, hash, sizeof hash)) return false;
		claims->names_key = equal(hash, key_hash, sizeof hash);
		return true;
	case TLV_ED25519:
		if (!claims->names_key) return true;
		claims->names_key = false;
		if (claims->has_signature || tlv.bytes != ED25519_SIGNATURE_BYTES) return false;
		claims->has_signature = true;
		return flash_read(offset, claims->signature, ED25519_SIGNATURE_BYTES);
	case TLV_PURE_SIGNATURE:
		return false;
	default:
		return true;
	}
}

/* All TLVs from `at` to `end`, offsets in the slot; the area's end is where the last one ends. */
static bool read_tlvs(uint32_t slot, uint32_t at, uint32_t end, struct claims *claims) {
	while (at < end) {
		struct tlv tlv;
		if (end - at < TLV_HEAD_BYTES || !flash_read(slot + at, &tlv, sizeof tlv)) return false;
		at += TLV_HEAD_BYTES;
		if (tlv.bytes > end - at || !read_tlv(slot + at, tlv, claims)) return false;
		at += tlv.bytes;
	}
	return true;
}

static bool hash(uint32_t slot, struct image *image) {
	union {
		uint8_t bytes[512];
		uint32_t words[128];
	} piece;
	struct sha256 sha;
	sha256_begin(&sha);
	for (uint32_t at = 0; at < image->hashed_bytes; at += sizeof piece) {
		uint32_t left = image->hashed_bytes - at, count = left < sizeof piece ? left : sizeof piece;
		if (!flash_read(slot + at, piece.words, count)) return false;
		sha256_add(&sha, piece.bytes, count);
	}
	sha256_end(&sha, image->digest);
	return true;
}

bool image_read(uint32_t slot, struct image *image) {
	struct claims claims = { 0 };
	uint32_t protected_bytes, end;
	if (!read_header(slot, image, &protected_bytes)) return false;
	if (!read_area(slot, image->hashed_bytes, TLV_INFO_MAGIC, &image->bytes)) return false;
	if (protected_bytes != 0) {
		uint32_t start = image->hashed_bytes - protected_bytes;
		if (!read_area(slot, start, TLV_PROTECTED_INFO_MAGIC, &end) || end != image->hashed_bytes) return false;
		if (!read_tlvs(slot, start + TLV_HEAD_BYTES, end, &claims)) return false;
	}
	if (!read_tlvs(slot, image->hashed_bytes + TLV_HEAD_BYTES, image->bytes, &claims)) return false;
	if (!claims.has_digest || !claims.has_signature || !hash(slot, image)) return false;
	if (!equal(image->digest, claims.digest, SHA256_BYTES)) return false;
	return ed25519_verify(key_public, image->digest, SHA256_BYTES, claims.signature);
}
