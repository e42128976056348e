/*
 * Traps, on a stack of their own that mscratch holds while none is served. Interrupts go to interrupt() in C.
 * An exception ends this version: its cause goes to FAULT with mepc, mcause, mtval and every register but t0 and
 * t1 as the trap found them (t0 and t1 stand at __trap_stack_top - 64), so that a crash dump shows the culprit.
 *
 * No trap may come in here: with Smdbltrp it stops the hart, without it the saved context is lost. mret clears
 * MDT.
 */
#define STATUS_BASE 0x10020000
#define STATUS_FAULT 0x18
#define FAULT_EXCEPTION 0x100
#define FRAME_BYTES 64

	.section .text.trap, "ax"
	.globl trap
	.balign 4
trap:
	csrrw sp, mscratch, sp
	addi sp, sp, -FRAME_BYTES
	sw t0, 0(sp)
	sw t1, 4(sp)
	csrr t0, mcause
	bgez t0, exception

	sw ra, 8(sp)
	sw t2, 12(sp)
	sw a0, 16(sp)
	sw a1, 20(sp)
	sw a2, 24(sp)
	sw a3, 28(sp)
	sw a4, 32(sp)
	sw a5, 36(sp)
	sw a6, 40(sp)
	sw a7, 44(sp)
	sw t3, 48(sp)
	sw t4, 52(sp)
	sw t5, 56(sp)
	sw t6, 60(sp)
	slli a0, t0, 1 /* the interrupt's number, without the topmost bit */
	srli a0, a0, 1
	call interrupt
	lw t6, 60(sp)
	lw t5, 56(sp)
	lw t4, 52(sp)
	lw t3, 48(sp)
	lw a7, 44(sp)
	lw a6, 40(sp)
	lw a5, 36(sp)
	lw a4, 32(sp)
	lw a3, 28(sp)
	lw a2, 24(sp)
	lw a1, 20(sp)
	lw a0, 16(sp)
	lw t2, 12(sp)
	lw ra, 8(sp)
	lw t1, 4(sp)
	lw t0, 0(sp)
	addi sp, sp, FRAME_BYTES
	csrrw sp, mscratch, sp
	mret

exception:
	addi t0, t0, FAULT_EXCEPTION
	li t1, STATUS_BASE
	addi sp, sp, FRAME_BYTES
	csrrw sp, mscratch, sp
	sw t0, STATUS_FAULT(t1)
1:	j 1b
