/*
 * Faults on request, numbered as in docs/hardware.md. Each is done by code as a bug would do it; none of them
 * announces itself to the supervisor.
 */
#include "firmware.h"
#include "hardware.h"

static void illegal_instruction(void) { __asm__ volatile(".half 0"); }

static void load_nowhere(void) { (void)*(volatile uint32_t *)NOWHERE; }

static void store_nowhere(void) { *(volatile uint32_t *)NOWHERE = 1; }

extern uint32_t _start[];
static void store_own_region(void) { *(volatile uint32_t *)_start = 0; }

static void jump_zero(void) {
	void (*volatile missing)(void) = NULL;
	missing();
}

/* 0x00000293 is `li t0, 0`; its upper half, 0, is no instruction. */
static void misaligned_jump(void) {
	__asm__ volatile("la t1, 1f + 2\n\t"
			 "jr t1\n"
			 "1:\t.word 0x00000293\n" ::
				 : "t0", "t1");
}

__attribute__((noinline, optimize("no-optimize-sibling-calls"))) static uint32_t recurse(uint32_t depth) {
	volatile uint32_t frame[8];
	frame[0] = depth;
	return depth == UINT32_MAX ? 0 : recurse(depth + 1) + frame[0];
}

static void stack_overflow(void) { recurse(0); }

static void breakpoint(void) { __asm__ volatile("ebreak"); }

static void environment_call(void) { __asm__ volatile("ecall" ::: "memory"); }

static void finisher(void) { FINISHER = FINISH_FAIL | 7u << 16; }

/* The pointer to the trap handler's stack is lost, and then something small goes wrong. */
static void double_trap(void) {
	csr_write(mscratch, 0);
	breakpoint();
}

static void tight_loop(void) {
	csr_clear(mstatus, MSTATUS_MIE);
	for (;;) __asm__ volatile("");
}

static void wfi_forever(void) {
	csr_write(mie, 0);
	for (;;) wait_for_interrupt();
}

/* Looks alive to the watchdog. */
static void kick_forever(void) {
	uint32_t seen = ticks;
	for (;;) {
		while (ticks == seen) wait_for_interrupt();
		seen = ticks;
		watchdog_kick();
	}
}

static void kicks_without_progress(void) {
	queue_interrupt_off();
	kick_forever();
}

/* The handler takes the software interrupt for impossible and returns, straight into the next one. */
static void interrupt_storm(void) {
	csr_set(mie, 1u << INTERRUPT_SOFTWARE);
	CLINT_MSIP = 1;
	for (;;) __asm__ volatile("");
}

static void early_kick(void) {
	WATCHDOG->window = 50000;
	watchdog_kick();
	watchdog_kick();
}

static void never_ready(void) {
	STATUS->ready = 0;
	for (uint32_t seen = ticks;;) {
		if (!self_test()) panic(PANIC_SELF_TEST);
		if (ticks == seen) continue;
		seen = ticks;
		watchdog_kick();
	}
}

static void (*const faults[])(void) = {
	[1] = illegal_instruction,
	[2] = load_nowhere,
	[3] = store_nowhere,
	[4] = store_own_region,
	[5] = jump_zero,
	[6] = misaligned_jump,
	[7] = stack_overflow,
	[8] = breakpoint,
	[9] = environment_call,
	[10] = finisher,
	[11] = double_trap,
	[12] = tight_loop,
	[13] = wfi_forever,
	[14] = kicks_without_progress,
	[15] = interrupt_storm,
	[16] = early_kick,
	[17] = never_ready,
};

void commit_fault(uint32_t number) {
	if (number == 0 || number >= sizeof faults / sizeof faults[0]) return;
	uart_text("fault ");
	uart_number(number);
	uart_text(" on request\n");
	faults[number]();
}
