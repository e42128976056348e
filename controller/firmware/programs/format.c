/* Text: a formatter of printf's kind with widths, bases and fixed point, a reader of the same, and string functions. */
#include "../bench/bench.h"
#include <stdarg.h>

const char name[] = "format";
const uint32_t expected = 0x0320ecd5;
uint32_t iterations = 1700;

static char line[256], copy[256];

void prepare(void) {}

static char *put_padded(char *out, const char *text, int length, int width, char pad, int left) {
	for (int i = length; !left && i < width; i++) *out++ = pad;
	for (int i = 0; i < length; i++) *out++ = text[i];
	for (int i = length; left && i < width; i++) *out++ = ' ';
	return out;
}

static int digits(char *to, uint32_t value, uint32_t base) {
	char reverse[32];
	int n = 0;
	do reverse[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	for (int i = 0; i < n; i++) to[i] = reverse[n - 1 - i];
	return n;
}

/* d u x b c s, q for 16.16 fixed point; flags - and 0, a width. */
static int format(char *to, const char *pattern, ...) {
	va_list arguments;
	va_start(arguments, pattern);
	char *out = to;
	for (; *pattern; pattern++) {
		if (*pattern != '%') {
			*out++ = *pattern;
			continue;
		}
		int left = 0, width = 0, n = 0;
		char pad = ' ', text[48];
		for (pattern++; *pattern == '-' || *pattern == '0'; pattern++) {
			if (*pattern == '-') left = 1;
			else pad = '0';
		}
		while (*pattern >= '0' && *pattern <= '9') width = width * 10 + *pattern++ - '0';
		int32_t value = *pattern == 's' || *pattern == '%' ? 0 : va_arg(arguments, int32_t);
		switch (*pattern) {
		case 'd':
			if (value < 0) text[n++] = '-', value = -value;
			n += digits(text + n, value, 10);
			break;
		case 'u': n = digits(text, value, 10); break;
		case 'x': n = digits(text, value, 16); break;
		case 'b': n = digits(text, value, 2); break;
		case 'c': text[n++] = value; break;
		case 'q':
			if (value < 0) text[n++] = '-', value = -value;
			n += digits(text + n, (uint32_t)value >> 16, 10);
			text[n++] = '.';
			for (uint32_t part = value & 0xffff, i = 0; i < 4; i++, part &= 0xffff) text[n++] = '0' + ((part *= 10) >> 16);
			break;
		case 's': {
			const char *string = va_arg(arguments, const char *);
			int length = 0;
			while (string[length]) length++;
			out = put_padded(out, string, length, width, ' ', left);
			continue;
		}
		default: text[n++] = *pattern;
		}
		out = put_padded(out, text, n, width, pad, left);
	}
	va_end(arguments);
	*out = '\0';
	return out - to;
}

static uint32_t parse(const char **text, uint32_t base) {
	uint32_t value = 0;
	while (**text == ' ') ++*text;
	for (;; ++*text) {
		uint32_t c = **text, digit = c >= 'a' ? c - 'a' + 10 : c - '0';
		if (digit >= base) return value;
		value = value * base + digit;
	}
}

static const char *find(const char *text, const char *what) {
	for (; *text; text++) {
		int i = 0;
		while (what[i] && text[i] == what[i]) i++;
		if (!what[i]) return text;
	}
	return NULL;
}

uint32_t kernel(void) {
	static const char *const states[4] = {"idle", "erasing", "programming", "suspended"};
	uint32_t seed = 404, sum = 0;
	for (int i = 0; i < 60; i++) {
		uint32_t r = next_random(&seed);
		int length = format(line, "%5d|%-12s|%08x|%q|%c|%b|%%|%u;", (int)(r >> 8) - 5000000, states[r & 3], r, (int32_t)r >> 4,
			'a' + (int)(r % 26), r >> 24, r);
		int n = 0;
		do copy[n] = line[n] >= 'a' && line[n] <= 'z' ? line[n] - 32 : line[n];
		while (line[n++]);
		const char *hex = find(line, states[r & 3]) + 13, *last = find(line, "%|") + 2;
		if (parse(&hex, 16) != r || parse(&last, 10) != r || n != length + 1) return i;
		for (int j = 0; j < n; j++) sum = fold(sum, (uint8_t)copy[j]);
	}
	return sum;
}
