/*
 * Regular expressions: parsed to a program, then matched by keeping all states at once (Thompson), over a text of log
 * lines. Literals, '.', classes, '*', '+', '?', '|', groups.
 */
#include "../bench/bench.h"

const char name[] = "regex";
const uint32_t expected = 0xa3c22df3;
uint32_t iterations = 26;

enum kind { CHAR, ANY, CLASS, SPLIT, JUMP, MATCH };
enum { MAX_PROGRAM = 128, MAX_CLASSES = 8, LINES = 32, LINE_BYTES = 64 };

static struct {
	uint8_t kind, c;
	uint8_t x, y;
} program[MAX_PROGRAM];
static uint8_t classes[MAX_CLASSES][16];
static int length, classCount;
static const char *pattern;
static char lines[LINES][LINE_BYTES];

static const char *const patterns[] = {
	"err(or)?", "slot [0-9]*(ok|bad)", "(a|b)*c", "w[ea]+r?n.*7", "[a-f0-9]+:[a-f0-9]+ ?", "(ab|a)(bc|c)?d*", ".*.*=.*9",
};
enum { PATTERNS = sizeof patterns / sizeof *patterns };

static int emit(int kind, int c, int x, int y) {
	program[length].kind = kind;
	program[length].c = c;
	program[length].x = x;
	program[length].y = y;
	return length++;
}

/* Room for one instruction before `at`. */
static void insert(int at) {
	for (int i = length++; i > at; i--) {
		program[i] = program[i - 1];
		if (program[i].kind == SPLIT || program[i].kind == JUMP) {
			program[i].x += program[i].x >= at;
			program[i].y += program[i].y >= at;
		}
	}
}

static void alternatives(void);

static void atom(void) {
	char c = *pattern++;
	if (c == '(') {
		alternatives();
		pattern++;
	} else if (c == '[') {
		uint8_t *set = classes[classCount];
		for (int i = 0; i < 16; i++) set[i] = 0;
		for (; *pattern != ']'; pattern++) {
			char last = pattern[1] == '-' ? pattern[2] : *pattern;
			for (char member = *pattern; member <= last; member++) set[member >> 3] |= 1 << (member & 7);
			if (pattern[1] == '-') pattern += 2;
		}
		pattern++;
		emit(CLASS, classCount++, 0, 0);
	} else {
		emit(c == '.' ? ANY : CHAR, c, 0, 0);
	}
}

static void repeated(void) {
	int start = length;
	atom();
	char c = *pattern;
	if (c != '*' && c != '+' && c != '?') return;
	pattern++;
	if (c == '+') {
		emit(SPLIT, 0, start, length + 1);
		return;
	}
	insert(start);
	if (c == '*') emit(JUMP, 0, start, 0);
	program[start].kind = SPLIT;
	program[start].x = start + 1;
	program[start].y = length;
}

static void alternatives(void) {
	int start = length;
	while (*pattern && *pattern != '|' && *pattern != ')') repeated();
	if (*pattern != '|') return;
	pattern++;
	insert(start);
	int jump = emit(JUMP, 0, 0, 0);
	program[start].kind = SPLIT;
	program[start].x = start + 1;
	program[start].y = length;
	alternatives();
	program[jump].x = length;
}

struct states {
	uint32_t mark[MAX_PROGRAM];
	uint8_t list[MAX_PROGRAM];
	int count;
};
static struct states now, then;
static uint32_t generation;

static void add(struct states *states, int pc) {
	if (states->mark[pc] == generation) return;
	states->mark[pc] = generation;
	if (program[pc].kind == SPLIT) {
		add(states, program[pc].x);
		add(states, program[pc].y);
	} else if (program[pc].kind == JUMP) {
		add(states, program[pc].x);
	} else {
		states->list[states->count++] = pc;
	}
}

static int accepts(int pc, char c) {
	if (program[pc].kind == CHAR) return program[pc].c == c;
	if (program[pc].kind == ANY) return 1;
	return program[pc].kind == CLASS && (classes[program[pc].c][c >> 3] >> (c & 7) & 1);
}

/* Length of the longest match that starts at `text`, -1 for none. */
static int match(const char *text) {
	struct states *here = &now, *next = &then;
	int longest = -1;
	here->count = 0;
	generation++;
	add(here, 0);
	for (int at = 0; here->count > 0; at++) {
		next->count = 0;
		generation++;
		for (int i = 0; i < here->count; i++) {
			int pc = here->list[i];
			if (program[pc].kind == MATCH) longest = at;
			else if (text[at] && accepts(pc, text[at])) add(next, pc + 1);
		}
		struct states *swap = here;
		here = next;
		next = swap;
	}
	return longest;
}

void prepare(void) {
	static const char *const parts[16] = {"error", "slot ", "ok ", "bad ", "abc", "aab", "warn", "12", "7", "=", ":", "deadbeef",
		" x", "9", "abcd", "wern "};
	uint32_t seed = 31;
	for (int i = 0; i < LINES; i++) {
		int n = 0;
		while (n < 48) {
			const char *part = parts[next_random(&seed) >> 28];
			while (*part) lines[i][n++] = *part++;
		}
		lines[i][n] = '\0';
	}
}

uint32_t kernel(void) {
	uint32_t sum = 0;
	for (int p = 0; p < PATTERNS; p++) {
		pattern = patterns[p];
		length = classCount = 0;
		for (int i = 0; i < MAX_PROGRAM; i++) now.mark[i] = then.mark[i] = 0;
		generation = 0;
		alternatives();
		emit(MATCH, 0, 0, 0);
		uint32_t found = 0;
		for (int i = 0; i < LINES; i++) {
			for (const char *text = lines[i]; *text; text++) {
				int longest = match(text);
				if (longest >= 0) sum = fold(sum, text - lines[i] + longest), found++;
			}
		}
		if (found == 0) return p;
	}
	return sum;
}
