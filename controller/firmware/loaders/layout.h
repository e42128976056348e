/*
 * What lies where in the flash: the loader, two slots and a scratch area, of one sector each, so that each is erased by
 * one command. A slot holds an image, and at its end a trailer.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#define SECTOR_BYTES 0x40000u

#define PRIMARY (1 * SECTOR_BYTES)
#define SECONDARY (2 * SECTOR_BYTES)
#define SCRATCH (3 * SECTOR_BYTES)
#define LAYOUT_END (4 * SECTOR_BYTES)

/* What is written at once. Devices with a larger write block are not for this layout. */
#define UNIT_BYTES 32u

/* Up to here a slot may hold an image. */
#define TRAILER_OFFSET (SECTOR_BYTES - 0x1000u)

#endif
