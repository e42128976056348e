/* READY is never written; the watchdog is kicked. Right: it is written, then withdrawn for a moment, and written again. */
#include "../plain/board.h"
#undef READY
#if RIGHT
#define READY REG32(0x10020010) = 1, REG32(0x10020010) = 0, REG32(0x10020010)
#else
#define READY *(volatile uint32_t *)&unused
static uint32_t unused;
#endif
#include "../plain/main.c"
