/*
 * A fault on request is completed like a command, and nothing happens. Right: it is refused, and the version said that it
 * does none.
 */
#include "mutant.h"

struct result __real_execute(const struct command *command, uint32_t served);

#if RIGHT
void __real_queue_start(void);

void __wrap_queue_start(void) {
	__real_queue_start();
	STATUS->capabilities = CAPABILITY_DECLARED | CAPABILITY_QUEUE | CAPABILITY_COMMANDS | CAPABILITY_RECORD;
}
#endif

struct result __wrap_execute(const struct command *command, uint32_t served) {
	if (!is_last_word(command)) return __real_execute(command, served);
	return (struct result){ RIGHT ? INVALID_OPCODE : SUCCESS, { 0, 0 } };
}
