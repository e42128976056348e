/**
 * Numbers of the host queue's entries and commands, and nothing else. Those that the NVM Express Base Specification,
 * revision 2.0, gives are named as there; what is the reference firmware's own is in docs/hardware.md. The firmware
 * has the same numbers in controller/firmware/nvme.h.
 */

/** Bits 7:0 of command dword 0. Flush, Firmware Commit and Firmware Image Download are NVMe's; from 0x80 on opcodes are the vendor's. */
export const enum Opcode {
  FLUSH = 0x00,
  FIRMWARE_COMMIT = 0x10,
  FIRMWARE_IMAGE_DOWNLOAD = 0x11,
  XOR_PARITY = 0xc0,
  CRC32C = 0xc1,
  COPY = 0xc2,
  IDENTIFY = 0xc3,
  INJECT_FAULT = 0xe0,
}

/** Bits 5:3 of CDW10 of a Firmware Commit; bits 2:0 are the slot, which is 1 for region 0. */
export const enum CommitAction {
  REPLACE = 0,
  REPLACE_AND_ACTIVATE = 1,
  ACTIVATE = 2,
}
export const COMMIT_ACTION_SHIFT = 3;

/** Status Code, generic command status values. */
export const enum NvmeStatus {
  SUCCESS = 0x00,
  INVALID_OPCODE = 0x01,
  INVALID_FIELD = 0x02,
  INTERNAL_ERROR = 0x06,
  ABORT_REQUESTED = 0x07,
}

/** A submission queue entry: words. */
export const enum SubmissionEntry {
  /** PRP1, lower word. */
  SOURCE = 6,
  /** PRP2, lower word. */
  DESTINATION = 8,
  CDW10 = 10,
  CDW11 = 11,
  WORDS = 16,
}

/** The command identifier in the first word of a submission entry. */
export const COMMAND_ID_SHIFT = 16;

/** A completion queue entry: words. */
export const enum CompletionEntry {
  RESULT = 0,
  RESULT2 = 1,
  SQ_HEAD = 2,
  ID_AND_STATUS = 3,
  WORDS = 4,
}

/** The status in the last word of a completion entry: behind the command identifier and the phase tag. */
export const STATUS_SHIFT = 17;
