/*
 * Of overwrite. A sector that reads blank is not erased again.
 * A cut in the erase of primary may leave cells that read blank once and otherwise later. They are programmed as they are, the
 * copy reads right, the only other one is erased, and at a later start nothing is whole.
 */
#include "../copy.h"
#include "../flash.h"
#include "../layout.h"

bool __real_flash_erase(uint32_t offset);
bool __wrap_flash_erase(uint32_t offset);

static bool is_blank(uint32_t sector) {
	uint32_t words[COPY_BYTES / 4], blank = 0xffffffff;
	for (uint32_t at = 0; at < SECTOR_BYTES && blank == 0xffffffff; at += COPY_BYTES) {
		if (!flash_read(sector + at, words, sizeof words)) return false;
		for (uint32_t i = 0; i < COPY_BYTES / 4; i++) blank &= words[i];
	}
	return blank == 0xffffffff;
}

bool __wrap_flash_erase(uint32_t offset) { return is_blank(offset) || __real_flash_erase(offset); }
