/*
 * A controller's firmware on one page: it comes up, says so, serves the host queue and keeps the watchdog content. What
 * is yours to write goes where execute() is.
 *
 * There is no interrupt handler. mstatus.MIE stays 0, so nothing interrupts; `wfi` ends all the same when an interrupt
 * that `mie` lets through is pending, and the main loop looks for itself what there is to do.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hardware.h"
#include "nvme.h"

enum {
	WATCHDOG_PERIOD_US = 100000,
	TICK_MS = 10,
	/* A version on trial vouches for itself when it has worked for so long. */
	CONFIRM_TICKS = 5,
};

/* Codes in the FAULT register; exceptions are 0x100 + mcause (start.S). */
enum panic { PANIC_START = 1 };

static uint64_t next_tick;
static uint32_t ticks;

static void print(const char *text) {
	while (*text != '\0') UART_THR = (uint8_t)*text++;
}

static _Noreturn void panic(enum panic code) {
	print("panic\n");
	STATUS->fault = code; /* stops the hart: the other version takes over */
	for (;;) {
	}
}

static void greet(void) {
	static const char *const reasons[] = {
		[BOOT_POWER_ON] = "power-on",     [BOOT_FAILOVER] = "failover",   [BOOT_RESTART] = "restart",
		[BOOT_ACTIVATION] = "activation", [BOOT_ROLL_BACK] = "roll-back",
	};
	uint32_t reason = STATUS->boot_reason;
	print("skeleton " VERSION ", ");
	print(BOOT_POWER_ON <= reason && reason <= BOOT_ROLL_BACK ? reasons[reason] : "?");
	print("\n");
}

/* Whether start.S and link.ld did what C relies on. RAM is full of the last version's words before they do. */
static bool memory_is_set_up(void) {
	static volatile uint32_t initialised = 0x600dda7a;
	static volatile uint32_t zero;
	return initialised == 0x600dda7a && zero == 0;
}

static uint64_t now(void) {
	uint32_t high, low;
	do {
		high = CLINT_MTIME_HI;
		low = CLINT_MTIME_LO;
	} while (high != CLINT_MTIME_HI);
	return (uint64_t)high << 32 | low;
}

static void await_next_tick(void) {
	next_tick = now() + MTIME_HZ / 1000 * TICK_MS;
	CLINT_MTIMECMP_HI = UINT32_MAX; /* no alarm between the two halves */
	CLINT_MTIMECMP_LO = (uint32_t)next_tick;
	CLINT_MTIMECMP_HI = (uint32_t)(next_tick >> 32);
}

/*
 * Kicks the watchdog, from the main loop alone: a command that never ends is not covered up by an alarm that still
 * comes.
 */
static void tick(void) {
	await_next_tick();
	WATCHDOG->kick = WATCHDOG_KICK;
	if (++ticks == CONFIRM_TICKS && STATUS->trial != 0) STATUS->confirm = 1;
}

/* Carries a command out. The entry is the host's memory, which may change at any time: read a word of it once. */
static enum status execute(uint8_t opcode, const volatile uint32_t *entry) {
	(void)entry;
	switch (opcode) {
	case OPCODE_FLUSH: return SUCCESS; /* nothing is kept back here */
	default: return INVALID_OPCODE;
	}
}

/*
 * Serves what is queued, at most once around the queue, so that the watchdog gets its turn. All state of the queue is
 * in its registers and outlives this version, so the head is moved on before the command is carried out: a command
 * that kills one version is not met again by the next.
 */
static void serve_queue(void) {
	uint32_t mask = QUEUE->entries - 1; /* a power of two */
	for (uint32_t left = mask; left != 0; left--) {
		uint32_t head = QUEUE->sq_head, tail = QUEUE->cq_tail, next_tail = (tail + 1) & mask;
		if (head == QUEUE->sq_tail) return;
		if (next_tail == QUEUE->cq_head) return; /* the host has completions to take first */
		after_doorbell();
		const volatile uint32_t *entry = (const volatile uint32_t *)QUEUE->sq_address + head * SUBMISSION_WORDS;
		uint32_t first = entry[0];
		QUEUE->sq_head = (head + 1) & mask;
		uint32_t status = execute((uint8_t)first, entry);
		volatile uint32_t *completion = (volatile uint32_t *)QUEUE->cq_address + tail * COMPLETION_WORDS;
		completion[COMPLETION_RESULT] = 0;
		completion[COMPLETION_RESULT2] = 0;
		completion[COMPLETION_SQ_HEAD] = (head + 1) & mask;
		completion[COMPLETION_ID_AND_STATUS] = first >> COMMAND_ID_SHIFT | status << STATUS_SHIFT;
		before_doorbell();
		QUEUE->cq_tail = next_tail;
	}
}

_Noreturn void main(void) {
	WATCHDOG->period = WATCHDOG_PERIOD_US;
	greet();
	if (!memory_is_set_up()) panic(PANIC_START);
	await_next_tick();
	csr_write(mie, 1u << INTERRUPT_TIMER | 1u << INTERRUPT_EXTERNAL);
	/* docs/your-firmware.md says what else there is, and what is asked of whoever says that he can. */
	STATUS->capabilities = CAPABILITY_DECLARED | CAPABILITY_QUEUE;
	STATUS->ready = 1;
	for (;;) {
		serve_queue();
		if (now() >= next_tick) tick();
		wait_for_interrupt();
	}
}
