/* 1.2.0: 1.1.0 and a trace of the last commands (trace.c), with a bug in it. */
#define VERSION_MAJOR 1
#define VERSION_MINOR 2
#define VERSION_REVISION 0
#define COMPLETION_BATCH 8
#define TRACE 1
