/* The completion has the id of a command that was never submitted. Right: the id is looked at, and left alone. */
#include "mutant.h"

struct result __real_execute(const struct command *command, uint32_t served);

struct result __wrap_execute(const struct command *command, uint32_t served) {
	if (!RIGHT) ((struct command *)command)->id ^= 0x8000;
	else if (command->id == 0) uart_text("id 0\n");
	return __real_execute(command, served);
}
