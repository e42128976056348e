/*
 * Reset. Every x register is 0, interrupts are off, mtvec is 0: until it is set a trap is a double trap at
 * best, so it comes first. RAM holds whatever the version before left in it.
 */
#define MSTATUSH 0x310
#define MSTATUSH_MDT (1 << 10)

	.section .text.start, "ax"
	.globl _start
_start:
	.option push
	.option norelax
	la gp, __global_pointer$
	.option pop
	la t0, trap
	csrw mtvec, t0
	la t0, __trap_stack_top
	csrw mscratch, t0
	/* Smdbltrp: hardware true to the extension's text has MDT set at reset. From here on a trap can be taken. */
	li t0, MSTATUSH_MDT
	csrc MSTATUSH, t0
	la sp, __stack_top

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
