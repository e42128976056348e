/**
 * The firmware's headers say the same numbers as the TypeScript that stands for the hardware. Every number of theirs is
 * here: one that is new has to be put beside its counterpart.
 */
import { describe, expect, it } from "vitest";
import { InterruptBit } from "../../controller/cpu/engine.ts";
import { CapabilityBit } from "../../controller/devices/capabilities.ts";
import { ClintRegister } from "../../controller/devices/clint.ts";
import { FAIL } from "../../controller/devices/finisher.ts";
import { FlashCommand, FlashRegister } from "../../controller/devices/flash-controller.ts";
import { HostQueue } from "../../controller/devices/host-queue.ts";
import {
  COMMAND_ID_SHIFT,
  CompletionEntry,
  NvmeStatus,
  Opcode,
  STATUS_SHIFT,
  SubmissionEntry,
} from "../../controller/devices/nvme-spec.ts";
import { FlashRequest } from "../../controller/devices/region-flash.ts";
import { BootReason, StatusRegister } from "../../controller/devices/status.ts";
import { UartRegister } from "../../controller/devices/uart.ts";
import { KICK_VALUE, WatchdogRegister } from "../../controller/devices/watchdog.ts";
import { Control } from "../../emulator/memory/control.ts";
import { FlashStatus } from "../../emulator/memory/flash-posts.ts";
import {
  CLINT_BASE,
  FINISHER_BASE,
  FLASH_CONTROLLER_BASE,
  HOST_BASE,
  HOST_QUEUE_BASE,
  MTIME_HZ,
  NVRAM_BASE,
  STATUS_BASE,
  UART_BASE,
  WATCHDOG_BASE,
  WINDOW_BASE,
} from "../../emulator/memory/map.ts";
import { CQ_ENTRY_BYTES, SQ_ENTRY_BYTES } from "../../emulator/memory/queues.ts";
import { filesUnder, textOf } from "../sources.ts";

type Numbers = Record<string, number>;

/** Macros without parameters: the number that each is, or at which its register or block of registers lies. */
function macrosOf(text: string): Numbers {
  const found = [...text.matchAll(/^#define (\w+) (.+)$/gm)];
  return Object.fromEntries(
    found.map(([, name = "", value = ""]) => {
      const [, one, shift] = /(1)u << (\d+)/.exec(value) ?? [];
      if (shift !== undefined) return [name, Number(one) << Number(shift)];
      return [name, Number(value.match(/\b(?:0x[0-9a-f]+|\d+)(?=u?\b)/g)?.at(-1))];
    }),
  );
}

/** Members of all enums. */
function enumsOf(text: string): Numbers {
  const bodies = [...text.matchAll(/\benum \w* ?\{([^}]*)\}/g)].map(([, body = ""]) => body);
  const members = bodies.flatMap((body) => [...body.matchAll(/(\w+) = (\w+)/g)]);
  return Object.fromEntries(members.map(([, name = "", number]) => [name, Number(number)]));
}

/** Offset of each register, all of 32 bits, of the blocks that a struct describes. */
function registersOf(text: string, block: string): Numbers {
  const [, body = ""] = new RegExp(`struct ${block} \\{([^}]*)\\}`).exec(text) ?? [];
  const names = [...body.matchAll(/volatile uint32_t (\w+);/g)].map(([, name = ""]) => name);
  return Object.fromEntries(names.map((name, index) => [name, index * 4]));
}

const hardware = textOf("controller/firmware/hardware.h");
const nvme = textOf("controller/firmware/nvme.h");

describe("hardware.h", () => {
  it("has each address and value as the emulator has it", () => {
    expect(macrosOf(hardware)).toEqual({
      FINISHER: FINISHER_BASE,
      FINISH_FAIL: FAIL,
      CLINT_MSIP: CLINT_BASE + ClintRegister.MSIP,
      CLINT_MTIMECMP_LO: CLINT_BASE + ClintRegister.MTIMECMP_LO,
      CLINT_MTIMECMP_HI: CLINT_BASE + ClintRegister.MTIMECMP_HI,
      CLINT_MTIME_LO: CLINT_BASE + ClintRegister.MTIME_LO,
      CLINT_MTIME_HI: CLINT_BASE + ClintRegister.MTIME_HI,
      MTIME_HZ,
      UART_THR: UART_BASE + UartRegister.DATA,
      UART_FCR: UART_BASE + UartRegister.INTERRUPT_ID,
      UART_LCR: UART_BASE + UartRegister.LINE_CONTROL,
      UART_LSR: UART_BASE + UartRegister.LINE_STATUS,
      // The data sheet's; the emulator's UART has no use for a word length or for the depth of a FIFO.
      UART_LCR_8N1: 0x03,
      UART_FCR_ENABLE: 0x01,
      UART_FIFO_BYTES: 16,
      UART_LSR_THRE: 0x20,
      WATCHDOG: WATCHDOG_BASE,
      WATCHDOG_KICK: KICK_VALUE,
      STATUS: STATUS_BASE,
      QUEUE: HOST_QUEUE_BASE,
      FLASH: FLASH_CONTROLLER_BASE,
      WINDOW_BASE,
      NVRAM_BASE,
      HOST_BASE,
      NOWHERE: 0x6000_0000,
      MSTATUS_MIE: 1 << 3,
      INTERRUPT_SOFTWARE: Math.log2(InterruptBit.SOFTWARE),
      INTERRUPT_TIMER: Math.log2(InterruptBit.TIMER),
      INTERRUPT_EXTERNAL: Math.log2(InterruptBit.EXTERNAL),
    });
  });

  it("has the reasons of a start, the capabilities, and what the flash controller takes and tells, as the devices do", () => {
    expect(enumsOf(hardware)).toEqual({
      BOOT_POWER_ON: BootReason.POWER_ON,
      BOOT_FAILOVER: BootReason.FAILOVER,
      BOOT_RESTART: BootReason.RESTART,
      BOOT_ACTIVATION: BootReason.ACTIVATION,
      BOOT_ROLL_BACK: BootReason.ROLL_BACK,
      CAPABILITY_DECLARED: CapabilityBit.DECLARED,
      CAPABILITY_QUEUE: CapabilityBit.QUEUE,
      CAPABILITY_COMMANDS: CapabilityBit.COMMANDS,
      CAPABILITY_INJECT: CapabilityBit.INJECT,
      CAPABILITY_RECORD: CapabilityBit.RECORD,
      CAPABILITY_UPDATE: CapabilityBit.UPDATE,
      FLASH_PROGRAM: FlashCommand.PROGRAM,
      FLASH_ERASE: FlashCommand.ERASE,
      FLASH_READ: FlashCommand.READ,
      FLASH_IS_ERASED: FlashCommand.IS_ERASED,
      FLASH_VERIFY: FlashCommand.VERIFY,
      FLASH_BEGIN: FlashRequest.BEGIN,
      FLASH_END: FlashRequest.END,
      FLASH_ACTIVATE: FlashRequest.ACTIVATE,
      FLASH_BUSY: FlashStatus.NONE,
      FLASH_DONE: FlashStatus.DONE,
      FLASH_MISALIGNED: FlashStatus.MISALIGNED,
      FLASH_RANGE: FlashStatus.RANGE,
      FLASH_REFUSED: FlashStatus.REFUSED,
      FLASH_NOT_ERASED: FlashStatus.NOT_ERASED,
      FLASH_FAILED: FlashStatus.FAILED,
      FLASH_DIFFERS: FlashStatus.DIFFERS,
    });
  });

  it("has the registers of the watchdog in their places", () => {
    expect(registersOf(hardware, "watchdog_registers")).toEqual({
      period: WatchdogRegister.PERIOD,
      window: WatchdogRegister.WINDOW,
      kick: WatchdogRegister.KICK,
    });
  });

  it("has the registers of the status block in their places", () => {
    expect(registersOf(hardware, "status_registers")).toEqual({
      boot_reason: StatusRegister.BOOT_REASON,
      boot_epoch: StatusRegister.BOOT_EPOCH,
      region: StatusRegister.REGION,
      trial: StatusRegister.TRIAL,
      ready: StatusRegister.READY,
      confirm: StatusRegister.CONFIRM,
      fault: StatusRegister.FAULT,
      capabilities: StatusRegister.CAPABILITIES,
    });
  });

  it("has the registers of the flash controller in their places", () => {
    expect(registersOf(hardware, "flash_registers")).toEqual({
      device: FlashRegister.DEVICE,
      bytes: FlashRegister.BYTES,
      write_block: FlashRegister.WRITE_BLOCK,
      traits: FlashRegister.TRAITS,
      query: FlashRegister.QUERY,
      sector_offset: FlashRegister.SECTOR_OFFSET,
      sector_bytes: FlashRegister.SECTOR_BYTES,
      key: FlashRegister.KEY,
      offset: FlashRegister.OFFSET,
      length: FlashRegister.LENGTH,
      memory: FlashRegister.MEMORY,
      command: FlashRegister.COMMAND,
      status: FlashRegister.STATUS,
      fail_offset: FlashRegister.FAIL_OFFSET,
      protect: FlashRegister.PROTECT,
      interrupt: FlashRegister.INTERRUPT,
      request: FlashRegister.REQUEST,
    });
  });

  it("has the registers of the host queue in their places", () => {
    const control = new Int32Array(Control.WORDS);
    const words: Numbers = {
      sq_address: Control.SQ_ADDRESS,
      cq_address: Control.CQ_ADDRESS,
      entries: Control.QUEUE_ENTRIES,
      sq_tail: Control.SQ_TAIL,
      sq_head: Control.SQ_HEAD,
      cq_tail: Control.CQ_TAIL,
      cq_head: Control.CQ_HEAD,
    };
    for (const word of Object.values(words)) control[word] = word;
    const hostBytes = 0x1_0000;
    const board = {
      bootEpoch: 0,
      nowTicks: () => 0,
      timeTold: () => undefined,
      catchUp: () => 0,
      changed: () => {},
      stop: () => {},
      ring: () => {},
    };
    const queue = new HostQueue(control, hostBytes, board);
    const registers = registersOf(hardware, "queue_registers");
    const loaded = Object.entries(registers).map(([name, offset]) => [name, queue.load(offset)]);
    expect(Object.fromEntries(loaded)).toEqual({ ...words, host_bytes: hostBytes });
  });
});

describe("nvme.h", () => {
  it("has opcodes, statuses and the words of entries as nvme-spec.ts has them", () => {
    expect(enumsOf(nvme)).toEqual({
      OPCODE_FLUSH: Opcode.FLUSH,
      OPCODE_FIRMWARE_COMMIT: Opcode.FIRMWARE_COMMIT,
      OPCODE_FIRMWARE_IMAGE_DOWNLOAD: Opcode.FIRMWARE_IMAGE_DOWNLOAD,
      OPCODE_XOR_PARITY: Opcode.XOR_PARITY,
      OPCODE_CRC32C: Opcode.CRC32C,
      OPCODE_COPY: Opcode.COPY,
      OPCODE_IDENTIFY: Opcode.IDENTIFY,
      OPCODE_INJECT_FAULT: Opcode.INJECT_FAULT,
      SUCCESS: NvmeStatus.SUCCESS,
      INVALID_OPCODE: NvmeStatus.INVALID_OPCODE,
      INVALID_FIELD: NvmeStatus.INVALID_FIELD,
      INTERNAL_ERROR: NvmeStatus.INTERNAL_ERROR,
      SUBMISSION_SOURCE: SubmissionEntry.SOURCE,
      SUBMISSION_DESTINATION: SubmissionEntry.DESTINATION,
      SUBMISSION_CDW10: SubmissionEntry.CDW10,
      SUBMISSION_CDW11: SubmissionEntry.CDW11,
      SUBMISSION_WORDS: SubmissionEntry.WORDS,
      COMPLETION_RESULT: CompletionEntry.RESULT,
      COMPLETION_RESULT2: CompletionEntry.RESULT2,
      COMPLETION_SQ_HEAD: CompletionEntry.SQ_HEAD,
      COMPLETION_ID_AND_STATUS: CompletionEntry.ID_AND_STATUS,
      COMPLETION_WORDS: CompletionEntry.WORDS,
    });
    expect(macrosOf(nvme)).toEqual({ COMMAND_ID_SHIFT, STATUS_SHIFT });
  });

  it("has entries as long as the queues' places allow", () => {
    expect(enumsOf(nvme)).toMatchObject({
      SUBMISSION_WORDS: SQ_ENTRY_BYTES / 4,
      COMPLETION_WORDS: CQ_ENTRY_BYTES / 4,
    });
  });
});

it("no other file of the firmware has an address of its own", () => {
  // The programs in bench/ run on other machines, too.
  const sources = filesUnder("controller/firmware").filter((path) => /firmware\/[^/]+\.[ch]$/.test(path));
  const withAddress = sources.filter((path) => /\*\) ?(?:0x|\d)/.test(textOf(path)));
  expect(withAddress).toEqual(["controller/firmware/hardware.h"]);
});
