/*
 * The board that loaders and the probe application run on. What QEMU's `virt` has is at the same place there; the
 * registers of marks and role are not, so they are reached by guarded accesses, which a fault passes over.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stdint.h>

#define FINISHER (*(volatile uint32_t *)0x00100000)
enum { FINISH_PASS = 0x5555, FINISH_FAIL = 0x3333 };
/* Codes of a failure. */
enum { FAILED_TRAP = 1, FAILED_NOTHING_TO_BOOT = 2, FAILED_ROLE = 3 };

#define UART_DATA (*(volatile uint8_t *)0x10000000)
#define UART_LINE_STATUS (*(volatile uint8_t *)0x10000005)
enum { UART_CAN_SEND = 0x20 };

/* What is mapped here can be executed; offsets are those of flash.h. */
#define FLASH_BASE 0x20000000u

#define MARK 0x10070040u
#define ROLE 0x10070044u
#define UPLOAD_MEMORY 0x10070048u
#define UPLOAD_LENGTH 0x1007004cu

/* The low half of MARK; the high half says what about. A mark is given when what it says is durable. */
enum mark {
	MARK_LOADER_IN = 1,
	MARK_LOADER_GIVES_UP = 2,
	MARK_UP = 3,
	MARK_REQUESTED = 4,
	MARK_CONFIRMED = 5,
	MARK_GIVES_UP = 6,
	MARK_UPLOADED = 7,
};

/* What the test wants of the application. */
enum role {
	ROLE_NOTHING = 0,
	ROLE_REQUEST_TEST = 1,
	ROLE_REQUEST_PERMANENT = 2,
	ROLE_CONFIRM = 3,
	ROLE_CRASH = 4,
	ROLE_HANG = 5,
	ROLE_UPLOAD = 6,
};

/* One access to an aligned word. False if it faults, which it may: guard.S. */
bool guarded_load(uint32_t address, uint32_t *value);
bool guarded_store(uint32_t address, uint32_t value);

static inline void mark(enum mark mark, uint32_t about) { guarded_store(MARK, mark | about << 16); }

/* 0 where there is no such register. */
static inline uint32_t wanted(uint32_t address) {
	uint32_t value;
	return guarded_load(address, &value) ? value : 0;
}

static inline void say(const char *text) {
	for (; *text != '\0'; text++) {
		while ((UART_LINE_STATUS & UART_CAN_SEND) == 0) {
		}
		UART_DATA = (uint8_t)*text;
	}
}

static inline _Noreturn void finish(uint32_t how) {
	for (;;) FINISHER = how;
}

static inline _Noreturn void fail(uint32_t code) { finish(FINISH_FAIL | code << 16); }

#endif
