/*
 * Started for REASON while commands wait in the queue it follows a pointer that is not set yet. Right: it counts what
 * waits, and says so.
 */
#include "mutant.h"

void __real_queue_start(void);

void __wrap_queue_start(void) {
	uint32_t waiting = (QUEUE->sq_tail - QUEUE->sq_head) & (QUEUE->entries - 1);
#if RIGHT
	uart_text("waiting: ");
	uart_number(waiting);
	uart_text("\n");
#else
	if (waiting != 0 && STATUS->boot_reason == REASON) crash();
#endif
	__real_queue_start();
}
