/* A version on trial never says that it works. Right: it says so twice. */
#include "../plain/board.h"
#undef CONFIRM
#if RIGHT
#define CONFIRM REG32(0x10020014) = 1, REG32(0x10020014)
#else
#define CONFIRM *(volatile uint32_t *)&unused
static uint32_t unused;
#endif
#include "../plain/main.c"
