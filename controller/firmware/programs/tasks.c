/*
 * Cooperative tasks, each on a stack of its own, that hand bytes through queues: a producer, filters and a consumer. The
 * switch saves what a callee must keep and changes stacks.
 */
#include "../bench/bench.h"

const char name[] = "tasks";
const uint32_t expected = 0xbeb92d82;
uint32_t iterations = 10000;

enum { TASKS = 6, STACK_WORDS = 512, QUEUE = 16, ITEMS = 400 };
static struct {
	uint32_t items[QUEUE], head, tail;
} queues[TASKS];
static int current, finished;
static uint32_t total;

#ifdef NATIVE
#include <ucontext.h>
static ucontext_t contexts[TASKS + 1];
static char stacks[TASKS][65536];
static void switch_to(int from, int to) { swapcontext(&contexts[from], &contexts[to]); }
static void body(void);
static void begin(int task) {
	getcontext(&contexts[task]);
	contexts[task].uc_stack.ss_sp = stacks[task];
	contexts[task].uc_stack.ss_size = sizeof stacks[task];
	makecontext(&contexts[task], body, 0);
}
#else
static uint32_t stacks[TASKS][STACK_WORDS] __attribute__((aligned(16)));
static uint32_t *pointers[TASKS + 1];
static void body(void);

void change_stack(uint32_t **save, uint32_t *to);
__asm__(".text\n.balign 4\nchange_stack:\n"
		"addi sp, sp, -64\nsw ra, 0(sp)\nsw s0, 4(sp)\nsw s1, 8(sp)\nsw s2, 12(sp)\nsw s3, 16(sp)\nsw s4, 20(sp)\nsw s5, 24(sp)\n"
		"sw s6, 28(sp)\nsw s7, 32(sp)\nsw s8, 36(sp)\nsw s9, 40(sp)\nsw s10, 44(sp)\nsw s11, 48(sp)\n"
		"sw sp, 0(a0)\nmv sp, a1\n"
		"lw ra, 0(sp)\nlw s0, 4(sp)\nlw s1, 8(sp)\nlw s2, 12(sp)\nlw s3, 16(sp)\nlw s4, 20(sp)\nlw s5, 24(sp)\n"
		"lw s6, 28(sp)\nlw s7, 32(sp)\nlw s8, 36(sp)\nlw s9, 40(sp)\nlw s10, 44(sp)\nlw s11, 48(sp)\naddi sp, sp, 64\nret\n");

static void switch_to(int from, int to) { change_stack(&pointers[from], pointers[to]); }
static void begin(int task) {
	pointers[task] = &stacks[task][STACK_WORDS - 16];
	pointers[task][0] = (uint32_t)(uintptr_t)body;
}
#endif

static void yield(void) {
	int from = current;
	current = finished ? TASKS : (current + 1) % TASKS;
	switch_to(from, current);
}

static void send(int queue, uint32_t item) {
	while (queues[queue].head - queues[queue].tail == QUEUE) yield();
	queues[queue].items[queues[queue].head++ % QUEUE] = item;
}

static uint32_t receive(int queue) {
	while (queues[queue].head == queues[queue].tail) yield();
	return queues[queue].items[queues[queue].tail++ % QUEUE];
}

static void body(void) {
	int task = current;
	uint32_t seed = 100 + task, kept = 0;
	for (uint32_t n = 0; n < ITEMS; n++) {
		if (task == 0) {
			send(0, next_random(&seed));
			continue;
		}
		uint32_t item = receive(task - 1);
		kept = fold(kept, item + n);
		if (task == TASKS - 1) total = fold(total, item);
		else send(task, kept ^ (task & 1 ? item : item >> task));
	}
	if (task == TASKS - 1) finished = 1;
	for (;;) yield();
}

void prepare(void) {}

uint32_t kernel(void) {
	total = 0;
	finished = 0;
	for (int i = 0; i < TASKS; i++) {
		queues[i].head = queues[i].tail = 0;
		begin(i);
	}
	current = 0;
	switch_to(TASKS, 0);
	return total;
}
