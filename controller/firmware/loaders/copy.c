/* Copies piece by piece, and believes what it reads. */
#include "copy.h"

#include "flash.h"
#include "layout.h"

union piece {
	uint8_t bytes[COPY_BYTES];
	uint32_t words[COPY_BYTES / 4];
};

bool copy_piece(const void *from, uint32_t to, uint32_t bytes) {
	const uint8_t *in = from;
	union piece piece, back;
	uint32_t padded = (bytes + UNIT_BYTES - 1) & ~(UNIT_BYTES - 1), difference = 0;
	if (padded > COPY_BYTES) return false;
	for (uint32_t i = 0; i < padded; i++) piece.bytes[i] = i < bytes ? in[i] : 0xff;
	if (!flash_program(to, piece.words, padded) || !flash_read(to, back.words, padded)) return false;
	for (uint32_t i = 0; i < padded / 4; i++) difference |= piece.words[i] ^ back.words[i];
	return difference == 0;
}

bool copy_sector(uint32_t from, uint32_t to, uint32_t bytes) {
	union piece piece;
	if (bytes > TRAILER_OFFSET || !flash_erase(to)) return false;
	for (uint32_t at = 0; at < bytes; at += COPY_BYTES) {
		uint32_t count = bytes - at < COPY_BYTES ? bytes - at : COPY_BYTES;
		if (!flash_read(from + at, piece.words, count) || !copy_piece(piece.words, to + at, count)) return false;
	}
	return true;
}
