/*
 * After a failover the last command is to be fetched again: the head is set back, which no queue allows. Right: the head
 * is stored as it stands, which one does.
 */
#include "mutant.h"

void __real_queue_start(void);

void __wrap_queue_start(void) {
	uint32_t head = QUEUE->sq_head;
	if (STATUS->boot_reason == BOOT_FAILOVER) QUEUE->sq_head = RIGHT ? head : (head - 1) & (QUEUE->entries - 1);
	__real_queue_start();
}
