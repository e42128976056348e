/*
 * A probe: does what ROLE says and tells by marks how far it came. It runs from either slot. What changes the flash runs
 * from a copy of the code in RAM, since the flash that it was started from cannot be read meanwhile.
 *
 * RAM below 0x8000_8000 belongs to the loader and to it; an image to upload lies above.
 */
#include "board.h"
#include "copy.h"
#include "flash.h"
#include "layout.h"
#include "trailer.h"

/* By the build: VERSION as text, VERSION_MAJOR and VERSION_MINOR; and, where no register says it, a role. */
#ifndef ROLE_WITHOUT_REGISTER
#define ROLE_WITHOUT_REGISTER ROLE_NOTHING
#endif

/* Where the code is copied to, below the stack of application-start.S; a number, since no symbol here has a place. */
#define CODE_COPY ((uint32_t *)0x80004000)

/* What its marks are about. */
#define ABOUT (VERSION_MAJOR << 8 | VERSION_MINOR)

/* Of the linker script. */
extern const uint32_t __code_start[], __code_end[];
extern void trap(void);

static _Noreturn void give_up(const char *why) {
	mark(MARK_GIVES_UP, ABOUT);
	say(why);
	fail(FAILED_ROLE);
}

_Noreturn void panic(void) {
	say("application: trap\n");
	fail(FAILED_TRAP);
}

static uint32_t other_of(uint32_t slot) { return slot == PRIMARY ? SECONDARY : PRIMARY; }

static void request(uint32_t slot, enum flag kind) {
	if (!trailer_set(slot, kind)) give_up("application: the request cannot be written\n");
	mark(MARK_REQUESTED, ABOUT);
}

static void confirm(uint32_t slot) {
	/* Once more if it reads as set: that may be what a cut left. */
	bool was_set = trailer_has(slot, IMAGE_OK);
	if (!trailer_set(slot, IMAGE_OK) && !was_set) give_up("application: the confirmation cannot be written\n");
	mark(MARK_CONFIRMED, ABOUT);
}

static void upload(uint32_t slot, const uint8_t *image, uint32_t bytes) {
	if (bytes == 0 || bytes > TRAILER_OFFSET) give_up("application: no slot takes this image\n");
	if (!flash_erase(slot)) give_up("application: the slot cannot be erased\n");
	for (uint32_t at = 0; at < bytes; at += COPY_BYTES) {
		uint32_t count = bytes - at < COPY_BYTES ? bytes - at : COPY_BYTES;
		if (!copy_piece(image + at, slot + at, count)) give_up("application: the image cannot be written\n");
	}
	mark(MARK_UPLOADED, ABOUT);
}

/* Runs from RAM. */
__attribute__((noinline)) static _Noreturn void change_flash(uint32_t slot, uint32_t role) {
	__asm__ volatile("csrw mtvec, %0" ::"r"(trap));
	if (!flash_fits()) give_up("application: the flash is not laid out as it needs it\n");
	if (role == ROLE_REQUEST_TEST) request(other_of(slot), TEST);
	else if (role == ROLE_REQUEST_PERMANENT) request(other_of(slot), PERMANENT);
	else if (role == ROLE_CONFIRM) confirm(slot);
	else upload(other_of(slot), (const uint8_t *)(uintptr_t)wanted(UPLOAD_MEMORY), wanted(UPLOAD_LENGTH));
	finish(FINISH_PASS);
}

static _Noreturn void change_flash_from_ram(uint32_t slot, uint32_t role) {
	for (uint32_t i = 0; i < (uint32_t)(__code_end - __code_start); i++) CODE_COPY[i] = __code_start[i];
	__asm__ volatile("fence.i" ::: "memory");
	uintptr_t offset = (uintptr_t)change_flash - (uintptr_t)__code_start;
	void (*copied)(uint32_t, uint32_t) = (void (*)(uint32_t, uint32_t))((uintptr_t)CODE_COPY + offset);
	copied(slot, role);
	__builtin_unreachable();
}

_Noreturn void main(void) {
	uint32_t slot = ((uintptr_t)__code_start - FLASH_BASE) & ~(SECTOR_BYTES - 1), role;
	if (!guarded_load(ROLE, &role)) role = ROLE_WITHOUT_REGISTER;
	say("application " VERSION " in the ");
	say(slot == PRIMARY ? "primary" : "secondary");
	say(" slot\n");
	mark(MARK_UP, ABOUT);
	if (role == ROLE_CRASH) __asm__ volatile(".2byte 0"); /* an illegal instruction by definition */
	while (role == ROLE_HANG) {
	}
	if (role == ROLE_NOTHING || role > ROLE_UPLOAD) finish(FINISH_PASS);
	change_flash_from_ram(slot, role);
}
