/*
 * Driver of flipside's flash controller, in one header. Functions give 0 if the controller did as it was told, else what
 * it says against that: enum flipside_flash_fault. Memory is RAM. While a command is under way the device may be
 * unreadable (TRAITS): who executes from it copies its callers of these functions to RAM.
 */
#ifndef FLIPSIDE_FLASH_H
#define FLIPSIDE_FLASH_H

#include <stdint.h>

struct flipside_flash {
	volatile uint32_t device, bytes, write_block, traits, query, sector_offset, sector_bytes, key;
	volatile uint32_t offset, length, memory, command, status, fail_offset, protect, interrupt;
	volatile uint32_t request, corrected, corrected_offset, busy;
};
#define FLIPSIDE_FLASH ((struct flipside_flash *)0x10030000)

enum flipside_flash_command {
	FLIPSIDE_FLASH_PROGRAM = 1,
	FLIPSIDE_FLASH_ERASE = 2,
	FLIPSIDE_FLASH_READ = 3,
	FLIPSIDE_FLASH_IS_ERASED = 4,
	FLIPSIDE_FLASH_VERIFY = 5,
};

enum { FLIPSIDE_FLASH_DONE = 1 };
enum flipside_flash_fault {
	FLIPSIDE_FLASH_MISALIGNED = 8,
	FLIPSIDE_FLASH_RANGE = 9,
	FLIPSIDE_FLASH_PROTECTED = 10,
	FLIPSIDE_FLASH_NOT_ERASED = 11,
	FLIPSIDE_FLASH_ECC = 12, /* at fail_offset */
	FLIPSIDE_FLASH_LOCKED = 13,
	FLIPSIDE_FLASH_FAILED = 14,
	FLIPSIDE_FLASH_DIFFERS = 15,
};

/* Of traits. */
#define FLIPSIDE_FLASH_ERASED_VALUE 0xffu
#define FLIPSIDE_FLASH_NEEDS_ERASE (1u << 8)
#define FLIPSIDE_FLASH_WRITE_ONCE (1u << 9)
#define FLIPSIDE_FLASH_HAS_ECC (1u << 10)
#define FLIPSIDE_FLASH_MAPPED (1u << 16)

#define FLIPSIDE_FLASH_INLINE static inline __attribute__((always_inline))

/*
 * What was under way may go on over a reset, which takes STATUS back to 0. Before the first command of a start: one that
 * comes meanwhile is refused.
 */
FLIPSIDE_FLASH_INLINE void flipside_flash_wait(void) {
	while (FLIPSIDE_FLASH->busy != 0);
	FLIPSIDE_FLASH->status = 0;
}

FLIPSIDE_FLASH_INLINE uint32_t flipside_flash_do(
	uint32_t device, enum flipside_flash_command command, uint32_t offset, uint32_t length, const void *memory) {
	struct flipside_flash *flash = FLIPSIDE_FLASH;
	uint32_t status;
	flash->device = device;
	flash->offset = offset;
	flash->length = length;
	flash->memory = (uint32_t)(uintptr_t)memory;
	flash->status = 0;
	/* What was stored to memory is there before the controller looks. */
	__asm__ volatile("fence rw, iorw" ::: "memory");
	flash->command = command;
	do status = flash->status;
	while (status == 0);
	__asm__ volatile("fence iorw, rw" ::: "memory");
	return status == FLIPSIDE_FLASH_DONE ? 0 : status;
}

/* The same with the controller unlocked, which it is no longer than it has to be. */
FLIPSIDE_FLASH_INLINE uint32_t flipside_flash_change(
	uint32_t device, enum flipside_flash_command command, uint32_t offset, uint32_t length, const void *memory) {
	FLIPSIDE_FLASH->key = 0x45670123;
	FLIPSIDE_FLASH->key = 0xcdef89ab;
	uint32_t fault = flipside_flash_do(device, command, offset, length, memory);
	FLIPSIDE_FLASH->key = 0;
	return fault;
}

FLIPSIDE_FLASH_INLINE uint32_t flipside_flash_read(uint32_t device, uint32_t offset, void *to, uint32_t length) {
	return flipside_flash_do(device, FLIPSIDE_FLASH_READ, offset, length, to);
}

/* Offset and length are multiples of write_block; what was programmed since its erase is refused. */
FLIPSIDE_FLASH_INLINE uint32_t flipside_flash_program(
	uint32_t device, uint32_t offset, const void *from, uint32_t length) {
	return flipside_flash_change(device, FLIPSIDE_FLASH_PROGRAM, offset, length, from);
}

/* Whole sectors. */
FLIPSIDE_FLASH_INLINE uint32_t flipside_flash_erase(uint32_t device, uint32_t offset, uint32_t length) {
	return flipside_flash_change(device, FLIPSIDE_FLASH_ERASE, offset, length, 0);
}

/* FLIPSIDE_FLASH_NOT_ERASED if it is not. */
FLIPSIDE_FLASH_INLINE uint32_t flipside_flash_is_erased(uint32_t device, uint32_t offset, uint32_t length) {
	return flipside_flash_do(device, FLIPSIDE_FLASH_IS_ERASED, offset, length, 0);
}

/* FLIPSIDE_FLASH_DIFFERS if the device does not hold what memory does. */
FLIPSIDE_FLASH_INLINE uint32_t flipside_flash_verify(
	uint32_t device, uint32_t offset, const void *memory, uint32_t length) {
	return flipside_flash_do(device, FLIPSIDE_FLASH_VERIFY, offset, length, memory);
}

#endif
