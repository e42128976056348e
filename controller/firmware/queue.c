/*
 * The host queue: NVMe-shaped submission and completion queues in host memory, indices in registers.
 *
 * The head is advanced as soon as a command is fetched, before it is carried out: a command that kills this
 * version is not met again by the next. Completions are posted COMPLETION_BATCH at a time, and all of them
 * before the queue counts as served.
 */
#include "firmware.h"
#include "hardware.h"

struct submission {
	volatile uint32_t words[SUBMISSION_WORDS];
};

struct completion {
	volatile uint32_t words[COMPLETION_WORDS];
};

static const struct submission *submissions;
static struct completion *completions;
static uint32_t mask; /* entries - 1 */
static uint32_t sq_head, sq_tail, cq_head, cq_tail;
static uint32_t unposted; /* completions written that the host was not told of */
static uint32_t served;

static bool lies_in_host_memory(uint32_t address, uint32_t bytes) {
	uint32_t offset = address - HOST_BASE;
	return (address & 3) == 0 && offset < QUEUE->host_bytes && bytes <= QUEUE->host_bytes - offset;
}

void queue_start(void) {
	uint32_t entries = QUEUE->entries;
	bool sane = entries >= 2 && entries <= 65536 && (entries & (entries - 1)) == 0 &&
		    lies_in_host_memory(QUEUE->sq_address, entries * sizeof(struct submission)) &&
		    lies_in_host_memory(QUEUE->cq_address, entries * sizeof(struct completion));
	if (!sane) {
		/* Another version would be no better off: serve nothing, but stay up. */
		if (entries != 0) uart_text("host queue refused\n");
		return;
	}
	submissions = (const struct submission *)QUEUE->sq_address;
	completions = (struct completion *)QUEUE->cq_address;
	mask = entries - 1;
	sq_head = sq_tail = QUEUE->sq_head & mask;
	cq_tail = QUEUE->cq_tail & mask;
	cq_head = QUEUE->cq_head & mask;
}

/* Makes all completions visible to the host. */
static void post_all(void) {
	if (unposted == 0) return;
	nvram_add_served(unposted);
	unposted = 0;
	before_doorbell();
	QUEUE->cq_tail = cq_tail;
}

static bool queue_empty(void) {
	if (sq_head == sq_tail) {
		sq_tail = QUEUE->sq_tail & mask;
		after_doorbell();
	}
	return sq_head == sq_tail;
}

static bool completions_full(void) {
	uint32_t next = (cq_tail + 1) & mask;
	if (next == cq_head) cq_head = QUEUE->cq_head & mask;
	return next == cq_head;
}

static struct command fetch(void) {
	const volatile uint32_t *words = submissions[sq_head].words;
	uint32_t first = words[0];
	struct command command = {
		.opcode = (uint8_t)first,
		.id = (uint16_t)(first >> COMMAND_ID_SHIFT),
		.source = words[SUBMISSION_SOURCE],
		.destination = words[SUBMISSION_DESTINATION],
		.cdw10 = words[SUBMISSION_CDW10],
		.cdw11 = words[SUBMISSION_CDW11],
	};
	sq_head = (sq_head + 1) & mask;
	QUEUE->sq_head = sq_head;
	return command;
}

static void complete(const struct command *command, const struct result *result) {
	volatile uint32_t *words = completions[cq_tail].words;
	words[COMPLETION_RESULT] = result->words[0];
	words[COMPLETION_RESULT2] = result->words[1];
	words[COMPLETION_SQ_HEAD] = sq_head;
	words[COMPLETION_ID_AND_STATUS] = command->id | (uint32_t)result->status << STATUS_SHIFT;
	cq_tail = (cq_tail + 1) & mask;
	served++;
	work_done++;
	if (++unposted == COMPLETION_BATCH) post_all();
}

bool queue_serve(void) {
	if (mask == 0) return false;
	while (!queue_empty()) {
		if (completions_full()) {
			post_all();
			return false;
		}
		struct command command = fetch();
		/* What was carried out before is told to the host first: it did not fail. */
		if (is_last_word(&command)) post_all();
		struct result result = execute(&command, served);
		complete(&command, &result);
#if TRACE
		trace_command(&command, result.status);
#endif
		housekeeping();
	}
	post_all();
	return true;
}
