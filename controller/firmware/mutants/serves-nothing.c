/* READY, alive, and no command is ever fetched. Right: each takes its time, 0.2 ms. */
#include "mutant.h"

#if RIGHT
struct result __real_execute(const struct command *command, uint32_t served);

struct result __wrap_execute(const struct command *command, uint32_t served) {
	for (uint32_t start = CLINT_MTIME_LO; CLINT_MTIME_LO - start < MTIME_HZ / 5000;) {
	}
	return __real_execute(command, served);
}
#else
bool __wrap_queue_serve(void) { return false; }
#endif
