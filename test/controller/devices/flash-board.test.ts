/** The flash devices of a boot loader's board on a machine: a program polls one, and sleeps until the other interrupts. */
import { expect, it } from "vitest";
import { BARE_BOARD, type BoardPlan } from "../../../controller/boards.ts";
import { CfiFlash } from "../../../controller/devices/cfi-flash.ts";
import { COUNTER_BLOCK_WORDS, CounterBlock } from "../../../controller/devices/counters.ts";
import {
  FlashCommand,
  FlashController,
  FlashRegister,
} from "../../../controller/devices/flash-controller.ts";
import { PlainWords } from "../../../controller/devices/persistent-words.ts";
import { RETAINED_WORDS, ResetBlock } from "../../../controller/devices/reset-block.ts";
import { Uart } from "../../../controller/devices/uart.ts";
import { Watchdog } from "../../../controller/devices/watchdog.ts";
import { MachineStop } from "../../../controller/machine.ts";
import { BytesFlashPort } from "../../../emulator/flash/flash.ts";
import { FlashChip } from "../../../emulator/flash/flash-chip.ts";
import {
  COUNTERS_BASE,
  FLASH_BASE,
  FLASH_CONTROLLER_BASE,
  FLASH_STRIDE,
  RESET_BLOCK_BASE,
  UART_BASE,
  WATCHDOG_BASE,
} from "../../../emulator/memory/map.ts";
import * as asm from "../support/assembler.ts";
import { A0, A1, A2, inRam, S0, T0 } from "../support/machines.ts";

const ERASE_US = 500;
const MTIME = 0x0200_bff8;
const MIE_EXTERNAL = 1 << 11;

function board() {
  const flash = [0, 1].map(() => new Uint8Array(FLASH_STRIDE));
  const times = { eraseUs: ERASE_US, programUs: 5 };
  const sectors = [{ count: 128, bytes: 0x4_0000 }];
  const chips = flash.map((bytes) => {
    const geometry = { sectors, writeBlockBytes: 4, erasedByte: 0xff, program: "and" } as const;
    return new FlashChip(new BytesFlashPort(bytes, () => undefined), geometry);
  });
  const plan: BoardPlan = {
    ...BARE_BOARD,
    devices: ({ state, board: machine, line = { send: () => undefined, receive: () => -1 } }) => {
      const memory = { read: () => undefined, store: () => false };
      const devices = chips.map((chip) => ({ chip, times, whileBusy: "stall", isMapped: true }) as const);
      const options = { devices, memory, atReset: "ends" } as const;
      const bank = { times, atReset: "ends", isResetWired: true } as const;
      const retained = new PlainWords(new Int32Array(RETAINED_WORDS));
      return [
        [UART_BASE, new Uart(state, line, machine)],
        [WATCHDOG_BASE, new Watchdog(state, machine)],
        [FLASH_CONTROLLER_BASE, new FlashController(state, options, machine)],
        [COUNTERS_BASE, new CounterBlock(state, new PlainWords(new Int32Array(COUNTER_BLOCK_WORDS)))],
        [RESET_BLOCK_BASE, new ResetBlock(state, { retained, warmReset: () => undefined })],
        ...chips.map((chip, index) => {
          return [
            FLASH_BASE + index * FLASH_STRIDE,
            new CfiFlash(state, `bank ${index}`, chip, bank, machine),
          ] as const;
        }),
      ];
    },
  };
  return { plan, flash };
}

/** Ticks from before to behind `made`, into the register. */
function timed(program: asm.Program, register: number, made: (program: asm.Program) => void): void {
  program.li(T0, MTIME).words(asm.load("lw", register, 0, T0));
  made(program);
  program.li(T0, MTIME).words(asm.load("lw", T0, 0, T0), asm.r("sub", register, T0, register));
}

it("an erase takes its time, whether a program polls for its end or waits for its interrupt", () => {
  const { plan, flash } = board();
  const program = new asm.Program();
  timed(program, S0, (polls) => {
    polls
      .li(A0, FLASH_BASE + FLASH_STRIDE)
      .li(A1, 0x0020_0020)
      .words(asm.store("sw", A1, 0, A0))
      .li(A1, 0x00d0_00d0)
      .words(asm.store("sw", A1, 0, A0))
      .li(A2, 0x0080_0080)
      .label("poll")
      .words(asm.load("lw", A1, 0, A0))
      .branch("bne", A1, A2, "poll");
  });
  timed(program, 9, (waits) => {
    waits.li(A0, FLASH_CONTROLLER_BASE);
    const store = (register: FlashRegister, value: number): void => {
      waits.li(A1, value).words(asm.store("sw", A1, register, A0));
    };
    store(FlashRegister.KEY, 0x4567_0123);
    store(FlashRegister.KEY, 0xcdef_89ab | 0);
    store(FlashRegister.LENGTH, 0x8_0000);
    store(FlashRegister.INTERRUPT, 1);
    store(FlashRegister.COMMAND, FlashCommand.ERASE);
    waits
      .li(A1, MIE_EXTERNAL)
      .words(asm.csr("csrrw", 0, 0x304, A1), 0x1050_0073)
      .words(asm.load("lw", A2, FlashRegister.STATUS, A0));
  });
  program.label("end").jal(0, "end");
  const { machine, x } = inRam(program, { plan });
  machine.clock.powerOn();
  expect(machine.run(100_000)).toBe(MachineStop.BUDGET);
  const [polled, waited] = [x(S0), x(9)];
  expect(polled).toBeGreaterThanOrEqual(ERASE_US * 10);
  expect(polled).toBeLessThan(ERASE_US * 10 + 20);
  expect(waited).toBeGreaterThanOrEqual(2 * ERASE_US * 10);
  expect(waited).toBeLessThan(2 * ERASE_US * 10 + 20);
  expect(x(A2)).toBe(1);
  const erasedBytes = flash.map((bytes) => bytes.indexOf(0));
  expect(erasedBytes).toEqual([0x8_0000, 0x4_0000]);
});
