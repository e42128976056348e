/*
 * Reset of a loader, at the flash's first byte. RAM holds anything: data, and code that runs while the flash cannot be
 * read, are copied to it, and bss is cleared.
 */
#define MSTATUSH 0x310
#define MSTATUSH_MDT (1 << 10)

	.section .text.start, "ax"
	.globl _start
_start:
	/* Smdbltrp: until MDT is clear a trap is a double trap. A hart without mstatush passes over the attempt. */
	lla t0, 1f
	csrw mtvec, t0
	li t0, MSTATUSH_MDT
	csrc MSTATUSH, t0
	.balign 4
1:	lla t0, trap
	csrw mtvec, t0
	csrw mie, zero
	lla sp, __stack_top

	lla t0, __data_load
	lla t1, __data_start
	lla t2, __data_end
2:	bgeu t1, t2, 3f
	lw t3, 0(t0)
	sw t3, 0(t1)
	addi t0, t0, 4
	addi t1, t1, 4
	j 2b

3:	lla t0, __bss_start
	lla t1, __bss_end
4:	bgeu t0, t1, 5f
	sw zero, 0(t0)
	addi t0, t0, 4
	j 4b

5:	fence.i
	j main
