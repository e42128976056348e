/* Bare-metal entry of the benchmark programs: RAM is loaded by the ELF loader, only bss and the stack are ours. */
	.section .text.start, "ax"
	.globl _start
_start:
	.option push
	.option norelax
	la gp, __global_pointer$
	.option pop
	la sp, __stack_top
	la t0, trap
	csrw mtvec, t0
	la t0, __bss_start
	la t1, __bss_end
1:	bgeu t0, t1, 2f
	sw zero, 0(t0)
	addi t0, t0, 4
	j 1b
2:	call main

/* A trap is a failure of the machine that runs this: finish with code 2. */
	.balign 4
trap:
	li t0, 0x100000
	li t1, 0x3333 + (2 << 16)
	sw t1, 0(t0)
	j trap
