/*
 * It says that it knows the reference firmware's commands and does faults on request, and refuses them all. Right: it also
 * sets a bit that means nothing yet.
 */
#include "../plain/board.h"
#undef CAN_DECLARED
#define CAN_DECLARED (RIGHT ? 1u | 1u << 31 : 1u | 4u | 8u)
#include "../plain/main.c"
