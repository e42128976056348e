/*
 * An emulator of a processor of eight bits, with an accumulator, flags, indexed memory, a stack and sixteen kinds of
 * instruction, that runs a program which fills, sums and multiplies.
 */
#include "../bench/bench.h"

const char name[] = "eight-bit";
const uint32_t expected = 0x586b4d80;
uint32_t iterations = 2400;

enum { LDA_I, LDA_X, STA_X, LDX_I, INX, DEX, ADC_X, ADC_I, EOR_I, ASL, BNE, BCC, JSR, RTS, CPX_I, HALT, LDA_M, STA_M, ADC_M, DEC_M, TXA };
enum { CARRY = 1, ZERO = 2, NEGATIVE = 128, DATA = 0x200, VARIABLES = 0x80 };

static uint8_t memory[4096];
static uint32_t cycles;

static const uint8_t program[] = {
	/* 00 */ LDX_I, 0, LDA_I, 7,
	/* 04 */ STA_X, 0x00, 0x02, ADC_I, 29, EOR_I, 0x5a, INX, BNE, (uint8_t)-10,
	/* 0e */ LDA_I, 0, STA_M, VARIABLES, LDX_I, 0,
	/* 14 */ LDA_X, 0x00, 0x02, STA_M, VARIABLES + 1, JSR, 0x40, 0x00, INX, CPX_I, 64, BNE, (uint8_t)-13,
	/* 21 */ HALT,
	/* 22 */ [0x40] = LDA_I, 8, STA_M, VARIABLES + 2,
	/* 44 */ LDA_M, VARIABLES, ASL, STA_M, VARIABLES, LDA_M, VARIABLES + 1, ASL, STA_M, VARIABLES + 1,
	/* 4e */ BCC, 5, LDA_M, VARIABLES, ADC_X, 0x40, 0x02,
	/* 55 */ STA_M, VARIABLES, DEC_M, VARIABLES + 2, BNE, (uint8_t)-23, RTS,
};

void prepare(void) {}

static void run(void) {
	uint32_t pc = 0, a = 0, x = 0, s = 0xff, carry = 0, result = 0;
	for (;;) {
		uint8_t op = memory[pc], low = memory[pc + 1];
		uint32_t address = low | memory[pc + 2] << 8;
		cycles++;
		switch (op) {
		case LDA_I: result = a = low; pc += 2; break;
		case LDA_M: result = a = memory[low]; pc += 2; break;
		case LDA_X: result = a = memory[(address + x) & 4095]; pc += 3; break;
		case STA_M: memory[low] = a; pc += 2; break;
		case STA_X: memory[(address + x) & 4095] = a; pc += 3; break;
		case LDX_I: result = x = low; pc += 2; break;
		case INX: result = x = (x + 1) & 255; pc++; break;
		case DEX: result = x = (x - 1) & 255; pc++; break;
		case TXA: result = a = x; pc++; break;
		case ADC_I: a += low + carry; carry = a >> 8; result = a &= 255; pc += 2; break;
		case ADC_M: a += memory[low] + carry; carry = a >> 8; result = a &= 255; pc += 2; break;
		case ADC_X: a += memory[(address + x) & 4095] + carry; carry = a >> 8; result = a &= 255; pc += 3; break;
		case EOR_I: result = a ^= low; pc += 2; break;
		case ASL: carry = a >> 7; result = a = a << 1 & 255; pc++; break;
		case DEC_M: result = memory[low] = memory[low] - 1; pc += 2; break;
		case CPX_I: carry = x >= low; result = (x - low) & 255; pc += 2; break;
		case BNE: pc += 2 + (result ? (int8_t)low : 0); break;
		case BCC: pc += 2 + (carry ? 0 : (int8_t)low); break;
		case JSR: memory[0x100 + s--] = (pc + 3) >> 8; memory[0x100 + s--] = pc + 3; pc = address; break;
		case RTS: pc = memory[0x100 + ++s]; pc |= memory[0x100 + ++s] << 8; break;
		default: return;
		}
	}
}

uint32_t kernel(void) {
	for (int i = 0; i < 4096; i++) memory[i] = i < (int)sizeof program ? program[i] : 0;
	cycles = 0;
	run();
	uint32_t sum = fold(memory[VARIABLES], cycles);
	for (int i = DATA; i < DATA + 256; i++) sum = fold(sum, memory[i]);
	return sum;
}
