/*
 * The controller's registers as docs/hardware.md describes them, and the few instructions that C has no words
 * for. Every register is 32 bits wide, but the UART's.
 */
#ifndef HARDWARE_H
#define HARDWARE_H

#include <stdint.h>

/* SiFive test finisher. */
#define FINISHER (*(volatile uint32_t *)0x00100000)
#define FINISH_FAIL 0x3333u

/* CLINT. */
#define CLINT_MSIP (*(volatile uint32_t *)0x02000000)
#define CLINT_MTIMECMP_LO (*(volatile uint32_t *)0x02004000)
#define CLINT_MTIMECMP_HI (*(volatile uint32_t *)0x02004004)
#define CLINT_MTIME_LO (*(volatile uint32_t *)0x0200bff8)
#define CLINT_MTIME_HI (*(volatile uint32_t *)0x0200bffc)
#define MTIME_HZ 10000000u

/* UART 16550. */
#define UART_THR (*(volatile uint8_t *)0x10000000)
#define UART_FCR (*(volatile uint8_t *)0x10000002)
#define UART_LCR (*(volatile uint8_t *)0x10000003)
#define UART_LSR (*(volatile uint8_t *)0x10000005)
#define UART_LCR_8N1 0x03
#define UART_FCR_ENABLE 0x01
#define UART_LSR_THRE 0x20
#define UART_FIFO_BYTES 16

struct watchdog_registers {
	volatile uint32_t period; /* microseconds */
	volatile uint32_t window; /* microseconds */
	volatile uint32_t kick;
};
#define WATCHDOG ((struct watchdog_registers *)0x10010000)
#define WATCHDOG_KICK 0x5au

struct status_registers {
	volatile uint32_t boot_reason;
	volatile uint32_t boot_epoch;
	volatile uint32_t region;
	volatile uint32_t trial;
	volatile uint32_t ready;
	volatile uint32_t confirm;
	volatile uint32_t fault;
	volatile uint32_t capabilities;
};
enum boot_reason {
	BOOT_POWER_ON = 1,
	BOOT_FAILOVER = 2,
	BOOT_RESTART = 3,
	BOOT_ACTIVATION = 4,
	BOOT_ROLL_BACK = 5,
};
/* Bits of capabilities: what may be asked of this version. */
enum capability {
	CAPABILITY_DECLARED = 0x01, /* the others count */
	CAPABILITY_QUEUE = 0x02,
	CAPABILITY_COMMANDS = 0x04,
	CAPABILITY_INJECT = 0x08,
	CAPABILITY_RECORD = 0x10,
	CAPABILITY_UPDATE = 0x20, /* Firmware Image Download and Firmware Commit */
};
#define STATUS ((struct status_registers *)0x10020000)

struct queue_registers {
	volatile uint32_t sq_address;
	volatile uint32_t cq_address;
	volatile uint32_t entries;
	volatile uint32_t sq_tail;
	volatile uint32_t sq_head;
	volatile uint32_t cq_tail;
	volatile uint32_t cq_head;
	volatile uint32_t host_bytes;
};
#define QUEUE ((struct queue_registers *)0x10040000)

#define WINDOW_BASE 0x20000000u
#define NVRAM_BASE 0x30000000u
#define HOST_BASE 0x40000000u

/* Addresses at which nothing answers. */
#define NOWHERE 0x60000000u

#define MSTATUS_MIE (1u << 3)
/* Bits of mie and mip; the bit's number is the interrupt's. */
#define INTERRUPT_SOFTWARE 3u
#define INTERRUPT_TIMER 7u
#define INTERRUPT_EXTERNAL 11u

#define csr_write(csr, value) __asm__ volatile("csrw " #csr ", %0" ::"rK"(value) : "memory")
#define csr_set(csr, bits) __asm__ volatile("csrs " #csr ", %0" ::"rK"(bits) : "memory")
#define csr_clear(csr, bits) __asm__ volatile("csrc " #csr ", %0" ::"rK"(bits) : "memory")

static inline void wait_for_interrupt(void) { __asm__ volatile("wfi" ::: "memory"); }
/* What a doorbell announces is read after it; what a doorbell is to announce is written before it. */
static inline void after_doorbell(void) { __asm__ volatile("fence i, r" ::: "memory"); }
static inline void before_doorbell(void) { __asm__ volatile("fence w, o" ::: "memory"); }

/* Flash of the regions: device n is region n. */
struct flash_registers {
	volatile uint32_t device;
	volatile uint32_t bytes;
	volatile uint32_t write_block;
	volatile uint32_t traits;
	volatile uint32_t query;
	volatile uint32_t sector_offset;
	volatile uint32_t sector_bytes;
	volatile uint32_t key;
	volatile uint32_t offset;
	volatile uint32_t length;
	volatile uint32_t memory;
	volatile uint32_t command;
	volatile uint32_t status;
	volatile uint32_t fail_offset;
	volatile uint32_t protect;
	volatile uint32_t interrupt;
	volatile uint32_t request;
};
enum flash_command {
	FLASH_PROGRAM = 1,
	FLASH_ERASE = 2,
	FLASH_READ = 3,
	FLASH_IS_ERASED = 4,
	FLASH_VERIFY = 5,
};
/* First begin, then erase and program, then end: it is valid if it verifies. */
enum flash_request {
	FLASH_BEGIN = 1,
	FLASH_END = 2,
	FLASH_ACTIVATE = 3,
};
enum flash_status {
	FLASH_BUSY = 0,
	FLASH_DONE = 1,
	FLASH_MISALIGNED = 8,
	FLASH_RANGE = 9,
	FLASH_REFUSED = 10,
	FLASH_NOT_ERASED = 11,
	FLASH_FAILED = 14,
	FLASH_DIFFERS = 15,
};
#define FLASH ((struct flash_registers *)0x10030000)

#endif
