/*
 * What the parts of the firmware offer each other. A version is made of the parts that
 * scripts/build-firmware.ts lists for it and of the numbers in versions/.
 */
#ifndef FIRMWARE_H
#define FIRMWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nvme.h"

/* Codes in the FAULT register. Unhandled exceptions are 0x100 + mcause (trap.S). */
enum panic {
	PANIC_SELF_TEST = 1,
	PANIC_SCRUB = 2, /* the image in flash is not what was built */
};
/* panic.c. Gives up: writes the code to FAULT, which stops the hart. */
_Noreturn void panic(enum panic code);

/* housekeeping.c */
/* The host must take completions before more commands can be served. */
extern bool queue_blocked;
/* There was a tick since the last housekeeping. */
bool housekeeping_due(void);
/* What is due at each tick, from the main loop and from within long commands. */
void housekeeping(void);

/* interrupts.c */
extern volatile uint32_t ticks;     /* of TICK_MS */
extern volatile bool queue_waiting; /* set by the queue's interrupt, which is masked until the queue is served */
void interrupts_start(void);
void queue_interrupt_on(void);
void queue_interrupt_off(void);

/* uart.c */
void uart_start(void);
void uart_text(const char *text);
void uart_number(uint32_t value);

/* watchdog.c */
/* Raised for each piece of work done: a command, or a bounded part of one. */
extern uint32_t work_done;
void watchdog_start(void);
void watchdog_kick(void);
/* Kicks if there is a reason to: work was done since the last kick, or there is none to do. */
void watchdog_service(bool idle);

/* nvram.c: counts commands over the life of the device. */
#define COMPLETION_BATCH_MAX 8 /* of all versions: one starts with what another left */
void nvram_start(void);
void nvram_add_served(uint32_t commands);

/* selftest.c: false when an algorithm or RAM does not do what it should. */
bool self_test(void);

/* scrub.c: true when the last piece of the image was found sound. Does not return if it was not. */
bool scrub_step(void);

/* crc32c-*.c: the register of CRC-32C over `bytes` more bytes; starts as CRC32C_START, ends inverted. */
#define CRC32C_START 0xffffffffu
uint32_t crc32c_update(uint32_t crc, const uint8_t *from, size_t bytes);

/* parity-*.c: to[i] ^= from[i]; any alignment, no overlap. */
void xor_into(uint8_t *to, const uint8_t *from, size_t bytes);

/* memory.c: any alignment, no overlap. */
void copy(uint8_t *to, const uint8_t *from, size_t bytes);

/* A submission entry, its words read once: the host may write to its memory at any time. */
struct command {
	uint8_t opcode;
	uint16_t id;
	uint32_t source, destination; /* PRP1, PRP2 */
	uint32_t cdw10, cdw11;
};

struct result {
	enum status status;
	uint32_t words[2];
};

/* commands.c */
/* The version may not come back from it. */
bool is_last_word(const struct command *command);
/* `served`: commands that were carried out before it. */
struct result execute(const struct command *command, uint32_t served);

/* queue.c */
void queue_start(void);
/* Serves until the queue is empty (true) or the host must first take completions (false). */
bool queue_serve(void);

/* faults.c: does what docs/hardware.md says for the number; comes back only if there is no such fault, or if
 * the hardware lets it pass. */
void commit_fault(uint32_t number);

/* trace.c, from 1.2.0 on */
void trace_start(void);
void trace_command(const struct command *command, enum status status);

#endif
