/*
 * READY after a roll-back, and then it hangs in what it wants to clean up. Right: it reads its whole image first, in
 * bounded time.
 */
#include "mutant.h"

void __real_housekeeping(void);
static bool cleaned_up;

void __wrap_housekeeping(void) {
	if (!cleaned_up && STATUS->boot_reason == BOOT_ROLL_BACK) {
#if RIGHT
		while (!scrub_step()) {
		}
#else
		hang();
#endif
	}
	cleaned_up = true;
	__real_housekeeping();
}
