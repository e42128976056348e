/** The members `board` and `loader` of a device file: a machine for somebody's own boot loader. docs/loader.md is their page. */
import { READS_WHILE_BUSY } from "../../controller/devices/flash-controller.ts";
import { RESET_EFFECTS } from "../../controller/devices/flash-units.ts";
import { PLIC_SOURCES } from "../../controller/devices/plic.ts";
import { FLASH_INTERFACES } from "../../controller/profile.ts";
import { MAX_WRITE_BLOCK_BYTES, PROGRAM_RULES } from "../../emulator/flash/chip-geometry.ts";
import { MEMORY_RANGES, PAGE_BYTES } from "../../emulator/memory/layout.ts";
import { DEFAULT_TRAILER_BYTES, DOWNGRADES, LOADER_MODES } from "../core/loader-profile.ts";
import {
  address,
  anyObject,
  choice,
  flag,
  list,
  type Member,
  object,
  orNull,
  text,
  whole,
} from "./shapes.ts";

const MAX_FLASH = 4;
const MAX_RUNS = 16;
const MAX_SECTORS = 65_536;
const MAX_SECTOR_BYTES = 1024 * 1024;
const MAX_ERASES = 100_000_000;
const MAX_US = 60_000_000;
const MAX_MS = 24 * 3600 * 1000;
/** Its period has 32 bits of microseconds. */
const MAX_WATCHDOG_MS = Math.floor((2 ** 32 - 1) / 1000);
const MAX_PROGRAMS = 16;
const MAX_RANGES = 64;
const MAX_BAD = 16;
const MAX_DEVICES = 8;
const MAX_SIZES = 16;

const range = (min: number, max: number, multiple = 1) => whole({ min, max, multiple });

function member<T>(shape: Member<T>["shape"], about: string, standard?: unknown): Member<T> {
  return { shape, about, ...(standard === undefined ? {} : { standard }) };
}

function needed<T>(shape: Member<T>["shape"], about: string): Member<T> & { readonly required: true } {
  return { shape, about, required: true };
}

const sectors = object({
  count: needed(range(1, MAX_SECTORS), "So many of them, one behind the other."),
  bytes: needed(range(4, MAX_SECTOR_BYTES, 4), "Bytes of each."),
});

const flash = object({
  name: needed(text("the name of a flash device"), "What slots call it."),
  base: member(address, "Where it is mapped; not said: only the flash controller reads it."),
  interface: member(
    choice(FLASH_INTERFACES),
    "How firmware drives it: by commands stored into it, as Intel's (cfi), or by the flash controller.",
    "cfi",
  ),
  sectors: needed(list(sectors, MAX_RUNS), "What it erases at once, from its first byte on."),
  writeBlockBytes: member(range(1, MAX_WRITE_BLOCK_BYTES), "What it programs at once.", 4),
  erasedValue: member(choice([0xff, 0x00]), "What an erased byte reads.", 0xff),
  program: member(
    choice(PROGRAM_RULES),
    "and: clears bits, as often as one likes. once: a write block once between two erases. ecc: likewise, and one that tore cannot be read until it is erased. overwrite: any bits, without an erase.",
    "and",
  ),
  whileBusy: member(
    choice(READS_WHILE_BUSY),
    "What a read is while the flash controller erases or programs it: what is there, something to wait for (stall), or a fault.",
    "ready",
  ),
  sectorEraseUs: member(range(0, MAX_US), "How long an erase of a sector takes.", 0),
  blockProgramUs: member(range(0, MAX_US), "How long programming a write block takes.", 0),
  enduranceErases: member(
    orNull(range(1, MAX_ERASES), "it does not wear out"),
    "After so many erases of a sector the next ones fail.",
    null,
  ),
  atReset: member(choice(RESET_EFFECTS), "What a reset of the hart makes of an operation under way.", "torn"),
  resetIsWired: member(flag, "Whether a reset of the hart resets the device, too.", true),
});

const registers = object({
  base: needed(address, "Where they begin."),
  bytes: member(range(PAGE_BYTES, 1024 * 1024, PAGE_BYTES), "How many bytes.", PAGE_BYTES),
  reads: member(
    list(address, MAX_RANGES),
    "What reads give, one after the other; the last one for ever.",
    [0],
  ),
  writes: member(
    choice(["keep", "ignore"]),
    "keep: reads give what was written there last. ignore: nothing comes of it.",
    "ignore",
  ),
});

const device = object({
  name: needed(text("the name of a device"), "What it is called where something is said of it."),
  base: needed(address, "Where its registers begin."),
  bytes: member(range(PAGE_BYTES, 1024 * 1024, PAGE_BYTES), "How many bytes.", PAGE_BYTES),
  module: needed(
    text("the path of a file"),
    "A JavaScript module that exports `device` (docs/loader.md): a path, relative to this file.",
  ),
  interrupt: member(range(1, PLIC_SOURCES - 1), "Source of the PLIC that its interrupt line is."),
  options: member(anyObject("an object of options"), "What the module is given as options.", {}),
});

const program = object({
  file: needed(text("the path of a file"), "An ELF file, or a binary: a path, relative to this file."),
  at: member(address, "Where a binary goes; an ELF file says so itself."),
});

export const board = object({
  ramBytes: member(
    range(MEMORY_RANGES.ramBytes.min, MEMORY_RANGES.ramBytes.max, PAGE_BYTES),
    "RAM at 0x8000_0000.",
    1024 * 1024,
  ),
  flash: needed(list(flash, MAX_FLASH), "Its flash devices."),
  registers: member(list(registers, MAX_RANGES), "Registers of chips that are not there.", []),
  devices: member(list(device, MAX_DEVICES), "Devices that are modules of one's own.", []),
  programs: needed(
    list(program, MAX_PROGRAMS),
    "What lies in memory before the first start; the first one is the boot loader.",
  ),
  start: member(address, "Where the hart starts. Not said: the entry of the first program."),
  watchdogMs: member(
    orNull(range(1, MAX_WATCHDOG_MS), "firmware starts it"),
    "The watchdog runs from reset on, with this period.",
    null,
  ),
  keyIsOpen: member(flag, "Whether the flash controller needs no unlocking.", false),
  counterLimit: member(
    orNull(range(0, 2 ** 32 - 1), "as often as there are values"),
    "So often a counter may rise.",
    null,
  ),
});

const slot = object({
  flash: needed(text("the name of a flash device"), "The device that it lies in."),
  offset: needed(address, "Where it begins in the device, at the beginning of a sector."),
  bytes: needed(address, "Its bytes, whole sectors."),
});

const slots = object({
  primary: needed(slot, "Where the image lies that runs first."),
  secondary: member(slot, "Where an update arrives."),
  scratch: member(slot, "What a swap goes through."),
});

const images = object({
  old: needed(text("the path of a file"), "The image that is provisioned, in the primary slot."),
  new: needed(text("the path of a file"), "The one that it is updated to, of a higher version."),
  newer: member(text("the path of a file"), "A further one: what a second update brings."),
  sizes: member(
    list(text("the path of a file"), MAX_SIZES),
    "Updates of other sizes, around what limits there are: of versions above old's and below newer's.",
    [],
  ),
  bad: member(
    list(text("the path of a file"), MAX_BAD),
    "Images that must never run: of another key, or damaged.",
    [],
  ),
});

const code = object({
  base: needed(address, "Where it begins."),
  bytes: needed(address, "How many bytes."),
});

const criterion = object({
  mark: member(range(1, 0xffff), "What is stored to MARK (docs/hardware.md)."),
  line: member(text("a text"), "A line of the UART has this text in it."),
  code: member(code, "An instruction here is executed."),
});

const criteria = object({
  up: member(criterion, "The application works."),
  requested: member(criterion, "It has asked for an update, and it is acknowledged."),
  confirmed: member(criterion, "It has confirmed itself, and it is acknowledged."),
  uploaded: member(criterion, "It has written an image."),
  safe: member(criterion, "The loader has nothing to start, and says so."),
  panic: member(criterion, "The loader has given up over a mistake of its own."),
});

export const loader = object({
  mode: needed(
    choice(LOADER_MODES),
    "What it does about an update: which scenarios there are, and what they must end in.",
  ),
  slots: needed(slots, "Where images lie."),
  images: needed(images, "MCUboot images: paths, relative to this file."),
  loadRanges: member(list(code, MAX_RANGES), "RAM that it copies images to and starts them in.", []),
  request: member(
    choice(["arrival", "application"]),
    "What asks for an update: that the image is there, or the application (ROLE, docs/hardware.md). Not said: the application where images are swapped or copied.",
  ),
  uploads: member(flag, "Whether the application writes images itself (ROLE 6).", false),
  downgrades: member(
    choice(DOWNGRADES),
    "What becomes of an update of a lower version. Not said: refused where the higher version runs, or carries a higher security counter, and otherwise accepted.",
  ),
  trailerBytes: member(
    range(1, MAX_SECTOR_BYTES),
    "At the end of each slot: of what a replay tells the changes of.",
    DEFAULT_TRAILER_BYTES,
  ),
  criteria: member(
    criteria,
    "By what the loader's and the application's words are known, where they make no marks.",
  ),
  limits: member(
    object({
      startMs: member(range(1, MAX_MS), "A start that takes longer is slow."),
      erasesPerUpdate: member(range(1, MAX_ERASES), "An update that erases a sector more often is wear."),
    }),
    "What a start and an update may take. Not said: anything.",
  ),
  skip: member(list(code, MAX_RANGES), "Code of which each instruction is left out once.", []),
  expect: member(
    text("the name of a verdict"),
    "What a sweep of it ends in, for whoever reads this; changes nothing.",
  ),
});
