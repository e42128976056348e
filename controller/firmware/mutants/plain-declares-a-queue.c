/* It says that it serves the host queue, and never looks at it. Right: it says that it can nothing. */
#include "../plain/board.h"
#undef CAN_DECLARED
#define CAN_DECLARED (RIGHT ? 1u : 1u | CAN_QUEUE)
#include "../plain/main.c"
