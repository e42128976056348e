/*
 * A spreadsheet: formulas are parsed to trees, cells know who depends on them, and a change computes again what depends
 * on it, in order; circles and divisions by zero are errors that spread. Numbers have twelve bits after the point.
 */
#include "../bench/bench.h"

const char name[] = "sheet";
const uint32_t expected = 0x600feb36;
uint32_t iterations = 60;

enum {
	COLUMNS = 12, ROWS = 40, CELLS = COLUMNS * ROWS, NODES = 6144, EDGES = 8192, POINT = 12, TEXT_BYTES = 48, EDITS = 40,
	OUTPUT_BYTES = 8192,
};
enum status { VALID, DIVIDED, CIRCULAR, BROKEN };
enum kind { CONSTANT, REFERENCE, RANGE, NEGATE, ADD, SUBTRACT, MULTIPLY, DIVIDE, BELOW, ABOVE, SAME, CALL };

struct value {
	int32_t number;
	uint8_t status;
};
/* Nodes and edges are in arrays, and 0 is none. Arguments are a list. */
struct node {
	uint8_t kind, function;
	uint16_t left, right, next;
	int32_t number; /* a constant; a cell; a range's first cell, and its last above bit 16 */
};
struct edge {
	uint16_t to, next;
};
struct cell {
	uint16_t tree, dependents, waiting;
	uint8_t dirty, filled;
	struct value value;
};

static struct cell cells[CELLS];
static struct node nodes[NODES];
static struct edge edges[EDGES];
static uint16_t freeNode, freeEdge, queue[CELLS], stack[CELLS];
static uint32_t computed;
static const char *at;
static int broken;
static char output[OUTPUT_BYTES];

/* --- Formulas to trees. --- */

static uint16_t new_node(enum kind kind, uint16_t left, uint16_t right, int32_t number) {
	uint16_t index = freeNode;
	if (index == 0) {
		broken = 1;
		return 0;
	}
	freeNode = nodes[index].next;
	nodes[index] = (struct node){.kind = kind, .left = left, .right = right, .number = number};
	return index;
}

static void free_tree(uint16_t index) {
	while (index != 0) {
		struct node *node = &nodes[index];
		uint16_t next = node->next;
		free_tree(node->left);
		free_tree(node->right);
		node->next = freeNode;
		freeNode = index;
		index = next;
	}
}

static int take(char c) {
	while (*at == ' ') at++;
	if (*at != c) return 0;
	at++;
	return 1;
}

static int is_digit(char c) { return c >= '0' && c <= '9'; }
static int is_letter(char c) { return c >= 'A' && c <= 'Z'; }

static int32_t parse_number(void) {
	uint32_t whole = 0, fraction = 0, scale = 1;
	while (is_digit(*at)) whole = whole * 10 + *at++ - '0';
	if (*at == '.') {
		for (at++; is_digit(*at); at++) {
			if (scale >= 10000) continue;
			fraction = fraction * 10 + *at - '0';
			scale *= 10;
		}
	}
	return (int32_t)((whole << POINT) + (fraction << POINT) / scale);
}

static int32_t parse_place(void) {
	uint32_t column = *at++ - 'A', row = 0;
	while (is_digit(*at)) row = row * 10 + *at++ - '0';
	if (column >= COLUMNS || row < 1 || row > ROWS) {
		broken = 1;
		return 0;
	}
	return (row - 1) * COLUMNS + column;
}

static uint16_t parse_comparison(void);

enum function { SUM, LEAST, MOST, MEAN, COUNT, WHEN, SIZE, LOOK_UP, FUNCTIONS };
static const char *const functionNames[FUNCTIONS] = {"SUM", "MIN", "MAX", "AVG", "COUNT", "IF", "ABS", "LOOKUP"};

static uint16_t parse_call(void) {
	for (int f = 0; f < FUNCTIONS; f++) {
		int length = 0;
		while (functionNames[f][length] && at[length] == functionNames[f][length]) length++;
		if (functionNames[f][length] || at[length] != '(') continue;
		at += length + 1;
		uint16_t call = new_node(CALL, 0, 0, 0), *link = &nodes[call].left;
		nodes[call].function = f;
		do {
			*link = parse_comparison();
			link = &nodes[*link].next;
		} while (take(',') && !broken);
		if (!take(')')) broken = 1;
		return call;
	}
	broken = 1;
	return 0;
}

static uint16_t parse_primary(void) {
	if (take('(')) {
		uint16_t inner = parse_comparison();
		if (!take(')')) broken = 1;
		return inner;
	}
	if (take('-')) return new_node(NEGATE, parse_primary(), 0, 0);
	if (is_digit(*at)) return new_node(CONSTANT, 0, 0, parse_number());
	if (is_letter(at[0]) && is_letter(at[1])) return parse_call();
	if (!is_letter(*at)) {
		broken = 1;
		return 0;
	}
	int32_t first = parse_place();
	if (*at != ':') return new_node(REFERENCE, 0, 0, first);
	at++;
	return new_node(RANGE, 0, 0, first | parse_place() << 16);
}

static uint16_t parse_product(void) {
	uint16_t left = parse_primary();
	for (;;) {
		if (take('*')) left = new_node(MULTIPLY, left, parse_primary(), 0);
		else if (take('/')) left = new_node(DIVIDE, left, parse_primary(), 0);
		else return left;
	}
}

static uint16_t parse_sum(void) {
	uint16_t left = parse_product();
	for (;;) {
		if (take('+')) left = new_node(ADD, left, parse_product(), 0);
		else if (take('-')) left = new_node(SUBTRACT, left, parse_product(), 0);
		else return left;
	}
}

static uint16_t parse_comparison(void) {
	uint16_t left = parse_sum();
	if (take('<')) return new_node(BELOW, left, parse_sum(), 0);
	if (take('>')) return new_node(ABOVE, left, parse_sum(), 0);
	if (take('=')) return new_node(SAME, left, parse_sum(), 0);
	return left;
}

/* --- Who depends on whom. --- */

static void add_edge(uint32_t from, uint32_t to) {
	uint16_t index = freeEdge;
	if (index == 0) {
		broken = 1;
		return;
	}
	freeEdge = edges[index].next;
	edges[index] = (struct edge){to, cells[from].dependents};
	cells[from].dependents = index;
}

static void remove_edge(uint32_t from, uint32_t to) {
	for (uint16_t *link = &cells[from].dependents; *link != 0; link = &edges[*link].next) {
		uint16_t index = *link;
		if (edges[index].to != to) continue;
		*link = edges[index].next;
		edges[index].next = freeEdge;
		freeEdge = index;
		return;
	}
}

typedef void visit(uint32_t from, uint32_t to);

/* Each cell that a tree reads. */
static void each_source(uint16_t tree, uint32_t cell, visit *visit) {
	for (; tree != 0; tree = nodes[tree].next) {
		const struct node *node = &nodes[tree];
		if (node->kind == REFERENCE) {
			visit(node->number, cell);
		} else if (node->kind == RANGE) {
			uint32_t first = node->number & 0xffff, last = node->number >> 16;
			for (uint32_t row = first / COLUMNS; row <= last / COLUMNS; row++)
				for (uint32_t column = first % COLUMNS; column <= last % COLUMNS; column++) visit(row * COLUMNS + column, cell);
		} else {
			each_source(node->left, cell, visit);
			each_source(node->right, cell, visit);
		}
	}
}

/* --- Values. --- */

static struct value evaluate(uint16_t tree);

static int32_t product(int32_t a, int32_t b) { return (int32_t)((int64_t)a * b >> POINT); }

/* Bit by bit: there is no division of 64 bits here. */
static int32_t quotient(int32_t a, int32_t b) {
	uint64_t rest = (uint64_t)(a < 0 ? -(uint32_t)a : (uint32_t)a) << POINT, by = b < 0 ? -(uint32_t)b : (uint32_t)b;
	uint32_t result = 0;
	for (int bit = 31; bit >= 0; bit--) {
		if (rest >> bit < by) continue;
		rest -= by << bit;
		result |= 1u << bit;
	}
	return (a < 0) != (b < 0) ? -(int32_t)result : (int32_t)result;
}

/* What functions over lists gather. */
struct gathered {
	int32_t sum, least, most, count;
	uint8_t status;
};

static void gather(struct gathered *into, struct value value) {
	if (value.status > into->status) into->status = value.status;
	if (into->count == 0 || value.number < into->least) into->least = value.number;
	if (into->count == 0 || value.number > into->most) into->most = value.number;
	into->sum += value.number;
	into->count++;
}

static struct gathered gather_all(uint16_t arguments) {
	struct gathered all = {0};
	for (; arguments != 0; arguments = nodes[arguments].next) {
		const struct node *node = &nodes[arguments];
		if (node->kind != RANGE) {
			gather(&all, evaluate(arguments));
			continue;
		}
		uint32_t first = node->number & 0xffff, last = node->number >> 16;
		for (uint32_t row = first / COLUMNS; row <= last / COLUMNS; row++)
			for (uint32_t column = first % COLUMNS; column <= last % COLUMNS; column++) {
				const struct cell *cell = &cells[row * COLUMNS + column];
				if (cell->filled) gather(&all, cell->value);
			}
	}
	return all;
}

static struct value sum_up(uint16_t a) {
	struct gathered all = gather_all(a);
	return (struct value){all.sum, all.status};
}
static struct value least_of(uint16_t a) {
	struct gathered all = gather_all(a);
	return (struct value){all.least, all.status};
}
static struct value most_of(uint16_t a) {
	struct gathered all = gather_all(a);
	return (struct value){all.most, all.status};
}
static struct value mean_of(uint16_t a) {
	struct gathered all = gather_all(a);
	if (all.count == 0) return (struct value){0, DIVIDED};
	return (struct value){all.sum / all.count, all.status};
}
static struct value count_of(uint16_t a) { return (struct value){gather_all(a).count << POINT, VALID}; }
static struct value choose(uint16_t a) {
	struct value condition = evaluate(a);
	if (condition.status != VALID) return condition;
	uint16_t yes = nodes[a].next;
	return evaluate(condition.number != 0 ? yes : nodes[yes].next);
}
static struct value size_of(uint16_t a) {
	struct value value = evaluate(a);
	if (value.number < 0) value.number = -value.number;
	return value;
}
/* LOOKUP(x, range): the row within the range, from one, of the last cell in its first column that is not above x. */
static struct value look_up(uint16_t a) {
	struct value wanted = evaluate(a);
	const struct node *range = &nodes[nodes[a].next];
	if (range->kind != RANGE) return (struct value){0, BROKEN};
	uint32_t first = range->number & 0xffff, last = range->number >> 16, low = 0, high = last / COLUMNS - first / COLUMNS + 1;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (cells[first + middle * COLUMNS].value.number <= wanted.number) low = middle + 1;
		else high = middle;
	}
	return (struct value){(int32_t)(low << POINT), wanted.status};
}

typedef struct value function(uint16_t arguments);
static function *const functions[FUNCTIONS] = {sum_up, least_of, most_of, mean_of, count_of, choose, size_of, look_up};

static struct value evaluate(uint16_t tree) {
	const struct node *node = &nodes[tree];
	switch (node->kind) {
	case CONSTANT: return (struct value){node->number, VALID};
	case REFERENCE: return cells[node->number].value;
	case RANGE: return (struct value){0, BROKEN};
	case CALL: return functions[node->function](node->left);
	default: break;
	}
	struct value a = evaluate(node->left);
	if (a.status != VALID) return a;
	if (node->kind == NEGATE) return (struct value){-a.number, VALID};
	struct value b = evaluate(node->right);
	if (b.status != VALID) return b;
	switch (node->kind) {
	case ADD: b.number = a.number + b.number; break;
	case SUBTRACT: b.number = a.number - b.number; break;
	case MULTIPLY: b.number = product(a.number, b.number); break;
	case DIVIDE:
		if (b.number == 0) b.status = DIVIDED;
		else b.number = quotient(a.number, b.number);
		break;
	case BELOW: b.number = (a.number < b.number) << POINT; break;
	case ABOVE: b.number = (a.number > b.number) << POINT; break;
	default: b.number = (a.number == b.number) << POINT; break;
	}
	return b;
}

/* --- What a change makes of the rest. --- */

static uint32_t mark_dirty(uint32_t cell) {
	uint32_t depth = 0, count = 0;
	stack[depth++] = cell;
	cells[cell].dirty = 1;
	while (depth > 0) {
		const struct cell *from = &cells[stack[--depth]];
		count++;
		for (uint16_t e = from->dependents; e != 0; e = edges[e].next) {
			struct cell *to = &cells[edges[e].to];
			to->waiting++;
			if (to->dirty) continue;
			to->dirty = 1;
			stack[depth++] = edges[e].to;
		}
	}
	return count;
}

/* In an order in which each comes after what it reads; who is never ready is in a circle, or behind one. */
static void compute_from(uint32_t changed) {
	uint32_t count = mark_dirty(changed), head = 0, tail = 0;
	if (cells[changed].waiting == 0) queue[tail++] = changed;
	while (head < tail) {
		struct cell *cell = &cells[queue[head++]];
		cell->dirty = 0;
		if (cell->tree != 0) cell->value = evaluate(cell->tree);
		computed++;
		for (uint16_t e = cell->dependents; e != 0; e = edges[e].next)
			if (--cells[edges[e].to].waiting == 0) queue[tail++] = edges[e].to;
	}
	for (uint32_t i = 0; tail < count && i < CELLS; i++) {
		if (!cells[i].dirty) continue;
		cells[i].dirty = cells[i].waiting = 0;
		cells[i].value = (struct value){0, CIRCULAR};
		tail++;
	}
}

static void set(uint32_t place, const char *text) {
	struct cell *cell = &cells[place];
	each_source(cell->tree, place, remove_edge);
	free_tree(cell->tree);
	broken = 0;
	at = text;
	cell->tree = parse_comparison();
	cell->filled = 1;
	if (*at != '\0') broken = 1;
	if (broken) {
		free_tree(cell->tree);
		cell->tree = 0;
		cell->value = (struct value){0, BROKEN};
	}
	each_source(cell->tree, place, add_edge);
	compute_from(place);
}

/* --- The sheets. --- */

static char *put_number(char *out, uint32_t number) {
	char text[10];
	int n = 0;
	do text[n++] = '0' + number % 10;
	while (number /= 10);
	while (n > 0) *out++ = text[--n];
	return out;
}

/* In a formula, # is this row, $ the one before, ? a number by chance. */
static void set_from(uint32_t place, const char *pattern, uint32_t *seed) {
	char text[TEXT_BYTES], *out = text;
	uint32_t row = place / COLUMNS + 1;
	for (; *pattern; pattern++) {
		if (*pattern == '#') out = put_number(out, row);
		else if (*pattern == '$') out = put_number(out, row - 1);
		else if (*pattern == '?') out = put_number(out, next_random(seed) % 900);
		else *out++ = *pattern;
	}
	*out = '\0';
	set(place, text);
}

static const char *const patterns[COLUMNS] = {
	"#*10", "?.25", "?/(?-100)", "B#*C#/2", "IF(D#>E$,D#-E$,E$/2)", "SUM(B#:E#)", "F#/SUM(B1:B9)", "MAX(F$,F#,-G#)",
	"LOOKUP(B#,A1:A40)", "IF(COUNT(B1:B#)<12,AVG(B1:B#),MIN(D$:E#))", "ABS(H#-J#)+I#", "K#+L$",
};
static const char *const changes[] = {"?", "?.5*2", "B#", "1/(B#-B#)", "(?+?)*-3", "SUM(A1:B#", "L#+1", "AVG(B1:B9,?)"};

static const char *const errors[] = {"", "#DIV", "#CIRC", "#BAD"};

static uint32_t write_out(void) {
	char *out = output;
	for (uint32_t i = 0; i < CELLS; i++) {
		struct value value = cells[i].value;
		if (value.status != VALID) {
			for (const char *text = errors[value.status]; *text; text++) *out++ = *text;
		} else {
			uint32_t size = value.number < 0 ? -(uint32_t)value.number : (uint32_t)value.number;
			if (value.number < 0) *out++ = '-';
			out = put_number(out, size >> POINT);
			*out++ = '.';
			*out++ = '0' + ((size & 4095) * 10 >> POINT);
			*out++ = '0' + ((size & 4095) * 100 >> POINT) % 10;
		}
		*out++ = i % COLUMNS == COLUMNS - 1 ? '\n' : ',';
	}
	uint32_t sum = out - output;
	for (const char *text = output; text < out; text++) sum = fold(sum, (uint8_t)*text);
	return sum;
}

void prepare(void) {}

uint32_t kernel(void) {
	uint32_t seed = 1979, sum;
	for (uint32_t i = 0; i < CELLS; i++) cells[i] = (struct cell){0};
	for (uint32_t i = 1; i < NODES; i++) nodes[i] = (struct node){.next = (i + 1) % NODES};
	for (uint32_t i = 1; i < EDGES; i++) edges[i].next = (i + 1) % EDGES;
	freeNode = freeEdge = 1;
	computed = 0;
	nodes[0] = (struct node){0};
	for (uint32_t i = 0; i < CELLS; i++) {
		if (i < COLUMNS && i % COLUMNS >= 4) set_from(i, "?", &seed);
		else set_from(i, patterns[i % COLUMNS], &seed);
	}
	sum = write_out();
	for (int i = 0; i < EDITS; i++) {
		uint32_t place = next_random(&seed) % CELLS / COLUMNS * COLUMNS + 1;
		if (place < COLUMNS) place += COLUMNS;
		set_from(place, changes[next_random(&seed) >> 9 & 7], &seed);
		sum = fold(sum, computed);
		if (i % 10 == 9) sum = fold(sum, write_out());
		set_from(place, patterns[1], &seed);
	}
	return fold(fold(sum, write_out()), computed);
}
