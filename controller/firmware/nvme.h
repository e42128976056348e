/*
 * Numbers of the host queue's entries and commands: controller/devices/nvme-spec.ts has the same, with their source.
 */
#ifndef NVME_H
#define NVME_H

enum opcode {
	OPCODE_FLUSH = 0x00,
	OPCODE_FIRMWARE_COMMIT = 0x10,
	OPCODE_FIRMWARE_IMAGE_DOWNLOAD = 0x11,
	OPCODE_XOR_PARITY = 0xc0,
	OPCODE_CRC32C = 0xc1,
	OPCODE_COPY = 0xc2,
	OPCODE_IDENTIFY = 0xc3,
	OPCODE_INJECT_FAULT = 0xe0,
};

/* Generic command status. */
enum status { SUCCESS = 0, INVALID_OPCODE = 0x01, INVALID_FIELD = 0x02, INTERNAL_ERROR = 0x06 };

/* Words of a submission entry. */
enum submission_entry {
	SUBMISSION_SOURCE = 6,
	SUBMISSION_DESTINATION = 8,
	SUBMISSION_CDW10 = 10,
	SUBMISSION_CDW11 = 11,
	SUBMISSION_WORDS = 16,
};
/* The command's id in the first word. */
#define COMMAND_ID_SHIFT 16

/* Words of a completion entry. */
enum completion_entry {
	COMPLETION_RESULT = 0,
	COMPLETION_RESULT2 = 1,
	COMPLETION_SQ_HEAD = 2,
	COMPLETION_ID_AND_STATUS = 3,
	COMPLETION_WORDS = 4,
};
/* The status in the last word. */
#define STATUS_SHIFT 17

#endif
