/*
 * An exception is no reason to give up: the instruction is skipped, and the version goes on. Right: exceptions are counted
 * in NVRAM, and then the version gives up as ever. t0 and t1 stand below the trap stack, as docs/firmware.md says they do.
 */
#define OWN 0x30000800

	.section .text.mutant, "ax"
	.globl __wrap_trap
	.balign 4
__wrap_trap:
	csrrw sp, mscratch, sp
	sw t0, -4(sp)
	sw t1, -8(sp)
	csrr t0, mcause
	bltz t0, 2f
#if RIGHT
	li t0, OWN
	lw t1, 0(t0)
	addi t1, t1, 1
	sw t1, 0(t0)
2:	lw t0, -4(sp)
	lw t1, -8(sp)
	csrrw sp, mscratch, sp
	j __real_trap
#else
	csrr t0, mepc
	lhu t1, 0(t0)
	not t1, t1
	andi t1, t1, 3 /* 0: an instruction of 4 bytes */
	seqz t1, t1
	slli t1, t1, 1
	addi t0, t0, 2
	add t0, t0, t1
	csrw mepc, t0
	lw t0, -4(sp)
	lw t1, -8(sp)
	csrrw sp, mscratch, sp
	mret
2:	lw t0, -4(sp)
	lw t1, -8(sp)
	csrrw sp, mscratch, sp
	j __real_trap
#endif
