/* Entry of the application, right behind its image's header, in whichever slot it was put. */
#define MSTATUSH 0x310
#define MSTATUSH_MDT (1 << 10)
/* Behind the RAM of the loader and the copy of the code. */
#define STACK_TOP 0x80008000

	.section .text.start, "ax"
	.globl _start
_start:
	lla t0, 1f
	csrw mtvec, t0
	li t0, MSTATUSH_MDT
	csrc MSTATUSH, t0
	.balign 4
1:	lla t0, trap
	csrw mtvec, t0
	csrw mie, zero
	li sp, STACK_TOP
	j main
