/*
 * A threaded interpreter, as Forth has it: words are addresses of code, each word jumps to the next one itself
 * (computed goto), definitions call one another on a return stack. Computes primes, a greatest common divisor, and Collatz.
 */
#include "../bench/bench.h"

const char name[] = "forth";
const uint32_t expected = 0x743e76ad;
uint32_t iterations = 630;

enum { LIT, ADD, SUB, MUL, MOD, DUP, SWAP, OVER, DROP, LESS, ZERO, HALF, AND, BRANCH, IF, ENTER, EXIT, FETCH, STORE, STOP, WORDS };
static intptr_t cells[256];
static int32_t variables[8], stack[64];
static const intptr_t *returns[64];

/* Built by hand below, as a compiler of Forth would. */
static int here;
static const void *const *code;

static void word(int w) { cells[here++] = (intptr_t)code[w]; }
static void number(int n) { word(LIT); cells[here++] = n; }
static void jump(int kind, int to) { word(kind); cells[here++] = (intptr_t)(cells + to); }

static int gcd, collatz, start;

static void compile(void) {
	here = 0;
	gcd = here; /* dup 0= if drop exit then swap over mod recurse */
	word(DUP); word(ZERO); jump(IF, gcd + 6); word(DROP); word(EXIT);
	word(SWAP); word(OVER); word(MOD); jump(BRANCH, gcd);
	collatz = here; /* 0 swap begin dup 1 - while dup 1 and if 3 * 1 + else 2/ then swap 1 + swap repeat drop */
	number(0); word(SWAP);
	int again = here;
	word(DUP); number(1); word(SUB); word(ZERO); word(ZERO);
	int leave = here;
	jump(IF, 0);
	word(DUP); number(1); word(AND);
	int even = here;
	jump(IF, 0);
	number(3); word(MUL); number(1); word(ADD);
	int joined = here;
	jump(BRANCH, 0);
	cells[even + 1] = (intptr_t)(cells + here);
	word(HALF);
	cells[joined + 1] = (intptr_t)(cells + here);
	word(SWAP); number(1); word(ADD); word(SWAP);
	jump(BRANCH, again);
	cells[leave + 1] = (intptr_t)(cells + here);
	word(DROP); word(EXIT);
	start = here; /* for n in 1 to variable 2: sum = sum * 31 + collatz(n) + gcd(n, 360) */
	number(0); word(FETCH); jump(ENTER, collatz);
	number(0); word(FETCH); number(360); jump(ENTER, gcd);
	word(ADD); number(1); word(FETCH); number(31); word(MUL); word(ADD); number(1); word(STORE);
	number(0); word(FETCH); number(1); word(ADD); word(DUP); number(0); word(STORE);
	number(2); word(FETCH); word(LESS); word(ZERO);
	jump(IF, start);
	word(STOP);
}

static void run(int from) {
	static const void *const labels[WORDS] = {&&lit, &&add, &&sub, &&mul, &&mod, &&dup, &&swap, &&over, &&drop, &&less, &&zero,
		&&half, &&and, &&branch, &&if_, &&enter, &&exit_, &&fetch, &&store, &&stop};
	if (from < 0) {
		code = labels;
		return;
	}
	const intptr_t *ip = cells + from, **rp = returns;
	int32_t *sp = stack + 4, t;
#define NEXT goto *(void *)*ip++
	NEXT;
lit: *++sp = *ip++; NEXT;
add: sp[-1] += *sp; sp--; NEXT;
sub: sp[-1] -= *sp; sp--; NEXT;
mul: sp[-1] = (uint32_t)sp[-1] * *sp; sp--; NEXT;
mod: sp[-1] %= *sp; sp--; NEXT;
dup: sp[1] = *sp; sp++; NEXT;
swap: t = *sp; *sp = sp[-1]; sp[-1] = t; NEXT;
over: sp[1] = sp[-1]; sp++; NEXT;
drop: sp--; NEXT;
less: sp[-1] = sp[-1] < *sp; sp--; NEXT;
zero: *sp = *sp == 0; NEXT;
half: *sp >>= 1; NEXT;
and: sp[-1] &= *sp; sp--; NEXT;
branch: ip = (const intptr_t *)*ip; NEXT;
if_: ip = *sp-- ? ip + 1 : (const intptr_t *)*ip; NEXT;
enter: *rp++ = ip + 1; ip = (const intptr_t *)*ip; NEXT;
exit_: ip = *--rp; NEXT;
fetch: *sp = variables[*sp]; NEXT;
store: variables[*sp] = sp[-1]; sp -= 2; NEXT;
stop: return;
}

void prepare(void) {
	run(-1);
	compile();
}

uint32_t kernel(void) {
	variables[0] = 1;
	variables[1] = 0;
	variables[2] = 120;
	run(start);
	return variables[1];
}
