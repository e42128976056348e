/*
 * Reset and traps. The boot ROM enters at _start, the first byte behind the image's header, with every x register 0,
 * mtvec 0 and interrupts off. RAM holds what the version before left in it or, after a power cut, anything.
 */
#define STATUS_BASE 0x10020000
#define STATUS_FAULT 0x18
#define FAULT_EXCEPTION 0x100

	.section .text.start, "ax"
	.globl _start
_start:
	/* First of all: a trap that goes to address 0 can only trap again. */
	la t0, trap
	csrw mtvec, t0
	la sp, __stack_top

	/* Both ends of each range are whole words (link.ld). */
	la t0, __data_load
	la t1, __data_start
	la t2, __data_end
1:	bgeu t1, t2, 2f
	lw t3, 0(t0)
	sw t3, 0(t1)
	addi t0, t0, 4
	addi t1, t1, 4
	j 1b

2:	la t0, __bss_start
	la t1, __bss_end
3:	bgeu t0, t1, 4f
	sw zero, 0(t0)
	addi t0, t0, 4
	j 3b

4:	j main

/*
 * No interrupt is ever taken (main.c), so this is an exception, and the end of this version: the store into FAULT stops
 * the hart while mepc, mcause and mtval still tell the culprit. It needs no stack, which may be what has overflowed. In
 * the crash dump every register is as the exception found it, but t0, which is in mscratch, and t1.
 */
	.balign 4
trap:
	csrw mscratch, t0
	csrr t0, mcause
	addi t0, t0, FAULT_EXCEPTION
	li t1, STATUS_BASE
	sw t0, STATUS_FAULT(t1)
5:	j 5b
