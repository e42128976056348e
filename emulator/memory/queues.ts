/** Where the host queue pair lies in host memory. Its indices are words of the control block (control.ts). */
import { HOST_BASE } from "./map.ts";

/** Of each queue; a power of two. */
export const QUEUE_ENTRIES = 256;
export const SQ_ENTRY_BYTES = 64;
export const CQ_ENTRY_BYTES = 16;
export const SQ_PHYSICAL = HOST_BASE;
export const CQ_PHYSICAL = HOST_BASE + QUEUE_ENTRIES * SQ_ENTRY_BYTES;
/** Bytes of host memory before the first buffer. */
export const QUEUE_BYTES = QUEUE_ENTRIES * (SQ_ENTRY_BYTES + CQ_ENTRY_BYTES);
