/*
 * A state machine over a command queue: up to 32 commands in flight go from fetch through mapping, media access
 * with retries and transfer to completion; hazards between reads and writes of one block make some wait.
 */
#include "bench.h"

const char name[] = "command-queue";
const uint32_t expected = 0xc3232672;
uint32_t iterations = 1750;

enum { SLOTS = 32, COMMANDS = 512, BLOCKS = 64 };
enum state { FREE, FETCHED, BLOCKED, MAPPED, MEDIA, RETRY, TRANSFER, DONE };
enum opcode { READ, WRITE, FLUSH, TRIM, OPCODES };

struct command {
	enum state state;
	enum opcode opcode;
	uint32_t block;
	uint32_t wait;
	uint32_t retries;
	uint32_t data;
};

static struct command slots[SLOTS];
static uint32_t media[BLOCKS];
static uint8_t owner[BLOCKS]; /* slot + 1 that holds the block */
static uint32_t random, submitted, completed, outstanding, sum;

void prepare(void) {}

static void fetch(struct command *c) {
	uint32_t r = next_random(&random);
	c->opcode = r % 16 == 0 ? FLUSH : r % 16 == 1 ? TRIM : r & 0x100 ? READ : WRITE;
	c->block = (r >> 12) % BLOCKS;
	c->data = r;
	c->retries = 0;
	c->state = FETCHED;
	submitted++;
	outstanding++;
}

static void step(struct command *c, uint32_t slot) {
	switch (c->state) {
	case FREE:
		if (submitted < COMMANDS) fetch(c);
		break;
	case FETCHED:
		if (c->opcode == FLUSH) {
			c->state = outstanding > SLOTS / 2 ? BLOCKED : DONE;
			c->wait = 3;
			break;
		}
		/* fall through */
	case BLOCKED:
		if (c->opcode == FLUSH) {
			if (--c->wait == 0) c->state = DONE;
		} else if (owner[c->block] == 0) {
			owner[c->block] = (uint8_t)(slot + 1);
			c->state = MAPPED;
		} else {
			c->state = BLOCKED;
		}
		break;
	case MAPPED:
		c->wait = c->opcode == READ ? 2 : c->opcode == WRITE ? 5 : 1;
		c->state = MEDIA;
		break;
	case MEDIA:
		if (--c->wait != 0) break;
		if ((next_random(&random) & 31) == 0 && c->retries < 3) {
			c->state = RETRY;
			break;
		}
		if (c->opcode == WRITE) media[c->block] = c->data;
		else if (c->opcode == TRIM) media[c->block] = 0;
		else c->data = media[c->block];
		c->state = TRANSFER;
		break;
	case RETRY:
		c->retries++;
		c->wait = c->retries * 2;
		c->state = MEDIA;
		break;
	case TRANSFER:
		owner[c->block] = 0;
		c->state = DONE;
		break;
	case DONE:
		sum = fold(sum, c->data + c->retries + slot);
		completed++;
		outstanding--;
		c->state = FREE;
		break;
	}
}

uint32_t kernel(void) {
	random = 0x0ddba11;
	submitted = completed = outstanding = sum = 0;
	for (uint32_t b = 0; b < BLOCKS; b++) media[b] = owner[b] = 0;
	for (uint32_t s = 0; s < SLOTS; s++) slots[s].state = FREE;
	uint32_t rounds = 0;
	while (completed < COMMANDS) {
		for (uint32_t s = 0; s < SLOTS; s++) step(&slots[s], s);
		rounds++;
	}
	return fold(sum, rounds);
}
