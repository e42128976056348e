/*
 * Start, main loop and sleep. Work is done here, never in an interrupt: handlers only say that there is some.
 */
#include "firmware.h"
#include "hardware.h"

uint32_t work_done;
static uint32_t ticks_seen;
static bool blocked; /* the host must take completions before more commands can be served */
static bool confirmed;

_Noreturn void panic(enum panic code) {
	uart_text("panic ");
	uart_number(code);
	uart_text("\n");
	STATUS->fault = code;
	for (;;) {
	}
}

static void greet(void) {
	static const char *const reasons[] = {
		"?",
		[BOOT_POWER_ON] = "power-on",
		[BOOT_FAILOVER] = "failover",
		[BOOT_RESTART] = "restart",
		[BOOT_ACTIVATION] = "activation",
		[BOOT_ROLL_BACK] = "roll-back",
	};
	uint32_t reason = STATUS->boot_reason;
	uart_text("flipside ");
	uart_number(VERSION_MAJOR);
	uart_text(".");
	uart_number(VERSION_MINOR);
	uart_text(".");
	uart_number(VERSION_REVISION);
	uart_text(", region ");
	uart_number(STATUS->region);
	uart_text(", epoch ");
	uart_number(STATUS->boot_epoch);
	uart_text(", ");
	uart_text(reasons[reason < sizeof reasons / sizeof reasons[0] ? reason : 0]);
	uart_text("\n");
}

/* A version on trial vouches for itself once it has served its queue and found its whole image sound. */
static void confirm(void) {
	if (confirmed || STATUS->trial == 0) return;
	confirmed = true;
	STATUS->confirm = 1;
	uart_text("confirmed\n");
}

void housekeeping(void) {
	uint32_t now = ticks;
	if (now == ticks_seen) return;
	ticks_seen = now;
	watchdog_service(!queue_waiting || blocked);
	if (scrub_step()) confirm();
}

/* Interrupts are off between the last look and wfi, which a pending one ends all the same. */
static void sleep(void) {
	csr_clear(mstatus, MSTATUS_MIE);
	if (ticks == ticks_seen && (blocked || !queue_waiting)) wait_for_interrupt();
	csr_set(mstatus, MSTATUS_MIE);
}

_Noreturn void main(void) {
	watchdog_start();
	uart_start();
	greet();
	nvram_start();
	if (!self_test()) panic(PANIC_SELF_TEST);
#if TRACE
	trace_start();
#endif
	queue_start();
	interrupts_start();
	STATUS->ready = 1;
	for (;;) {
		if (queue_waiting) {
			blocked = false;
			blocked = !queue_serve();
			if (!blocked) queue_interrupt_on();
		}
		housekeeping();
		sleep();
	}
}
