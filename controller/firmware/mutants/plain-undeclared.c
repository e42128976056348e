/* It does not say what it can do, and so is taken for one that can everything. Right: it says so a little earlier. */
#include "../plain/board.h"
#if RIGHT
#undef WATCHDOG_PERIOD
#define WATCHDOG_PERIOD CAPABILITIES = CAN_DECLARED | CAN_QUEUE, REG32(0x10010000)
#else
#undef CAPABILITIES
#define CAPABILITIES *(volatile uint32_t *)&unused
static uint32_t unused;
#endif
#include "../plain/main.c"
