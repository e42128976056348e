/*
 * Start, main loop and sleep. Work is done here, never in an interrupt: handlers only say that there is some.
 */
#include "firmware.h"
#include "hardware.h"

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

/* Interrupts are off between the last look and wfi, which a pending one ends all the same. */
static void sleep(void) {
	csr_clear(mstatus, MSTATUS_MIE);
	if (!housekeeping_due() && (queue_blocked || !queue_waiting)) wait_for_interrupt();
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
			queue_blocked = false;
			queue_blocked = !queue_serve();
			if (!queue_blocked) queue_interrupt_on();
		}
		housekeeping();
		sleep();
	}
}
