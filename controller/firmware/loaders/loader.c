/* What every loader does before and after its own rule. */
#include "loader.h"

#include "board.h"
#include "flash.h"

static _Noreturn void hand_over(uint32_t slot, const struct image *image) {
	void (*entry)(void) = (void (*)(void))(FLASH_BASE + slot + image->header_bytes);
	__asm__ volatile("fence.i" ::: "memory");
	entry();
	__builtin_unreachable();
}

/* A trap that guard.S does not know. */
_Noreturn void panic(void) {
	say("loader: trap\n");
	fail(FAILED_TRAP);
}

_Noreturn void main(void) {
	uint32_t slot;
	struct image image;
	mark(MARK_LOADER_IN, 0);
	if (!flash_fits()) say("loader: the flash is not laid out as this loader needs it\n");
	else if (decide(&slot, &image)) hand_over(slot, &image);
	mark(MARK_LOADER_GIVES_UP, 0);
	say("loader: nothing to boot\n");
	fail(FAILED_NOTHING_TO_BOOT);
}
