/* The end of a version that knows better than to go on. */
#include "firmware.h"
#include "hardware.h"

_Noreturn void panic(enum panic code) {
	uart_text("panic ");
	uart_number(code);
	uart_text("\n");
	STATUS->fault = code;
	for (;;) {
	}
}
