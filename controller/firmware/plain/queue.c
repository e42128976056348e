/*
 * The host queue, with commands of our own:
 *   0xD0 count: adds CDW10 to the count, which is durable before the completion; result: the count
 *   0xD1 read: result: the count, second word: the starts
 *   0xD2 sum, from 1.1.0 on: result: the sum of CDW10 words from PRP1 on
 * WITH_UPDATE those of update.c, too.
 */
#include "board.h"
#include "plain.h"

enum { COUNT = 0xd0, READ = 0xd1, SUM = 0xd2 };
enum { SUBMISSION_BYTES = 64, COMPLETION_BYTES = 16, SUM_WORDS_MAX = 4096 };

static volatile uint32_t *words_at(uint32_t address) { return (volatile uint32_t *)address; }

static struct answer sum(uint32_t from, uint32_t words) {
	uint32_t offset = from - HOST_MEMORY, total = 0;
	bool whole = words <= SUM_WORDS_MAX && offset % 4 == 0 && offset <= HOST_BYTES && words * 4 <= HOST_BYTES - offset;
	if (!whole) return (struct answer){ INVALID_FIELD, 0, 0 };
	for (uint32_t i = 0; i < words; i++) total += words_at(from)[i];
	return (struct answer){ SUCCESS, total, 0 };
}

static struct answer carry_out(uint32_t opcode, uint32_t from, uint32_t number) {
	switch (opcode) {
	case COUNT:
		record.count += number;
		record_store();
		return (struct answer){ SUCCESS, record.count, 0 };
	case READ:
		return (struct answer){ SUCCESS, record.count, record.starts };
	case SUM:
		if (WITH_SUM) return sum(from, number);
		/* fall through */
	default:
		return (struct answer){ INVALID_OPCODE, 0, 0 };
	}
}

#if WITH_UPDATE
static struct answer update(uint32_t opcode, uint32_t from, uint32_t number, uint32_t more) {
	if (opcode == FIRMWARE_COMMIT) return update_commit(number, more);
	if (opcode == FIRMWARE_IMAGE_DOWNLOAD) return update_download(from, number, more);
	return carry_out(opcode, from, number);
}
#else
#define update(opcode, from, number, more) carry_out(opcode, from, number)
#endif

bool queue_serve(void) {
	uint32_t mask = ENTRIES - 1, head = SQ_HEAD, tail = CQ_TAIL, next = (tail + 1) & mask;
	if (head == SQ_TAIL) return true;
	if (next == CQ_HEAD) return false;
	fence();
	const volatile uint32_t *entry = words_at(SQ_ADDRESS + head * SUBMISSION_BYTES);
	uint32_t first = entry[0], from = entry[6], number = entry[10];
#if WITH_UPDATE
	uint32_t more = entry[11];
#endif
	head = (head + 1) & mask;
	SQ_HEAD = head; /* before it is carried out: if it kills us, the next version does not meet it */
	struct answer answer = update(first & 0xff, from, number, more);
	volatile uint32_t *completion = words_at(CQ_ADDRESS + tail * COMPLETION_BYTES);
	completion[0] = answer.result;
	completion[1] = answer.result2;
	completion[2] = head;
	completion[3] = first >> 16 | answer.status << 17;
	fence();
	CQ_TAIL = next;
	return true;
}
