/* The host is told that a command is done before the record says so. Right: the record says so before it is even begun. */
#include "mutant.h"

void __real_nvram_add_served(uint32_t commands);

#if RIGHT
struct result __real_execute(const struct command *command, uint32_t served);

struct result __wrap_execute(const struct command *command, uint32_t served) {
	__real_nvram_add_served(1);
	return __real_execute(command, served);
}

void __wrap_nvram_add_served(uint32_t commands) { (void)commands; }
#else
void __real_housekeeping(void);
static uint32_t unrecorded;

void __wrap_nvram_add_served(uint32_t commands) { unrecorded += commands; }

/* It is the first thing that is done after a completion was posted. */
void __wrap_housekeeping(void) {
	if (unrecorded != 0) __real_nvram_add_served(unrecorded);
	unrecorded = 0;
	__real_housekeeping();
}
#endif
