/* Entry and the one trap handler. Nothing interrupts this firmware, so every trap is the end of it. */
#define FAULT 0x10020018

	.section .text.start, "ax"
	.globl _start
_start:
	la t0, trap
	csrw mtvec, t0
	la sp, __stack_top
	la t0, __data_from
	la t1, __data_start
	la t2, __bss_start
copy:
	bgeu t1, t2, clear
	lw t3, 0(t0)
	sw t3, 0(t1)
	addi t0, t0, 4
	addi t1, t1, 4
	j copy
clear:
	la t2, __bss_end
1:	bgeu t1, t2, 2f
	sw zero, 0(t1)
	addi t1, t1, 4
	j 1b
2:	call main

	.section .text.trap, "ax"
	.globl trap
	.balign 4
trap:
	csrr t0, mcause
	addi t0, t0, 0x100
	li t1, FAULT
	sw t0, 0(t1)
1:	j 1b
