/* The end of the scrub, at which a version on trial confirms itself, is never told. Right: the third one is. */
#include "mutant.h"

bool __real_scrub_step(void);

bool __wrap_scrub_step(void) {
	bool through = __real_scrub_step();
#if RIGHT
	static uint32_t times;
	if (through && times < 3) times++;
	return through && times == 3;
#else
	(void)through;
	return false;
#endif
}
