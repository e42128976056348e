/*
 * Interrupts: a tick from the timer, and the host queue. The queue's is a level that only serving the queue
 * takes away, so the handler masks it and leaves the rest to the main loop.
 */
#include "firmware.h"
#include "hardware.h"

enum { TICK_MS = 10 };

volatile uint32_t ticks;
volatile bool queue_waiting;

static uint64_t time(void) {
	uint32_t high, low;
	do {
		high = CLINT_MTIME_HI;
		low = CLINT_MTIME_LO;
	} while (high != CLINT_MTIME_HI);
	return (uint64_t)high << 32 | low;
}

static void set_alarm(uint64_t at) {
	CLINT_MTIMECMP_HI = UINT32_MAX; /* no alarm in between */
	CLINT_MTIMECMP_LO = (uint32_t)at;
	CLINT_MTIMECMP_HI = (uint32_t)(at >> 32);
}

void interrupt(uint32_t number) {
	switch (number) {
	case INTERRUPT_TIMER:
		ticks++;
		set_alarm(time() + MTIME_HZ / 1000 * TICK_MS);
		break;
	case INTERRUPT_EXTERNAL:
		queue_interrupt_off();
		queue_waiting = true;
		break;
	default: /* the software interrupt: nobody here raises it */
		break;
	}
}

void queue_interrupt_on(void) {
	queue_waiting = false;
	csr_set(mie, 1u << INTERRUPT_EXTERNAL);
}

void queue_interrupt_off(void) { csr_clear(mie, 1u << INTERRUPT_EXTERNAL); }

void interrupts_start(void) {
	set_alarm(time() + MTIME_HZ / 1000 * TICK_MS);
	csr_write(mie, 1u << INTERRUPT_TIMER | 1u << INTERRUPT_EXTERNAL);
	csr_set(mstatus, MSTATUS_MIE);
}
