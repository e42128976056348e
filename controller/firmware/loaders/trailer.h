/*
 * The trailer of a slot or of the scratch area: flags in the words of MCUboot. Each flag has many units and is set when
 * one of them reads as its value from the first bit to the last. A unit takes no other value than its flag's, so what a cut
 * has left in one that still reads blank does not mix with what is programmed there next.
 *
 * A unit whose programming was cut off may read either way, and otherwise at the next start. So nobody does what cannot
 * be done again on the word of a flag that an earlier start left: it sets the flag once more, in a unit that has not been
 * used, and what is programmed to its end and read back reads the same from then on.
 */
#ifndef TRAILER_H
#define TRAILER_H

#include <stdbool.h>
#include <stdint.h>

enum flag {
	NO_FLAG,
	/*
	 * MAGIC in three kinds. Of a slot: somebody wants this image to run, as a test, or for good. Of the scratch area: the
	 * incoming image is there, for a test, for good, or as the way back.
	 */
	TEST,
	PERMANENT,
	REVERT,
	/* Of a slot: the image was started on trial. */
	TRIED,
	/*
	 * Of the primary slot: its image was put there by the loader, and all of it is there. Of the secondary slot: its image
	 * is what was swapped out. Of the scratch area: the outgoing image is in the secondary slot.
	 */
	COPY_DONE,
	/* Of a slot: its image has confirmed itself, or needs not to. */
	IMAGE_OK,
};

bool trailer_has(uint32_t slot, enum flag flag);

/* In a unit that is blank yet. False if there is none that takes it. */
bool trailer_set(uint32_t slot, enum flag flag);

/* A flag that reads as set once more, before somebody relies on it for good. */
void trailer_set_again(uint32_t slot, enum flag flag);

/*
 * A flag that is set in one unit alone once more, before somebody acts on it: from then on it reads the same. False if it is
 * not set.
 */
bool trailer_secured(uint32_t slot, enum flag flag);

/* The kind of MAGIC that is set, or NO_FLAG. What is to stay goes before what is to be tested. */
enum flag trailer_request(uint32_t slot);

#endif
