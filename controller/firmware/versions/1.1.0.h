/* 1.1.0: faster. Sliced CRC, unrolled parity, completions posted in batches. */
#define VERSION_MAJOR 1
#define VERSION_MINOR 1
#define VERSION_REVISION 0
#define COMPLETION_BATCH 8
#define TRACE 0
