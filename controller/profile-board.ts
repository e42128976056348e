/**
 * A board made of a profile: what QEMU's `virt` has, the profile's flash, and around it what a boot loader finds on a chip:
 * a watchdog, counters and fuses, reasons of a reset.
 *
 * Invariants: the flash device at an address of its own is read there as memory, and the first of them executed, for as long
 * as it reads as an array; bytes of flash change in the units of its chip alone, each told to the host before it is made.
 */
import type { ChipOperation, FlashChip } from "../emulator/flash/flash-chip.ts";
import { Evidence } from "../emulator/memory/evidence.ts";
import type { Layout } from "../emulator/memory/layout.ts";
import {
  COUNTERS_BASE,
  FLASH_CONTROLLER_BASE,
  RESET_BLOCK_BASE,
  WATCHDOG_BASE,
} from "../emulator/memory/map.ts";
import { FLASH_SOURCE } from "../emulator/memory/virt-map.ts";
import { type BoardParts, type BoardPlan, type Placed, virtDevices } from "./boards.ts";
import { type MemoryRange, NOWHERE } from "./cpu/address-space.ts";
import type { HartConfig } from "./cpu/hart-config.ts";
import { parseIsa } from "./cpu/isa.ts";
import { BusyFlash, busyReadMisuse } from "./devices/busy-flash.ts";
import { CfiFlash } from "./devices/cfi-flash.ts";
import { CounterBlock, type CounterLowered } from "./devices/counters.ts";
import { FlashController } from "./devices/flash-controller.ts";
import type { UnitHooks } from "./devices/flash-units.ts";
import { type CallGuard, DeviceModuleFault, ModuleHost } from "./devices/module-device.ts";
import { type PersistentWords, PlainWords } from "./devices/persistent-words.ts";
import type { PlicSource } from "./devices/plic.ts";
import { RegisterRangeDevice } from "./devices/register-range.ts";
import { RETAINED_WORDS, ResetBlock, type ResetBlockParts, ResetReason } from "./devices/reset-block.ts";
import { NoStateWords } from "./devices/state.ts";
import { Watchdog } from "./devices/watchdog.ts";
import type { Machine } from "./machine.ts";
import { type BoardProfile, EXECUTED_DEVICE, type FlashProfile, flashAt } from "./profile.ts";

/** What is behind a board and around it. */
export interface ProfileHost extends Omit<ResetBlockParts, "retained" | "warmReset"> {
  /** By flash device. */
  readonly chips: readonly FlashChip[];
  /** What the modules of the profile's devices export, in their order; absent where it has none. */
  readonly modules?: BroughtModules;
  /** Called before a unit of flash is made; may throw, after it has ended the operation. */
  readonly beforeUnit: (device: number, operation: ChipOperation) => void;
  readonly counters: PersistentWords;
  /** Firmware stored less to a counter than that holds, which is ignored. */
  readonly counterLowered?: CounterLowered;
  /**
   * Firmware asked for what its flash does not do.
   * @param isAccessing the instruction that asks for it is the one that executes
   */
  readonly misused: (message: string, isAccessing: boolean) => void;
  /** The watchdog was kicked, so many ticks after it was before, or was started. */
  readonly watchdogKicked?: (ticks: number) => void;
  /** Firmware asks for a reset, by finisher or reset block, and the hart has been stopped for it. */
  readonly onReset: () => void;
}

/** Modules that were loaded, and who looks on when they are called. */
export interface BroughtModules {
  readonly exported: readonly unknown[];
  readonly guard: CallGuard;
}

/** A board, and what its host wants of its devices. */
export interface ProfileBoard {
  readonly plan: BoardPlan;
  /** Resets the hart of the machine that was made of this board: it begins where the profile says, and is told why. */
  start(machine: Machine, reason: ResetReason): void;
  /** Power has come on: what the hart's reset leaves alone is as after power-on. */
  powerOn(): void;
  /** Devices that are modules, for whoever wants to see whether two runs come to the same in them. */
  readonly modules: readonly ModuleHost[];
  /** An erase or a program is under way in some flash device, but for those that modules drive. */
  readonly isFlashBusy: boolean;
  /** The misuse that a fetch from this address is which has faulted: of flash that is busy; undefined for none. */
  fetchMisuse(address: number): string | undefined;
  /** Ticks since the watchdog was kicked; undefined where it does not run. */
  unkickedTicks(machine: Machine): number | undefined;
}

export function profileBoard(profile: BoardProfile, hart: HartConfig, host: ProfileHost): ProfileBoard {
  const extensions = parseIsa(hart.isa);
  if (typeof extensions !== "number") throw new Error(`${hart.isa}: ${extensions.message}`);
  const { userMode, pmpEntries } = hart;
  let made: Made | undefined;
  const theDevices = (): Made => {
    if (made === undefined) throw new Error("no machine was made of this board");
    return made;
  };
  return {
    plan: {
      memory: (layout) => memoryOf(profile, layout),
      devices: (parts) => {
        made = makeWithin(profile, parts, host);
        return made.placed;
      },
      extensions,
      hart: { smdbltrp: false, userMode, pmpEntries },
      isVirt: true,
    },
    start: (machine, reason) => {
      theDevices().resetBlock.reason = reason;
      machine.reset(profile.start);
      if (machine.space.hasWindow) machine.setRegion(EXECUTED_DEVICE);
    },
    get modules() {
      return theDevices().modules;
    },
    get isFlashBusy() {
      const { controller, banks } = theDevices();
      return banks.some(([, bank]) => bank.isBusy) || profile.flash.some((_, at) => controller.isBusy(at));
    },
    fetchMisuse: (address) => {
      const place = flashAt(profile, address);
      const flash = place && profile.flash[place.device];
      if (place === undefined || flash === undefined) return undefined;
      const { controller, banks } = theDevices();
      const [, bank] = banks.find(([base]) => base === flash.base) ?? [];
      const isBusy = bank?.isBusy ?? (isUnreadableWhileBusy(flash) && controller.isBusy(place.device));
      return isBusy ? busyReadMisuse(flash.name, place.offset) : undefined;
    },
    unkickedTicks: (machine) => theDevices().watchdog.unkickedTicks(machine.clock.now()),
    powerOn: () => {
      const { resetBlock, banks, controller, parts, modules } = theDevices();
      resetBlock.powerOff();
      for (const [base, bank] of banks) {
        bank.powerOff();
        // Its words may have been cleared already, so that it sees no change of mode.
        parts.answers(base, !bank.arrayReadable);
      }
      controller.powerOff();
      for (const flash of profile.flash) setBusy(flash, false, parts);
      for (const module of modules) module.powerOff();
    },
  };
}

interface Made {
  readonly placed: readonly Placed[];
  readonly resetBlock: ResetBlock;
  readonly banks: readonly (readonly [base: number, bank: CfiFlash])[];
  readonly parts: BoardParts;
  readonly controller: FlashController;
  readonly watchdog: Watchdog;
  readonly modules: readonly ModuleHost[];
}

/** Why the hart is reset that its watchdog has stopped; undefined where something else has. */
export function watchdogReset(evidence: Evidence): ResetReason | undefined {
  return evidence === Evidence.WATCHDOG || evidence === Evidence.EARLY_KICK
    ? ResetReason.WATCHDOG
    : undefined;
}

function memoryOf({ flash }: BoardProfile, layout: Layout): readonly MemoryRange[] {
  return flash.flatMap(({ base, bytes }, device): MemoryRange[] => {
    if (base === undefined) return [];
    const isExecuted = device === EXECUTED_DEVICE;
    const offset = isExecuted ? NOWHERE : (layout.regions[device] as number);
    return [{ base, bytes, offset, kind: isExecuted ? "window" : "nor" }];
  });
}

/** Modules are the only devices whose words nobody has counted before. */
function makeWithin(profile: BoardProfile, parts: BoardParts, host: ProfileHost): Made {
  try {
    return makeDevices(profile, parts, host);
  } catch (error) {
    if (!(error instanceof NoStateWords) || profile.devices.length === 0) throw error;
    const names = profile.devices.map(({ name }) => name).join(", ");
    throw new DeviceModuleFault(
      `the board has not so many words of state left as its devices ask for: ${names}`,
    );
  }
}

function makeDevices(profile: BoardProfile, parts: BoardParts, host: ProfileHost): Made {
  const { state, board } = parts;
  const banks = profile.flash.flatMap((flash, device): (readonly [number, CfiFlash])[] =>
    flash.interface === "cfi" && flash.base !== undefined
      ? [[flash.base, makeBank(flash, device, parts, host)]]
      : [],
  );
  const controller = makeController(profile, parts, host);
  const unreadable = profile.flash.flatMap((flash, device): Placed[] =>
    isUnreadableWhileBusy(flash)
      ? [[flash.base ?? 0, makeUnreadable(flash, device, controller, parts, host)]]
      : [],
  );
  const watchdog = new Watchdog(state, board, profile.watchdogMs, host.watchdogKicked);
  const retained = state.words(RETAINED_WORDS);
  const resetBlock = new ResetBlock(state, {
    ...host,
    retained: new PlainWords(retained),
    warmReset: () => {
      board.stop(Evidence.FINISHER, 0);
      host.onReset();
    },
  });
  const modules = profile.devices.map((_, index) => makeModule(profile, index, parts, host));
  const sources = profile.devices.flatMap(({ interrupt: source }, index): PlicSource[] => {
    const device = modules[index];
    return source === undefined || device?.pending === undefined
      ? []
      : [{ source, device: device as PlicSource["device"] }];
  });
  return {
    placed: [
      ...virtDevices({ ...parts, onReset: host.onReset }, [
        { source: FLASH_SOURCE, device: controller },
        ...sources,
      ]),
      [WATCHDOG_BASE, watchdog],
      [FLASH_CONTROLLER_BASE, controller, FLASH_SOURCE],
      [COUNTERS_BASE, new CounterBlock(state, host.counters, profile.counterLimit, host.counterLowered)],
      [RESET_BLOCK_BASE, resetBlock],
      ...banks,
      ...unreadable,
      ...profile.registers.map((range): Placed => [range.base, new RegisterRangeDevice(range)]),
      ...modules.map((module, index): Placed => {
        const { base = 0, interrupt } = profile.devices[index] ?? {};
        return interrupt === undefined ? [base, module] : [base, module, interrupt];
      }),
    ],
    resetBlock,
    banks,
    parts,
    controller,
    watchdog,
    modules,
  };
}

function makeModule(profile: BoardProfile, index: number, parts: BoardParts, host: ProfileHost): ModuleHost {
  const said = profile.devices[index];
  const { modules } = host;
  if (said === undefined || modules === undefined)
    throw new Error(`the module of the board's device ${index} was not loaded`);
  const { state, board, readRam, storeRam } = parts;
  return new ModuleHost(
    state,
    {
      name: said.name,
      bytes: said.bytes,
      options: said.options,
      interrupts: said.interrupt !== undefined,
      module: modules.exported[index],
      guard: modules.guard,
      flash: profile.flash.map(({ name }, device) => ({
        name,
        chip: chipOf(host, device),
        misused: (message, isAccessing) => host.misused(message, isAccessing),
        beforeUnit: (operation) => host.beforeUnit(device, operation),
      })),
      memory: { read: readRam, store: storeRam },
    },
    board,
  );
}

function makeBank(
  { name, base = 0, times, atReset, resetIsWired }: FlashProfile,
  device: number,
  { state, board, answers }: BoardParts,
  host: ProfileHost,
): CfiFlash {
  return new CfiFlash(
    state,
    name,
    chipOf(host, device),
    {
      times,
      atReset,
      isResetWired: resetIsWired,
      modeChanged: (isArray) => answers(base, !isArray),
      misused: ({ message }) => host.misused(message, true),
      beforeUnit: (operation) => host.beforeUnit(device, operation),
    },
    board,
  );
}

/** A device that is driven by commands stored into it gives its status then. */
function isUnreadableWhileBusy({ base, interface: driven, whileBusy }: FlashProfile): boolean {
  return base !== undefined && driven === "controller" && whileBusy === "fault";
}

/** What reads of a device are from now on that the flash controller changes, or no longer does. */
function setBusy(flash: FlashProfile, isBusy: boolean, { answers, stalls }: BoardParts): void {
  const { base, interface: driven, whileBusy } = flash;
  if (base === undefined || driven !== "controller") return;
  if (whileBusy === "fault") answers(base, isBusy);
  if (whileBusy === "stall") stalls(base, isBusy);
}

function makeUnreadable(
  { name, bytes }: FlashProfile,
  device: number,
  controller: FlashController,
  { board }: BoardParts,
  host: ProfileHost,
): BusyFlash {
  const flash = {
    name,
    bytes,
    contents: (offset: number, byteCount: number) => chipOf(host, device).contents(offset, byteCount),
    isBusy: () => controller.isBusy(device),
    misused: (message: string) => host.misused(message, true),
  };
  return new BusyFlash(flash, board);
}

function makeController(profile: BoardProfile, parts: BoardParts, host: ProfileHost): FlashController {
  const { state, board, readRam, storeRam } = parts;
  const hooks: UnitHooks = {
    beforeUnit: (operation) =>
      host.beforeUnit(
        host.chips.findIndex((chip) => chip.isUnderWay(operation)),
        operation,
      ),
  };
  return new FlashController(
    state,
    {
      devices: profile.flash.map(({ base, times, whileBusy }, device) => ({
        chip: chipOf(host, device),
        times,
        whileBusy,
        isMapped: base !== undefined,
      })),
      memory: {
        read: readRam,
        store: storeRam,
      },
      atReset: profile.flash[EXECUTED_DEVICE]?.atReset ?? "torn",
      isAlwaysOpen: profile.keyIsOpen,
      misused: ({ message, isLate }) => host.misused(message, isLate !== true),
      busyChanged: (device, isBusy) => {
        const flash = profile.flash[device];
        if (flash !== undefined) setBusy(flash, isBusy, parts);
      },
      ...hooks,
    },
    board,
  );
}

function chipOf({ chips }: ProfileHost, device: number): FlashChip {
  const chip = chips[device];
  if (chip === undefined) throw new Error(`there is no chip for the flash device ${device}`);
  return chip;
}
