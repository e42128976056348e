/*
 * Updates at the host's word, as NVMe has them: Firmware Image Download collects an image in RAM, Firmware Commit writes it into
 * a region and asks for what follows. The result is what the flash controller told last; the second word is all that it
 * told, four bits each, the last lowest. CDW11 of a Firmware Commit is ours: 1 leaves the begin out, which is refused.
 */
#include "board.h"
#include "plain.h"

enum { IMAGE_BYTES_MAX = 32768 };
enum { REPLACE = 0, REPLACE_AND_ACTIVATE = 1, ACTIVATE_ONLY = 2 };

static volatile uint32_t image[IMAGE_BYTES_MAX / 4] __attribute__((section(".noinit")));
static uint32_t image_bytes;
static uint32_t told;

struct answer update_download(uint32_t from, uint32_t dwords, uint32_t at) {
	uint32_t room = IMAGE_BYTES_MAX / 4, words = dwords + 1, offset = from - HOST_MEMORY; /* dwords counts from 0 */
	bool whole = words - 1 < room && at <= room - words && offset % 4 == 0 && offset <= HOST_BYTES &&
	             words * 4 <= HOST_BYTES - offset;
	if (!whole) return (struct answer){ INVALID_FIELD, 0, 0 };
	for (uint32_t i = 0; i < words; i++) image[at + i] = ((volatile uint32_t *)from)[i];
	image_bytes = (at + words) * 4;
	return (struct answer){ SUCCESS, 0, 0 };
}

static bool is_done(void) {
	uint32_t status;
	while ((status = FLASH_STATUS) == 0) pass_time();
	FLASH_STATUS = 0;
	told = told << 4 | status;
	return status == FLASH_DONE;
}

static bool request(uint32_t what) {
	FLASH_REQUEST = what;
	return is_done();
}

static bool command(uint32_t what, uint32_t length) {
	FLASH_OFFSET = 0;
	FLASH_LENGTH = length;
	FLASH_MEMORY = (uint32_t)image;
	FLASH_COMMAND = what;
	return is_done();
}

/* Whole units, what is behind the image erased. */
static uint32_t padded(void) {
	uint32_t bytes = image_bytes, unit = FLASH_WRITE_BLOCK;
	for (; bytes % unit != 0; bytes += 4) image[bytes / 4] = UINT32_MAX;
	return bytes;
}

static bool write_region(bool begins) {
	uint32_t bytes = padded();
	return (!begins || request(FLASH_BEGIN)) && command(FLASH_ERASE, FLASH_BYTES) && command(FLASH_PROGRAM, bytes) &&
	       command(FLASH_VERIFY, bytes) && request(FLASH_END);
}

struct answer update_commit(uint32_t slot_and_action, uint32_t without_begin) {
	uint32_t region = (slot_and_action & 7) - 1, action = slot_and_action >> 3 & 7;
	bool possible = region < FLASH_DEVICE >> 16 && action <= ACTIVATE_ONLY && (action == ACTIVATE_ONLY || image_bytes != 0);
	if (!possible) return (struct answer){ INVALID_FIELD, 0, 0 };
	told = 0;
	FLASH_DEVICE = region;
	FLASH_INTERRUPT = 1;
	bool done = (action == ACTIVATE_ONLY || write_region(!without_begin)) && (action == REPLACE || request(FLASH_ACTIVATE));
	FLASH_INTERRUPT = 0;
	return (struct answer){ done ? SUCCESS : INTERNAL_ERROR, told & 15, told };
}
