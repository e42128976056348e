/* What a loader is made of: its own rule, and the start and the hand-over that all share. */
#ifndef LOADER_H
#define LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

/*
 * A loader's own rule: brings what was begun to its end, and says which slot is to run and what image is there. False if
 * there is none.
 */
bool decide(uint32_t *slot, struct image *image);

#endif
