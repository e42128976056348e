/* Indirect calls through a dispatch table: a stack machine's byte code, one function per operation. */
#include "bench.h"

const char name[] = "dispatch";
const uint32_t expected = 0x375c4673;
uint32_t iterations = 1500;

enum { STEPS = 4096, CODE = 256, STACK = 16 };
enum { PUSH, ADD, SUBTRACT, MULTIPLY, XOR, ROTATE, SWAP, DUPLICATE, DROP, LOAD, STORE, NEGATE, SKIP, OVER, MIX, NOP };

struct vm {
	uint32_t stack[STACK];
	uint32_t top; /* index of the top of the stack, modulo STACK */
	uint32_t pc;
	uint32_t memory[16];
};

static struct vm vm;
static uint8_t code[CODE];

static uint32_t pop(struct vm *m) { return m->stack[m->top-- % STACK]; }
static void push(struct vm *m, uint32_t value) { m->stack[++m->top % STACK] = value; }

static void do_push(struct vm *m, uint32_t operand) { push(m, operand * 0x01010101u); }
static void do_add(struct vm *m, uint32_t operand) { push(m, pop(m) + pop(m) + operand); }
static void do_subtract(struct vm *m, uint32_t operand) {
	uint32_t b = pop(m);
	push(m, pop(m) - b - operand);
}
static void do_multiply(struct vm *m, uint32_t operand) { push(m, pop(m) * pop(m) + operand); }
static void do_xor(struct vm *m, uint32_t operand) { push(m, pop(m) ^ pop(m) ^ operand); }
static void do_rotate(struct vm *m, uint32_t operand) {
	uint32_t a = pop(m), n = operand | 1;
	push(m, a << n | a >> (32 - n));
}
static void do_swap(struct vm *m, uint32_t operand) {
	uint32_t b = pop(m), a = pop(m);
	push(m, b);
	push(m, a + operand);
}
static void do_duplicate(struct vm *m, uint32_t operand) {
	uint32_t a = pop(m);
	push(m, a);
	push(m, a ^ operand);
}
static void do_drop(struct vm *m, uint32_t operand) {
	pop(m);
	m->memory[operand]++;
}
static void do_load(struct vm *m, uint32_t operand) { push(m, m->memory[operand]); }
static void do_store(struct vm *m, uint32_t operand) { m->memory[operand] = pop(m); }
static void do_negate(struct vm *m, uint32_t operand) { push(m, operand - pop(m)); }
static void do_skip(struct vm *m, uint32_t operand) {
	if ((pop(m) & 3) == 0) m->pc += operand;
}
static void do_over(struct vm *m, uint32_t operand) { push(m, m->stack[(m->top - 1 - (operand & 3)) % STACK]); }
static void do_mix(struct vm *m, uint32_t operand) { push(m, fold(pop(m), operand)); }
static void do_nop(struct vm *m, uint32_t operand) { m->memory[operand] ^= m->pc; }

typedef void (*operation)(struct vm *, uint32_t operand);
/* Not const, so that the calls stay indirect whatever the compiler knows. */
static operation operations[16] = {
	[PUSH] = do_push,     [ADD] = do_add,       [SUBTRACT] = do_subtract,   [MULTIPLY] = do_multiply,
	[XOR] = do_xor,       [ROTATE] = do_rotate, [SWAP] = do_swap,           [DUPLICATE] = do_duplicate,
	[DROP] = do_drop,     [LOAD] = do_load,     [STORE] = do_store,         [NEGATE] = do_negate,
	[SKIP] = do_skip,     [OVER] = do_over,     [MIX] = do_mix,             [NOP] = do_nop,
};

void prepare(void) {
	uint32_t random = 0xd15ba7c4;
	for (int i = 0; i < CODE; i++) code[i] = (uint8_t)(next_random(&random) >> 11);
}

uint32_t kernel(void) {
	for (int i = 0; i < STACK; i++) vm.stack[i] = vm.memory[i] = (uint32_t)i;
	vm.top = vm.pc = 0;
	for (int i = 0; i < STEPS; i++) {
		uint8_t instruction = code[vm.pc++ % CODE];
		operations[instruction & 15](&vm, instruction >> 4);
	}
	uint32_t sum = vm.pc;
	for (int i = 0; i < STACK; i++) sum = fold(fold(sum, vm.stack[i]), vm.memory[i]);
	return sum;
}
