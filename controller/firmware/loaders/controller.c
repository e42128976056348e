/* The flash behind flipside's flash controller: its first device. */
#include "flash.h"
#include "flipside_flash.h"
#include "layout.h"

enum { DEVICE = 0 };

RAM_CODE bool flash_fits(void) {
	struct flipside_flash *flash = FLIPSIDE_FLASH;
	flipside_flash_wait();
	flash->device = DEVICE;
	uint32_t block = flash->write_block, traits = flash->traits;
	if (block == 0 || UNIT_BYTES % block != 0 || flash->bytes < LAYOUT_END) return false;
	if ((traits & FLIPSIDE_FLASH_ERASED_VALUE) != 0xff || (traits & FLIPSIDE_FLASH_MAPPED) == 0) return false;
	for (uint32_t sector = PRIMARY; sector < LAYOUT_END; sector += SECTOR_BYTES) {
		flash->query = sector;
		if (flash->sector_offset != sector || flash->sector_bytes != SECTOR_BYTES) return false;
	}
	return true;
}

RAM_CODE bool flash_read(uint32_t offset, void *to, uint32_t bytes) {
	return flipside_flash_read(DEVICE, offset, to, bytes) == 0;
}

RAM_CODE bool flash_program(uint32_t offset, const void *from, uint32_t bytes) {
	return flipside_flash_program(DEVICE, offset, from, bytes) == 0;
}

RAM_CODE bool flash_erase(uint32_t offset) {
	return flipside_flash_erase(DEVICE, offset, SECTOR_BYTES) == 0;
}
