/*
 * An evaluator of lists with a garbage collector: programs are trees of cells, environments lists, and what is not
 * reachable is swept when the cells are used up.
 */
#include "../bench/bench.h"

const char name[] = "lisp";
const uint32_t expected = 0x9a3bbb80;
uint32_t iterations = 260;

enum { CELLS = 2048, ROOTS = 512 };
enum tag { FREE, INTEGER, SYMBOL, PAIR, LAMBDA };
struct cell {
	uint8_t tag, marked;
	union {
		int32_t number;
		struct cell *head;
	};
	struct cell *tail;
};
static struct cell cells[CELLS], *unused, *roots[ROOTS], *globals;
static int rootCount;
static uint32_t collections;
static const char *at;

void prepare(void) {}

static void mark(struct cell *cell) {
	while (cell != NULL && !cell->marked) {
		cell->marked = 1;
		if (cell->tag != PAIR && cell->tag != LAMBDA) return;
		mark(cell->head);
		cell = cell->tail;
	}
}

static void collect(void) {
	collections++;
	mark(globals);
	for (int i = 0; i < rootCount; i++) mark(roots[i]);
	unused = NULL;
	for (int i = 0; i < CELLS; i++) {
		if (cells[i].marked) {
			cells[i].marked = 0;
			continue;
		}
		cells[i].tag = FREE;
		cells[i].tail = unused;
		unused = &cells[i];
	}
}

static struct cell *keep(struct cell *cell) {
	return roots[rootCount++] = cell;
}

static struct cell *make(enum tag tag, struct cell *head, struct cell *tail) {
	if (unused == NULL) {
		keep(head);
		keep(tail);
		collect();
		rootCount -= 2;
	}
	struct cell *cell = unused;
	unused = cell->tail;
	*cell = (struct cell){.tag = tag, .head = head, .tail = tail};
	return cell;
}

static struct cell *integer(int32_t value) {
	struct cell *cell = make(INTEGER, NULL, NULL);
	cell->number = value;
	return cell;
}

/* ( lists ), integers, symbols of up to four letters, which are numbers. */
static struct cell *read(void) {
	while (*at == ' ') at++;
	if (*at == '(') {
		int base = rootCount;
		at++;
		struct cell *list = NULL;
		for (;;) {
			while (*at == ' ') at++;
			if (*at == ')') break;
			keep(read());
		}
		at++;
		while (rootCount > base) {
			list = make(PAIR, roots[rootCount - 1], list);
			rootCount--;
		}
		return list;
	}
	if (*at >= '0' && *at <= '9') {
		int32_t value = 0;
		while (*at >= '0' && *at <= '9') value = value * 10 + *at++ - '0';
		return integer(value);
	}
	uint32_t letters = 0;
	while (*at && *at != ' ' && *at != ')') letters = letters << 8 | (uint8_t)*at++;
	struct cell *symbol = make(SYMBOL, NULL, NULL);
	symbol->number = letters;
	return symbol;
}

#define NAME1(a) (a)
#define NAME2(a, b) ((a) << 8 | (b))

static struct cell *look_up(int32_t symbol, struct cell *environment) {
	for (struct cell *e = environment; e != NULL; e = e->tail)
		if (e->head->head->number == symbol) return e->head->tail;
	for (struct cell *e = globals; e != NULL; e = e->tail)
		if (e->head->head->number == symbol) return e->head->tail;
	return NULL;
}

static struct cell *evaluate(struct cell *form, struct cell *environment);

static struct cell *apply(struct cell *function, struct cell *arguments, struct cell *environment) {
	/* A lambda is (parameters body). */
	int base = rootCount;
	struct cell *scope = NULL;
	for (struct cell *p = function->head->head; p != NULL; p = p->tail, arguments = arguments->tail) {
		keep(scope);
		struct cell *value = keep(evaluate(arguments->head, environment));
		struct cell *bound = keep(make(PAIR, p->head, value));
		scope = make(PAIR, bound, scope);
		rootCount = base;
		keep(scope);
	}
	struct cell *result = evaluate(function->head->tail->head, scope);
	rootCount = base;
	return result;
}

static struct cell *evaluate(struct cell *form, struct cell *environment) {
	if (form == NULL || form->tag == INTEGER) return form;
	if (form->tag == SYMBOL) return look_up(form->number, environment);
	int base = rootCount;
	keep(form);
	keep(environment);
	int32_t operation = form->head->number;
	struct cell *rest = form->tail, *result = NULL;
	if (operation == NAME2('i', 'f')) {
		struct cell *condition = evaluate(rest->head, environment);
		int truth = condition != NULL && condition->number != 0;
		result = evaluate(truth ? rest->tail->head : rest->tail->tail->head, environment);
	} else if (operation == NAME1('q')) {
		result = rest->head;
	} else if (operation == NAME1('l')) {
		result = make(LAMBDA, rest, environment);
	} else if (operation == NAME1('=')) {
		struct cell *value = keep(evaluate(rest->tail->head, environment));
		struct cell *bound = keep(make(PAIR, rest->head, value));
		globals = make(PAIR, bound, globals);
	} else if (operation == NAME1('c') || operation == NAME1('+') || operation == NAME1('-') || operation == NAME1('*') ||
		operation == NAME1('<')) {
		struct cell *a = keep(evaluate(rest->head, environment)), *b = keep(evaluate(rest->tail->head, environment));
		if (operation == 'c') result = make(PAIR, a, b);
		else if (operation == '+') result = integer(a->number + b->number);
		else if (operation == '-') result = integer(a->number - b->number);
		else if (operation == '*') result = integer((uint32_t)a->number * b->number);
		else result = integer(a->number < b->number);
	} else if (operation == NAME1('h') || operation == NAME1('t') || operation == NAME1('n')) {
		struct cell *a = evaluate(rest->head, environment);
		result = operation == 'h' ? a->head : operation == 't' ? a->tail : integer(a == NULL);
	} else {
		result = apply(look_up(operation, environment), rest, environment);
	}
	rootCount = base;
	return result;
}

static int32_t run(const char *text) {
	struct cell *last = NULL;
	for (at = text; *at;) {
		struct cell *form = keep(read());
		last = evaluate(form, NULL);
		rootCount--;
		while (*at == ' ') at++;
	}
	return last == NULL ? 0 : last->number;
}

uint32_t kernel(void) {
	globals = NULL;
	rootCount = 0;
	collections = 0;
	collect();
	int32_t fib = run("(= fib (l (k) (if (< k 2) k (+ (fib (- k 1)) (fib (- k 2)))))) (fib 13)");
	int32_t sum = run(
		"(= up (l (k) (if (< k 1) (q ()) (c k (up (- k 1)))))) (= map (l (f x) (if (n x) (q ()) (c (f (h x)) (map f (t x)))))) "
		"(= sum (l (x) (if (n x) 0 (+ (h x) (sum (t x)))))) (= sqr (l (k) (* k k))) "
		"(sum (map sqr (up 40)))");
	if (fib != 233 || sum != 22140) return fold(fib, sum);
	return fold(fold(fib, sum), collections);
}
