/*
 * Horn clauses: a reader with operators, unification with a trail, choice points, cut, and arithmetic, as small Prologs
 * have them. Asks for a reversed list, queens on a board, a derivative, a map's colours, and an owner of a zebra.
 */
#include "../bench/bench.h"

const char name[] = "horn";
const uint32_t expected = 0xf47db195;
uint32_t iterations = 40;

/* The two low bits of a term: a variable's cell, a name, a number, a structure's first cell. */
typedef uint32_t term;
enum tag { VARIABLE, ATOM, NUMBER, STRUCTURE };
enum {
	STORE = 4096, HEAP = 65536, TRAIL = 16384, FRAMES = 32768, CHOICES = 4096, ATOMS = 256, CLAUSES = 128, NAME_BYTES = 12,
	VARIABLES = 80, BODY = 24, NONE = 0xffff,
};

struct clause {
	term head, body[BODY];
	term key; /* First argument: a name, a number, or a structure's functor; 0 is anything. */
	uint16_t goals, variables, next;
};
/* What is still to be shown, goal by goal. */
struct frame {
	term goal;
	uint32_t next, cut;
};
struct choice {
	uint32_t frame, clause, heap, trail, frames;
};

static char atoms[ATOMS][NAME_BYTES];
static uint16_t firstClause[ATOMS][8];
static struct clause clauses[CLAUSES];
static term store[STORE], heap[HEAP];
static uint32_t trail[TRAIL];
static struct frame frames[FRAMES];
static struct choice choices[CHOICES];
static uint32_t atomCount, clauseCount, storeEnd, heapEnd, trailEnd, frameEnd, choiceEnd, inferences;

static inline enum tag tag_of(term t) { return t & 3; }
static inline uint32_t index_of(term t) { return t >> 2; }
static inline int32_t number_of(term t) { return (int32_t)t >> 2; }
static inline term make(enum tag tag, uint32_t index) { return index << 2 | tag; }
/* A structure's first cell. */
static inline uint32_t functor(uint32_t atom, uint32_t arity) { return atom << 3 | arity; }

/* --- The reader: text to terms in the store, where variables are numbers. --- */

enum { NIL, LIST, CONJUNCTION, IF, IS, LESS, NOT_LESS, SAME, UNLIKE, EQUALS, DIFFERS, PLUS, MINUS, TIMES, DIVIDE, CUT, FAIL };
static const char *const known[] = {
	"[]", ".", ",", ":-", "is", "<", ">=", "=:=", "=\\=", "=", "\\=", "+", "-", "*", "/", "!", "fail",
};
/* How tightly an operator binds; less is tighter. */
static const uint8_t priorities[] = {
	[CONJUNCTION] = 100, [IF] = 120, [IS] = 70, [LESS] = 70, [NOT_LESS] = 70, [SAME] = 70, [UNLIKE] = 70, [EQUALS] = 70,
	[DIFFERS] = 70, [PLUS] = 50, [MINUS] = 50, [TIMES] = 40, [DIVIDE] = 40, [FAIL] = 0,
};
static const char *at;
static struct {
	const char *text;
	uint32_t length;
} variables[VARIABLES];
static uint32_t variableCount;

static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }
static int is_sign(char c) {
	return c == ':' || c == '-' || c == '=' || c == '<' || c == '>' || c == '\\' || c == '+' || c == '*' || c == '/';
}
static void space(void) { while (*at == ' ' || *at == '\n') at++; }

static uint32_t intern(const char *text, uint32_t length) {
	for (uint32_t i = 0; i < atomCount; i++) {
		uint32_t same = 0;
		while (same < length && atoms[i][same] == text[same]) same++;
		if (same == length && atoms[i][same] == '\0') return i;
	}
	for (uint32_t i = 0; i < length; i++) atoms[atomCount][i] = text[i];
	atoms[atomCount][length] = '\0';
	return atomCount++;
}

static uint32_t read_name(void) {
	const char *start = at;
	if (is_letter(*at)) while (is_letter(*at)) at++;
	else if (is_sign(*at)) while (is_sign(*at)) at++;
	else at++;
	return intern(start, at - start);
}

static term read_term(uint32_t priority);

static term structure(uint32_t atom, uint32_t arity, const term *arguments) {
	uint32_t start = storeEnd;
	store[storeEnd++] = functor(atom, arity);
	for (uint32_t i = 0; i < arity; i++) store[storeEnd++] = arguments[i];
	return make(STRUCTURE, start);
}

static term read_variable(void) {
	const char *start = at;
	while (is_letter(*at)) at++;
	uint32_t length = at - start;
	for (uint32_t i = 0; i < variableCount && !(length == 1 && *start == '_'); i++) {
		uint32_t same = 0;
		if (variables[i].length != length) continue;
		while (same < length && variables[i].text[same] == start[same]) same++;
		if (same == length) return make(VARIABLE, i);
	}
	variables[variableCount].text = start;
	variables[variableCount].length = length;
	return make(VARIABLE, variableCount++);
}

/* After the bracket. */
static term read_list(void) {
	space();
	if (*at == ']') {
		at++;
		return make(ATOM, NIL);
	}
	term pair[2] = {read_term(99), 0};
	space();
	char mark = *at++;
	if (mark == ',') {
		pair[1] = read_list();
	} else if (mark == '|') {
		pair[1] = read_term(99);
		space();
		at++;
	} else {
		pair[1] = make(ATOM, NIL);
	}
	return structure(LIST, 2, pair);
}

static term read_primary(void) {
	space();
	if (*at == '[') {
		at++;
		return read_list();
	}
	if (*at == '(') {
		at++;
		term inner = read_term(120);
		space();
		at++;
		return inner;
	}
	if (*at >= '0' && *at <= '9') {
		int32_t value = 0;
		while (*at >= '0' && *at <= '9') value = value * 10 + *at++ - '0';
		return make(NUMBER, value);
	}
	if ((*at >= 'A' && *at <= 'Z') || *at == '_') return read_variable();
	uint32_t atom = read_name(), arity = 0;
	if (*at != '(') return make(ATOM, atom);
	term arguments[7];
	do {
		at++;
		arguments[arity++] = read_term(99);
		space();
	} while (*at == ',');
	at++;
	return structure(atom, arity, arguments);
}

static term read_term(uint32_t priority) {
	term left = read_primary();
	for (;;) {
		space();
		if (!is_sign(*at) && *at != ',' && !(at[0] == 'i' && at[1] == 's')) return left;
		const char *before = at;
		uint32_t operator = read_name(), own = priorities[operator];
		if (own > priority) {
			at = before;
			return left;
		}
		term sides[2] = {left, read_term(operator == CONJUNCTION ? own : own - 1)};
		left = structure(operator, 2, sides);
	}
}

static term key_of(const term *cells, term argument) {
	if (tag_of(argument) == VARIABLE) return 0;
	return tag_of(argument) == STRUCTURE ? make(STRUCTURE, cells[index_of(argument)]) : argument;
}

static void read_clause(void) {
	variableCount = 0;
	term whole = read_term(120);
	space();
	at++;
	struct clause *clause = &clauses[clauseCount];
	*clause = (struct clause){.head = whole, .next = NONE};
	if (tag_of(whole) == STRUCTURE && store[index_of(whole)] == functor(IF, 2)) {
		clause->head = store[index_of(whole) + 1];
		term rest = store[index_of(whole) + 2];
		for (; tag_of(rest) == STRUCTURE && store[index_of(rest)] == functor(CONJUNCTION, 2); rest = store[index_of(rest) + 2])
			clause->body[clause->goals++] = store[index_of(rest) + 1];
		clause->body[clause->goals++] = rest;
	}
	clause->variables = variableCount;
	int plain = tag_of(clause->head) == ATOM;
	uint32_t cell = index_of(clause->head), atom = plain ? cell : store[cell] >> 3, arity = plain ? 0 : store[cell] & 7;
	if (arity > 0) clause->key = key_of(store, store[cell + 1]);
	uint16_t *link = &firstClause[atom][arity];
	while (*link != NONE) link = &clauses[*link].next;
	*link = clauseCount++;
}

/* --- The machine. --- */

static term follow(term t) {
	while (tag_of(t) == VARIABLE && heap[index_of(t)] != t) t = heap[index_of(t)];
	return t;
}

static void bind(uint32_t cell, term value) {
	heap[cell] = value;
	trail[trailEnd++] = cell;
}

static int unify(term a, term b) {
	for (;;) {
		a = follow(a);
		b = follow(b);
		if (a == b) return 1;
		if (tag_of(a) == VARIABLE) {
			/* The younger one refers to the older. */
			if (tag_of(b) == VARIABLE && b > a) bind(index_of(b), a);
			else bind(index_of(a), b);
			return 1;
		}
		if (tag_of(b) == VARIABLE) {
			bind(index_of(b), a);
			return 1;
		}
		if (tag_of(a) != STRUCTURE || tag_of(b) != STRUCTURE) return 0;
		const term *left = heap + index_of(a), *right = heap + index_of(b);
		if (left[0] != right[0]) return 0;
		uint32_t arity = left[0] & 7;
		for (uint32_t i = 1; i < arity; i++)
			if (!unify(left[i], right[i])) return 0;
		a = left[arity];
		b = right[arity];
	}
}

/* A term of the store on the heap; its variables are the cells from `base` on. */
static term copy(term t, uint32_t base) {
	if (tag_of(t) == VARIABLE) return make(VARIABLE, base + index_of(t));
	if (tag_of(t) != STRUCTURE) return t;
	const term *from = store + index_of(t);
	uint32_t arity = from[0] & 7, to = heapEnd;
	heapEnd += arity + 1;
	heap[to] = from[0];
	for (uint32_t i = 1; i <= arity; i++) heap[to + i] = copy(from[i], base);
	return make(STRUCTURE, to);
}

/* Against a term of the store, of which only what a variable takes is copied. */
static int match(term pattern, term value, uint32_t base) {
	if (tag_of(pattern) == VARIABLE) return unify(make(VARIABLE, base + index_of(pattern)), value);
	value = follow(value);
	if (tag_of(value) == VARIABLE) {
		bind(index_of(value), copy(pattern, base));
		return 1;
	}
	if (tag_of(pattern) != STRUCTURE || tag_of(value) != STRUCTURE) return pattern == value;
	const term *from = store + index_of(pattern), *cells = heap + index_of(value);
	if (from[0] != cells[0]) return 0;
	for (uint32_t i = 1; i <= (from[0] & 7); i++)
		if (!match(from[i], cells[i], base)) return 0;
	return 1;
}

static int32_t compute(term t) {
	t = follow(t);
	if (tag_of(t) != STRUCTURE) return number_of(t);
	const term *cells = heap + index_of(t);
	int32_t a = compute(cells[1]), b = compute(cells[2]);
	switch (cells[0] >> 3) {
	case PLUS: return a + b;
	case MINUS: return a - b;
	case TIMES: return a * b;
	default: return b == 0 ? 0 : a / b;
	}
}

static void undo(const struct choice *choice) {
	while (trailEnd > choice->trail) {
		uint32_t cell = trail[--trailEnd];
		heap[cell] = make(VARIABLE, cell);
	}
	heapEnd = choice->heap;
	frameEnd = choice->frames;
}

/* 1 it holds, 0 it does not, -1 it is no operation but has clauses. */
static int built_in(uint32_t atom, const term *arguments, uint32_t cut) {
	switch (atom) {
	case CUT: choiceEnd = cut; return 1;
	case FAIL: return 0;
	case IS: return unify(arguments[0], make(NUMBER, compute(arguments[1])));
	case LESS: return compute(arguments[0]) < compute(arguments[1]);
	case NOT_LESS: return compute(arguments[0]) >= compute(arguments[1]);
	case SAME: return compute(arguments[0]) == compute(arguments[1]);
	case UNLIKE: return compute(arguments[0]) != compute(arguments[1]);
	case EQUALS: return unify(arguments[0], arguments[1]);
	case DIFFERS: {
		struct choice here = {.heap = heapEnd, .trail = trailEnd, .frames = frameEnd};
		int same = unify(arguments[0], arguments[1]);
		undo(&here);
		return !same;
	}
	default: return -1;
	}
}

static uint32_t next_match(uint32_t clause, term key) {
	while (clause != NONE && key != 0 && clauses[clause].key != 0 && clauses[clause].key != key) clause = clauses[clause].next;
	return clause;
}

static int enter(const struct clause *clause, const term *cells, uint32_t arity, const struct frame *frame, uint32_t cut) {
	uint32_t base = heapEnd;
	for (uint32_t i = 0; i < clause->variables; i++, heapEnd++) heap[heapEnd] = make(VARIABLE, heapEnd);
	inferences++;
	for (uint32_t i = 1; i <= arity; i++)
		if (!match(store[index_of(clause->head) + i], cells[i], base)) return -1;
	uint32_t next = frame->next;
	for (int i = clause->goals - 1; i >= 0; i--) {
		frames[frameEnd] = (struct frame){copy(clause->body[i], base), next, cut};
		next = frameEnd++;
	}
	return next;
}

/* From a frame on, or, from NONE, the next answer. 1 there is one, 0 no more. */
static int solve(uint32_t current) {
	uint32_t clause = NONE, retry = current == NONE;
	for (;;) {
		if (retry) {
			if (choiceEnd == 0) return 0;
			const struct choice *choice = &choices[--choiceEnd];
			undo(choice);
			current = choice->frame;
			clause = choice->clause;
		} else if (current == NONE) {
			return 1;
		}
		const struct frame *frame = &frames[current];
		int plain = tag_of(frame->goal) == ATOM;
		const term *cells = heap + index_of(frame->goal);
		uint32_t atom = plain ? index_of(frame->goal) : cells[0] >> 3, arity = plain ? 0 : cells[0] & 7;
		if (!retry) {
			int holds = built_in(atom, cells + 1, frame->cut);
			if (holds >= 0) {
				retry = !holds;
				current = frame->next;
				continue;
			}
			clause = firstClause[atom][arity];
		}
		term key = arity > 0 ? key_of(heap, follow(cells[1])) : 0;
		clause = next_match(clause, key);
		retry = clause == NONE;
		if (retry) continue;
		uint32_t cut = choiceEnd, other = next_match(clauses[clause].next, key);
		if (other != NONE) choices[choiceEnd++] = (struct choice){current, other, heapEnd, trailEnd, frameEnd};
		int next = enter(&clauses[clause], cells, arity, frame, cut);
		retry = next < 0;
		if (!retry) current = next;
	}
}

static uint32_t sum_of(term t, uint32_t sum) {
	t = follow(t);
	if (tag_of(t) != STRUCTURE) return fold(sum, tag_of(t) == VARIABLE ? 1 : t);
	const term *cells = heap + index_of(t);
	sum = fold(sum, cells[0]);
	for (uint32_t i = 1; i <= (cells[0] & 7); i++) sum = sum_of(cells[i], sum);
	return sum;
}

/* All answers, up to a number of them. */
static uint32_t ask(const char *text, uint32_t most, uint32_t sum) {
	uint32_t storeBefore = storeEnd, answers = 0;
	at = text;
	variableCount = heapEnd = trailEnd = frameEnd = choiceEnd = 0;
	term query = read_term(99);
	for (uint32_t i = 0; i < variableCount; i++, heapEnd++) heap[heapEnd] = make(VARIABLE, heapEnd);
	term goal = copy(query, 0);
	frames[frameEnd++] = (struct frame){goal, NONE, 0};
	for (int more = solve(0); more && answers < most; more = solve(NONE), answers++) sum = sum_of(goal, sum);
	storeEnd = storeBefore;
	return fold(sum, answers);
}

static const char program[] =
	"app([], L, L). app([H|T], L, [H|R]) :- app(T, L, R)."
	"rev([], []). rev([H|T], R) :- rev(T, S), app(S, [H], R)."
	"range(N, N, [N]) :- !. range(M, N, [M|T]) :- K is M + 1, range(K, N, T)."
	"sel(X, [X|T], T). sel(X, [H|T], [H|R]) :- sel(X, T, R)."
	"mem(X, [X|_]). mem(X, [_|T]) :- mem(X, T)."
	"queens(N, Q) :- range(1, N, L), put(L, [], Q)."
	"put([], Q, Q). put(L, S, Q) :- sel(X, L, R), safe(X, 1, S), put(R, [X|S], Q)."
	"safe(_, _, []). safe(X, D, [Y|T]) :- X =\\= Y + D, X =\\= Y - D, E is D + 1, safe(X, E, T)."
	"d(X, X, 1) :- !. d(U + V, X, A + B) :- !, d(U, X, A), d(V, X, B)."
	"d(U * V, X, A * V + U * B) :- !, d(U, X, A), d(V, X, B). d(_, _, 0)."
	"tidy(A + B, C) :- !, tidy(A, X), tidy(B, Y), sum(X, Y, C). tidy(A * B, C) :- !, tidy(A, X), tidy(B, Y), prod(X, Y, C)."
	"tidy(A, A). sum(0, X, X) :- !. sum(X, 0, X) :- !. sum(X, Y, X + Y)."
	"prod(0, _, 0) :- !. prod(_, 0, 0) :- !. prod(1, X, X) :- !. prod(X, 1, X) :- !. prod(X, Y, X * Y)."
	"derive(F, G) :- d(F, x, D), tidy(D, G)."
	"colour(red). colour(green). colour(blue). next(A, B) :- colour(A), colour(B), A \\= B."
	"map(A, B, C, D, E) :- next(A, B), next(A, C), next(A, D), next(B, C), next(C, D), next(D, E), A \\= E."
	"right(L, R, [L, R|_]). right(L, R, [_|T]) :- right(L, R, T)."
	"by(A, B, L) :- right(A, B, L). by(A, B, L) :- right(B, A, L)."
	"zebra(Who) :- S = [h(_, norway, _, _, _), _, h(_, _, _, milk, _), _, _],"
	" by(h(_, norway, _, _, _), h(blue, _, _, _, _), S), mem(h(red, england, _, _, _), S),"
	" right(h(ivory, _, _, _, _), h(green, _, _, _, _), S), mem(h(green, _, _, coffee, _), S), mem(h(yellow, _, _, _, kool), S),"
	" by(h(_, _, _, _, kool), h(_, _, horse, _, _), S), mem(h(_, _, snail, _, winston), S), mem(h(_, spain, dog, _, _), S),"
	" mem(h(_, ukraine, _, tea, _), S), by(h(_, _, _, _, chester), h(_, _, fox, _, _), S), mem(h(_, _, _, juice, lucky), S),"
	" mem(h(_, japan, _, _, parliament), S), mem(h(_, Who, zebra, _, _), S)."
	"fit(0, []) :- !. fit(N, [X|T]) :- mem(X, [7, 5, 3]), N >= X, M is N - X, fit(M, T). ";

void prepare(void) {}

uint32_t kernel(void) {
	uint32_t sum = 0;
	atomCount = clauseCount = inferences = storeEnd = 0;
	for (uint32_t i = 0; i < ATOMS * 8; i++) firstClause[i >> 3][i & 7] = NONE;
	for (uint32_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		uint32_t length = 0;
		while (known[i][length]) length++;
		intern(known[i], length);
	}
	for (at = program; *at;) {
		read_clause();
		space();
	}
	sum = ask("rev([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20], R)", 2, sum);
	sum = ask("app(X, Y, [a, b, c, d, e])", 99, sum);
	sum = ask("queens(5, Q)", 99, sum);
	sum = ask("derive((x + 1) * (x * x + 2) * (x * x * x + 3 * x), G)", 1, sum);
	sum = ask("map(A, B, C, D, E)", 99, sum);
	sum = ask("fit(17, L)", 99, sum);
	sum = ask("zebra(W)", 1, sum);
	return fold(sum, inferences);
}
