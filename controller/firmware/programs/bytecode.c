/*
 * An interpreter of a stack machine's bytecode with three scripts: a sieve, Fibonacci by recursion, and a sort. The
 * interpreter is one switch in one loop, as small script engines have it.
 */
#include "../bench/bench.h"

const char name[] = "bytecode";
const uint32_t expected = 0x27efbee7;
uint32_t iterations = 120;

enum op {
	PUSH, /* next byte, signed */
	WIDE, /* next two bytes */
	LOAD, /* local */
	SAVE,
	GET, /* heap[top] */
	PUT, /* heap[second] = top */
	ADD,
	SUB,
	MUL,
	MOD,
	LESS,
	EQUAL,
	NOT,
	JUMP, /* next byte, from the operand */
	UNLESS,
	CALL, /* target, arguments */
	RETURN,
	DROP,
	HALT,
};

enum { HEAP = 4096, STACK = 512, FRAMES = 64, LOCALS = 8 };
static int32_t heap[HEAP], stack[STACK];
static struct {
	const int8_t *back;
	int32_t locals[LOCALS];
} frames[FRAMES];

/* Counts the primes below 2000. Locals: 0 i, 1 j, 2 count. */
static const int8_t sieve[] = {
	PUSH, 2, SAVE, 0,
	/* next */ LOAD, 0, WIDE, 0x07, (int8_t)0xd0, LESS, UNLESS, 51, LOAD, 0, GET, NOT, UNLESS, 36, LOAD, 2,
	PUSH, 1, ADD, SAVE, 2, LOAD, 0, LOAD, 0, ADD, SAVE, 1,
	/* strike */ LOAD, 1, WIDE, 0x07, (int8_t)0xd0, LESS, UNLESS, 14, LOAD, 1, PUSH, 1, PUT, LOAD, 1, LOAD, 0,
	ADD, SAVE, 1, JUMP, -22,
	/* step */ LOAD, 0, PUSH, 1, ADD, SAVE, 0, JUMP, -59,
	/* end */ LOAD, 2, HALT,
};

/* fib(17). */
static const int8_t fibonacci[] = {
	PUSH, 17, CALL, 6, 1, HALT,
	/* 6 */ LOAD, 0, PUSH, 2, LESS, UNLESS, 3, LOAD, 0, RETURN,
	LOAD, 0, PUSH, 1, SUB, CALL, 6, 1,
	LOAD, 0, PUSH, 2, SUB, CALL, 6, 1, ADD, RETURN,
};

/* Sorts heap[0..99] by exchange, returns heap[0] * 3 + heap[99]. Locals: 0 i, 1 j, 2 t. */
static const int8_t sort[] = {
	PUSH, 0, SAVE, 0,
	/* outer */ LOAD, 0, PUSH, 100, LESS, UNLESS, 57, LOAD, 0, PUSH, 1, ADD, SAVE, 1,
	/* inner */ LOAD, 1, PUSH, 100, LESS, UNLESS, 34, LOAD, 1, GET, LOAD, 0, GET, LESS, UNLESS, 16, LOAD, 0,
	GET, SAVE, 2, LOAD, 0, LOAD, 1, GET, PUT, LOAD, 1, LOAD, 2, PUT,
	/* ordered */ LOAD, 1, PUSH, 1, ADD, SAVE, 1, JUMP, -41,
	/* step */ LOAD, 0, PUSH, 1, ADD, SAVE, 0, JUMP, -64,
	/* end */ PUSH, 0, GET, PUSH, 3, MUL, PUSH, 99, GET, ADD, HALT,
};

static int32_t run(const int8_t *code) {
	const int8_t *pc = code;
	int32_t *top = stack;
	int frame = 0;
	for (int i = 0; i < LOCALS; i++) frames[0].locals[i] = 0;
	for (;;) {
		switch ((enum op)*pc++) {
		case PUSH: *++top = *pc++; break;
		case WIDE: *++top = (uint8_t)pc[0] << 8 | (uint8_t)pc[1]; pc += 2; break;
		case LOAD: *++top = frames[frame].locals[*pc++]; break;
		case SAVE: frames[frame].locals[*pc++] = *top--; break;
		case GET: *top = heap[*top & (HEAP - 1)]; break;
		case PUT: heap[top[-1] & (HEAP - 1)] = top[0]; top -= 2; break;
		case ADD: top[-1] += top[0]; top--; break;
		case SUB: top[-1] -= top[0]; top--; break;
		case MUL: top[-1] *= top[0]; top--; break;
		case MOD: top[-1] %= top[0]; top--; break;
		case LESS: top[-1] = top[-1] < top[0]; top--; break;
		case EQUAL: top[-1] = top[-1] == top[0]; top--; break;
		case NOT: *top = !*top; break;
		case JUMP: pc += *pc + 1; break;
		case UNLESS: pc += *top-- ? 1 : *pc + 1; break;
		case CALL:
			frame++;
			frames[frame].back = pc + 2;
			for (int i = pc[1] - 1; i >= 0; i--) frames[frame].locals[i] = *top--;
			pc = code + *pc;
			break;
		case RETURN: pc = frames[frame--].back; break;
		case DROP: top--; break;
		default: return *top;
		}
	}
}

void prepare(void) {}

uint32_t kernel(void) {
	for (int i = 0; i < HEAP; i++) heap[i] = 0;
	int32_t primes = run(sieve), number = run(fibonacci);
	if (primes != 303 || number != 1597) return fold(primes, number);
	uint32_t seed = 77;
	for (int i = 0; i < 100; i++) heap[i] = next_random(&seed) >> 16;
	uint32_t sum = fold(0, run(sort));
	for (int i = 1; i < 100; i++) sum = heap[i - 1] <= heap[i] ? fold(sum, heap[i]) : 0;
	return sum;
}
