/*
 * The flash as loaders and the application use it: one of cfi.c, controller.c and spi.c is linked. Offsets are from the
 * device's first byte. What is false has failed; a device that has torn or worn cells may fail at any of them.
 */
#ifndef FLASH_H
#define FLASH_H

#include <stdbool.h>
#include <stdint.h>

/* For functions that run while the flash cannot be read: they lie in RAM and call nothing that does not. */
#define RAM_CODE __attribute__((section(".ram_code"), noinline))

/* Whether the device has the sectors and units of layout.h. */
bool flash_fits(void);

/* Any bytes. */
bool flash_read(uint32_t offset, void *to, uint32_t bytes);

/* Whole units of a flash that is erased there, from a word of RAM on. */
bool flash_program(uint32_t offset, const void *from, uint32_t bytes);

/* The sector that begins at `offset`. */
bool flash_erase(uint32_t offset);

#endif
