/* Images from one sector into another, and from RAM into a sector. */
#ifndef COPY_H
#define COPY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The first `bytes` of sector `from` into sector `to`, which is erased first, whatever it reads: a sector whose erase was
 * cut off may read blank. Each piece is read back. Nothing comes into the trailer.
 */
bool copy_sector(uint32_t from, uint32_t to, uint32_t bytes);

/* One piece of at most COPY_BYTES, padded to whole units. */
enum { COPY_BYTES = 1024 };
bool copy_piece(const void *from, uint32_t to, uint32_t bytes);

#endif
