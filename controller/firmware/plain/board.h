/*
 * The board, as much of it as this firmware uses; docs/hardware.md has all of it. Registers of 32 bits, the UART's of 8.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

#define REG8(address) (*(volatile uint8_t *)(address))
#define REG32(address) (*(volatile uint32_t *)(address))

#define MTIMECMP_LO REG32(0x02004000)
#define MTIMECMP_HI REG32(0x02004004)
#define MTIME_LO REG32(0x0200bff8)
#define MTIME_HI REG32(0x0200bffc)
#define TICKS_PER_MS 10000u

#define UART_DATA REG8(0x10000000)

#define WATCHDOG_PERIOD REG32(0x10010000)
#define WATCHDOG_KICK REG32(0x10010008)
#define KICK 0x5au

#define BOOT_REASON REG32(0x10020000)
#define TRIAL REG32(0x1002000c)
#define READY REG32(0x10020010)
#define CONFIRM REG32(0x10020014)
#define FAULT REG32(0x10020018)
#define CAPABILITIES REG32(0x1002001c)
#define CAN_DECLARED 1u
#define CAN_QUEUE 2u
#define CAN_UPDATE 32u

/* Flash of the regions: the one that DEVICE names. */
#define FLASH_DEVICE REG32(0x10030000)
#define FLASH_BYTES REG32(0x10030004)
#define FLASH_WRITE_BLOCK REG32(0x10030008)
#define FLASH_OFFSET REG32(0x10030020)
#define FLASH_LENGTH REG32(0x10030024)
#define FLASH_MEMORY REG32(0x10030028)
#define FLASH_COMMAND REG32(0x1003002c)
#define FLASH_PROGRAM 1u
#define FLASH_ERASE 2u
#define FLASH_VERIFY 5u
#define FLASH_STATUS REG32(0x10030030)
#define FLASH_DONE 1u
#define FLASH_INTERRUPT REG32(0x1003003c)
#define FLASH_REQUEST REG32(0x10030040)
#define FLASH_BEGIN 1u
#define FLASH_END 2u
#define FLASH_ACTIVATE 3u

#define SQ_ADDRESS REG32(0x10040000)
#define CQ_ADDRESS REG32(0x10040004)
#define ENTRIES REG32(0x10040008)
#define SQ_TAIL REG32(0x1004000c)
#define SQ_HEAD REG32(0x10040010)
#define CQ_TAIL REG32(0x10040014)
#define CQ_HEAD REG32(0x10040018)
#define HOST_BYTES REG32(0x1004001c)

#define NVRAM 0x30000000u
#define HOST_MEMORY 0x40000000u

/* Bits of mie. */
#define TIMER (1u << 7)
#define EXTERNAL (1u << 11)

/* Interrupts are never taken: mstatus.MIE stays 0, and mie says only what ends a wfi. */
static inline void wait_for(uint32_t what) {
	__asm__ volatile("csrw mie, %0\n\twfi" ::"r"(what) : "memory");
}
static inline void fence(void) { __asm__ volatile("fence" ::: "memory"); }

#endif
