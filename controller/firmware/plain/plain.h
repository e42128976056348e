/* What the four files of this firmware offer each other. */
#ifndef PLAIN_H
#define PLAIN_H

#include <stdbool.h>
#include <stdint.h>

/* Why the firmware gives up, in FAULT; an exception is 0x100 + mcause (start.S). */
enum { FAILED_SELF_TEST = 0x50 };

/* selftest.c: false when RAM or the CRC is not what it should be. */
bool self_test(void);
/* CRC-32 as in Ethernet, over `words` words. */
uint32_t crc32(const uint32_t *from, uint32_t words);

/* record.c: what this firmware remembers over a loss of power. */
struct record {
	uint32_t sequence; /* of the stores; the higher slot counts */
	uint32_t starts;
	uint32_t count; /* of what the host wanted counted */
};
extern struct record record;
/* Reads the record, or begins one. */
void record_start(void);
/* Makes `record` durable. When it returns power may go. */
void record_store(void);

/* queue.c */
/* Serves one command; false when it could not, since the host must take completions first. */
bool queue_serve(void);

#endif
