/*
 * The flash as serial NOR behind an SPI controller that is a module of flipside's user: docs/examples/spi-nor.mjs. It is
 * read where it is mapped, as a controller does that fetches by itself; commands go byte by byte. As long as the chip is
 * busy it gives no data, so what gives commands runs from RAM.
 */
#include "board.h"
#include "flash.h"
#include "layout.h"

struct spi {
	volatile uint32_t select, data;
};
#define SPI ((struct spi *)0x10080000)

enum {
	PAGE_PROGRAM = 0x02,
	READ_STATUS = 0x05,
	WRITE_ENABLE = 0x06,
	SECTOR_ERASE = 0xd8,
};
enum { STATUS_BUSY = 1, STATUS_FAILED = 32 };
enum { PAGE_BYTES = 256 };

/* Inlined, so that the functions in RAM call nothing. */
#define INLINE static inline __attribute__((always_inline))

INLINE uint32_t status(void) {
	SPI->select = 1;
	SPI->data = READ_STATUS;
	SPI->data = 0;
	uint32_t status = SPI->data;
	SPI->select = 0;
	return status;
}

/* Waits until the chip is ready; false if it could not do what it was told. */
INLINE bool done(void) {
	uint32_t now;
	do now = status();
	while ((now & STATUS_BUSY) != 0);
	/* The next read, and the next fetch, come after that. */
	__asm__ volatile("fence iorw, iorw" ::: "memory");
	return (now & STATUS_FAILED) == 0;
}

INLINE void begin(uint32_t command, uint32_t offset) {
	SPI->select = 1;
	SPI->data = WRITE_ENABLE;
	SPI->select = 0;
	SPI->select = 1;
	SPI->data = command;
	for (int shift = 16; shift >= 0; shift -= 8) SPI->data = offset >> shift & 0xff;
}

/* A chip that no reset reaches may be busy still. */
RAM_CODE bool flash_fits(void) {
	done();
	return true;
}

bool flash_read(uint32_t offset, void *to, uint32_t bytes) {
	const uint8_t *from = (const uint8_t *)(FLASH_BASE + offset);
	uint8_t *out = to;
	for (uint32_t i = 0; i < bytes; i++) out[i] = from[i];
	return true;
}

RAM_CODE bool flash_program(uint32_t offset, const void *from, uint32_t bytes) {
	const uint8_t *next = from;
	while (bytes > 0) {
		uint32_t count = PAGE_BYTES - offset % PAGE_BYTES;
		if (count > bytes) count = bytes;
		begin(PAGE_PROGRAM, offset);
		for (uint32_t i = 0; i < count; i++) SPI->data = *next++;
		SPI->select = 0;
		if (!done()) return false;
		offset += count, bytes -= count;
	}
	return true;
}

RAM_CODE bool flash_erase(uint32_t offset) {
	begin(SECTOR_ERASE, offset);
	SPI->select = 0;
	return done();
}
