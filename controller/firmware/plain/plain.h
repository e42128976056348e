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

struct answer {
	uint32_t status, result, result2;
};
enum { SUCCESS = 0, INVALID_OPCODE = 1, INVALID_FIELD = 2, INTERNAL_ERROR = 6 };

/* main.c, WITH_UPDATE: what is due while something takes its time; returns when there may be news. */
void pass_time(void);

/* update.c, WITH_UPDATE: Firmware Image Download and Firmware Commit. */
enum { FIRMWARE_COMMIT = 0x10, FIRMWARE_IMAGE_DOWNLOAD = 0x11 };
struct answer update_download(uint32_t from, uint32_t dwords, uint32_t at);
struct answer update_commit(uint32_t slot_and_action, uint32_t without_begin);

/* queue.c */
/* Serves one command; false when it could not, since the host must take completions first. */
bool queue_serve(void);

#endif
