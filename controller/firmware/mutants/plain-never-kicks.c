/* The watchdog is started and never kicked. Right: it is kicked with a period of a second. */
#include "../plain/board.h"
#if RIGHT
#undef WATCHDOG_PERIOD
#define WATCHDOG_PERIOD REG32(0x10010000) = 1000000, *(volatile uint32_t *)&unused
#else
#undef WATCHDOG_KICK
#define WATCHDOG_KICK *(volatile uint32_t *)&unused
#endif
static uint32_t unused;
#include "../plain/main.c"
