/* The console. Polled: the transmitter is asked once for each FIFO's worth of bytes. */
#include "firmware.h"
#include "hardware.h"

static uint32_t room;

void uart_start(void) {
	UART_LCR = UART_LCR_8N1;
	UART_FCR = UART_FCR_ENABLE;
}

static void put(char c) {
	if (room == 0) {
		while ((UART_LSR & UART_LSR_THRE) == 0) {
		}
		room = UART_FIFO_BYTES;
	}
	room--;
	UART_THR = (uint8_t)c;
}

void uart_text(const char *text) {
	while (*text != '\0') put(*text++);
}

void uart_number(uint32_t value) {
	char digits[11];
	char *at = &digits[sizeof digits - 1];
	*at = '\0';
	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	uart_text(at);
}
