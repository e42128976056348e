/*
 * Commands that wait when it starts are fetched and never completed: they are taken for those that killed the version
 * before. There is no other right way than the firmware's.
 */
#include "mutant.h"

void __real_queue_start(void);

void __wrap_queue_start(void) {
	QUEUE->sq_head = QUEUE->sq_tail;
	__real_queue_start();
}
