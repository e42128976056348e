/* 1.0.0: the simplest thing that works. One completion, one doorbell. */
#define VERSION_MAJOR 1
#define VERSION_MINOR 0
#define VERSION_REVISION 0
#define COMPLETION_BATCH 1
#define TRACE 0
