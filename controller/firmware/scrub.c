/*
 * The background scrub: reads the whole image in place, header, code and constants, a piece at each tick, and
 * compares its CRC-32C with the one that the build put behind it. So rot in what executes is found within
 * (image bytes / PIECE_BYTES) ticks, whether or not it is executed.
 */
#include "firmware.h"

enum { PIECE_BYTES = 1024 };

extern const uint8_t __image_start[];
/* Put in by the build; volatile, so that the compiler does not believe the 0. */
__attribute__((section(".image_check"))) const volatile uint32_t image_check = 0;

static uint32_t crc = CRC32C_START;
static uint32_t offset;

bool scrub_step(void) {
	uint32_t image_bytes = (uint32_t)((const volatile uint8_t *)&image_check - __image_start);
	uint32_t left = image_bytes - offset;
	uint32_t bytes = left < PIECE_BYTES ? left : PIECE_BYTES;
	crc = crc32c_update(crc, __image_start + offset, bytes);
	offset += bytes;
	if (offset < image_bytes) return false;
	if (~crc != image_check) panic(PANIC_SCRUB);
	crc = CRC32C_START;
	offset = 0;
	return true;
}
