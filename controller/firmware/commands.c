/*
 * The host's commands. What the host says is checked before it is believed: buffers lie in host memory, a source
 * does not overlap its destination. Long ones are done in pieces, so that the watchdog and the scrub get their turn.
 */
#include "firmware.h"
#include "hardware.h"

enum { PIECE_BYTES = 4096 };

static bool in_host_memory(uint32_t address, uint32_t bytes) {
	uint32_t offset = address - HOST_BASE, host_bytes = QUEUE->host_bytes;
	return offset <= host_bytes && bytes <= host_bytes - offset;
}

/* Both are known to lie in host memory, so the sums do not overflow. */
static bool disjoint(uint32_t a, uint32_t a_bytes, uint32_t b, uint32_t b_bytes) {
	return a + a_bytes <= b || b + b_bytes <= a;
}

static uint8_t *pointer(uint32_t address) { return (uint8_t *)(uintptr_t)address; }

static uint32_t piece(uint32_t bytes) { return bytes < PIECE_BYTES ? bytes : PIECE_BYTES; }

static void piece_done(void) {
	work_done++;
	housekeeping();
}

static enum status do_crc(const struct command *c, struct result *result) {
	uint32_t at = c->source, left = c->cdw10, crc = CRC32C_START;
	if (!in_host_memory(at, left)) return INVALID_FIELD;
	for (uint32_t bytes; (bytes = piece(left)) != 0; at += bytes, left -= bytes) {
		crc = crc32c_update(crc, pointer(at), bytes);
		piece_done();
	}
	result->words[0] = ~crc;
	return SUCCESS;
}

static enum status do_copy(const struct command *c) {
	uint32_t from = c->source, to = c->destination, left = c->cdw10;
	if (!in_host_memory(from, left) || !in_host_memory(to, left)) return INVALID_FIELD;
	if (!disjoint(from, left, to, left)) return INVALID_FIELD;
	for (uint32_t bytes; (bytes = piece(left)) != 0; from += bytes, to += bytes, left -= bytes) {
		copy(pointer(to), pointer(from), bytes);
		piece_done();
	}
	return SUCCESS;
}

static enum status do_parity(const struct command *c, struct result *result) {
	uint32_t size = c->cdw10, sources = c->cdw11, to = c->destination, crc = CRC32C_START;
	if (sources == 0 || !in_host_memory(to, size)) return INVALID_FIELD;
	if (size != 0 && sources > QUEUE->host_bytes / size) return INVALID_FIELD;
	if (!in_host_memory(c->source, size * sources)) return INVALID_FIELD;
	if (!disjoint(c->source, size * sources, to, size)) return INVALID_FIELD;
	for (uint32_t done = 0, bytes; (bytes = piece(size - done)) != 0; done += bytes) {
		uint32_t from = c->source + done;
		copy(pointer(to + done), pointer(from), bytes);
		for (uint32_t i = 1; i < sources; i++) {
			from += size;
			xor_into(pointer(to + done), pointer(from), bytes);
			piece_done();
		}
		crc = crc32c_update(crc, pointer(to + done), bytes);
		piece_done();
	}
	result->words[0] = ~crc;
	return SUCCESS;
}

static enum status do_identify(struct result *result, uint32_t served) {
	result->words[0] = VERSION_MAJOR << 24 | VERSION_MINOR << 16 | VERSION_REVISION;
	result->words[1] = served;
	return SUCCESS;
}

static enum status do_inject_fault(const struct command *c) {
	commit_fault(c->cdw10);
	return INVALID_FIELD;
}

bool is_last_word(const struct command *c) { return c->opcode == OPCODE_INJECT_FAULT; }

struct result execute(const struct command *c, uint32_t served) {
	struct result result = { SUCCESS, { 0, 0 } };
	switch (c->opcode) {
	case OPCODE_FLUSH: break;
	case OPCODE_XOR_PARITY: result.status = do_parity(c, &result); break;
	case OPCODE_CRC32C: result.status = do_crc(c, &result); break;
	case OPCODE_COPY: result.status = do_copy(c); break;
	case OPCODE_IDENTIFY: result.status = do_identify(&result, served); break;
	case OPCODE_INJECT_FAULT: result.status = do_inject_fault(c); break;
	default: result.status = INVALID_OPCODE; break;
	}
	return result;
}
