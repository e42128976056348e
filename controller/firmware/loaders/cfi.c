/*
 * The flash as two chips of 16 bits side by side on a bus of 32 bits, each with the command set of Intel and Sharp (CFI
 * 0001): low halves of the words are one chip's, high halves the other's, and both get each command. As long as a chip is
 * not back at its array, the whole bank reads as status, so what gives commands runs from RAM.
 */
#include "board.h"
#include "flash.h"
#include "layout.h"

/* To both chips. */
#define BOTH(x) ((uint32_t)(x) << 16 | (x))

enum {
	READ_ARRAY = 0xff,
	READ_QUERY = 0x98,
	READ_STATUS = 0x70,
	CLEAR_STATUS = 0x50,
	BLOCK_LOCK = 0x60,
	BLOCK_ERASE = 0x20,
	BUFFERED_PROGRAM = 0xe8,
	CONFIRM = 0xd0,
};

enum {
	STATUS_READY = 0x80,
	/* Erase failed, program failed, voltage too low, block locked. */
	STATUS_ERRORS = 0x20 | 0x10 | 0x08 | 0x02,
};

/* No chip of this kind has a smaller buffer: 32 bytes each. */
enum { BUFFER_WORDS = 16 };

/* Inlined, so that the functions in RAM call nothing. */
#define INLINE static inline __attribute__((always_inline))

INLINE volatile uint32_t *word_at(uint32_t offset) { return (volatile uint32_t *)(FLASH_BASE + offset); }

INLINE void command(uint32_t offset, uint32_t code) { *word_at(offset) = BOTH(code); }

/* Waits until both chips are ready, and gives the errors of either. */
INLINE uint32_t wait(uint32_t offset) {
	uint32_t status;
	do status = *word_at(offset);
	while ((status & BOTH(STATUS_READY)) != BOTH(STATUS_READY));
	return status & BOTH(STATUS_ERRORS);
}

INLINE void unlock(uint32_t offset) {
	command(offset, CLEAR_STATUS);
	command(offset, BLOCK_LOCK);
	command(offset, CONFIRM);
}

INLINE void back_to_array(uint32_t offset) {
	command(offset, CLEAR_STATUS);
	command(offset, READ_ARRAY);
	/* The next read, and the next fetch, come after that. */
	__asm__ volatile("fence iorw, iorw" ::: "memory");
}

RAM_CODE bool flash_fits(void) {
	/* What was under way may go on over a reset. */
	command(0, READ_STATUS);
	wait(0);
	/* By 16-bit words of a chip: "QRY", then the size of the device and of the blocks of its one region. */
	command(0, READ_QUERY);
	bool answers = *word_at(4 * 0x10) == BOTH('Q') && *word_at(4 * 0x11) == BOTH('R') &&
		       *word_at(4 * 0x12) == BOTH('Y') && *word_at(4 * 0x13) == BOTH(1);
	uint32_t bytes = 2u << (*word_at(4 * 0x27) & 31);
	uint32_t sector = 2 * 256 * ((*word_at(4 * 0x2f) & 0xff) | (*word_at(4 * 0x30) & 0xff) << 8);
	uint32_t regions = *word_at(4 * 0x2c) & 0xff;
	back_to_array(0);
	return answers && bytes >= LAYOUT_END && regions == 1 && sector == SECTOR_BYTES;
}

bool flash_read(uint32_t offset, void *to, uint32_t bytes) {
	uint8_t *out = to;
	while (bytes > 0) {
		uint32_t word;
		if (!guarded_load(FLASH_BASE + (offset & ~3u), &word)) return false;
		if (((offset | (uint32_t)(uintptr_t)out) & 3) == 0 && bytes >= 4) {
			*(uint32_t *)(void *)out = word;
			out += 4, offset += 4, bytes -= 4;
			continue;
		}
		*out++ = (uint8_t)(word >> offset % 4 * 8);
		offset++, bytes--;
	}
	return true;
}

RAM_CODE bool flash_program(uint32_t offset, const void *from, uint32_t bytes) {
	const uint32_t *words = from;
	uint32_t left = bytes / 4, errors = 0;
	unlock(offset);
	while (left > 0 && errors == 0) {
		/* A buffer is filled within its own boundaries. */
		uint32_t count = BUFFER_WORDS - offset / 4 % BUFFER_WORDS;
		if (count > left) count = left;
		command(offset, BUFFERED_PROGRAM);
		errors = wait(offset);
		command(offset, count - 1);
		for (uint32_t i = 0; i < count; i++) word_at(offset)[i] = *words++;
		command(offset, CONFIRM);
		errors |= wait(offset);
		offset += 4 * count, left -= count;
	}
	back_to_array(offset);
	return errors == 0;
}

RAM_CODE bool flash_erase(uint32_t offset) {
	unlock(offset);
	command(offset, BLOCK_ERASE);
	command(offset, CONFIRM);
	uint32_t errors = wait(offset);
	back_to_array(offset);
	return errors == 0;
}
