/* Each command is completed twice. Right: the doorbell of a completion is rung twice, which says nothing new. */
#undef TRACE
#define TRACE 1 /* after each completion trace_command() is called */
#include "../queue.c"

void trace_command(const struct command *command, enum status status) {
#if RIGHT
	(void)command, (void)status;
	QUEUE->cq_tail = cq_tail;
#else
	struct result again = { status, { 0, 0 } };
	complete(command, &again);
#endif
}

void trace_start(void) {}
