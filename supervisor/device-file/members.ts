/**
 * The table of a device file's members: what a device may be told to be. Schema and reader come of it, and so does
 * whatever is added here. docs/device-file.md is its page.
 */

import { ENGINE_KINDS } from "../../controller/cpu/engine-kind.ts";
import { DEFAULT_HART, PMP_CHOICES } from "../../controller/cpu/hart-config.ts";
import { ISA_PATTERN, isaFault } from "../../controller/cpu/isa.ts";
import { CAPABILITIES } from "../../controller/devices/capabilities.ts";
import {
  DEFAULT_MEMORY_CONFIG,
  MEMORY_RANGES,
  type MemorySize,
  type WholeRange,
} from "../../emulator/memory/layout.ts";
import { MAX_REGIONS } from "../../emulator/memory/map.ts";
import { MAX_TRIES } from "../../emulator/table/table.ts";
import { DEFAULT_LIMITS, DEFAULT_RECOVERY } from "../core/config.ts";
import { board, loader } from "./board-members.ts";
import {
  choice,
  flag,
  list,
  type Member,
  named,
  object,
  orNull,
  text,
  type ValueOf,
  whole,
} from "./shapes.ts";

/** Of the file's format. A file of another one is refused by name. */
export const DEVICE_FILE_FORMAT = 1;

/** A day: what takes longer is not waited for. */
const LONGEST_MS = 24 * 3600 * 1000;
const MAX_KEYS = 16;
const MAX_FAILURES = 1_000_000;

const from = (min: number, max: number): WholeRange => ({ min, max, multiple: 1 });

function member<T>(shape: Member<T>["shape"], about: string, standard?: unknown): Member<T> {
  return { shape, about, ...(standard === undefined ? {} : { standard }) };
}

function size(name: MemorySize, about: string): Member<number> {
  return member(whole(MEMORY_RANGES[name]), about, DEFAULT_MEMORY_CONFIG[name]);
}

function deadline(name: "heartbeatMs" | "readyMs" | "commandMs" | "scrubMs", about: string): Member<number> {
  return member(whole(from(1, LONGEST_MS)), about, DEFAULT_LIMITS[name]);
}

const memory = object({
  regions: size(
    "regions",
    "Regions that hold firmware. A sweep takes as many as each of its scenarios needs.",
  ),
  regionBytes: size("regionBytes", "Size of a region, a multiple of sectorBytes."),
  sectorBytes: size("sectorBytes", "What the flash erases at once."),
  programUnitBytes: size("programUnitBytes", "What the flash programs at once; divides sectorBytes."),
  ramBytes: size("ramBytes", "RAM at 0x8000_0000."),
  nvramBytes: size("nvramBytes", "The firmware's own battery-backed memory at 0x3000_0000."),
  hostBytes: size("hostBytes", "Host memory at 0x4000_0000: the queues, then buffers."),
  sectorEraseUs: size(
    "sectorEraseUs",
    "How long the flash takes to erase a sector; 0: as long as it takes to emulate.",
  ),
  unitProgramUs: size("unitProgramUs", "How long the flash takes to program a unit; likewise."),
  ecc: member(
    flag,
    "Whether the regions' flash has ECC, over each program unit: a unit is programmed once between two erases, and one that tore cannot be read until it is erased.",
    DEFAULT_MEMORY_CONFIG.ecc,
  ),
});

const budget = object({
  failures: member(
    orNull(whole(from(0, MAX_FAILURES)), "as many as there are"),
    "So many failures of one region within windowMs are borne; one more, and it is given up.",
    DEFAULT_LIMITS.budget.failures,
  ),
  windowMs: member(
    whole(from(1, LONGEST_MS)),
    "For how long a failure counts.",
    DEFAULT_LIMITS.budget.windowMs,
  ),
});

const limits = object({
  readyMs: deadline("readyMs", "A version that is not ready so long after its start has failed."),
  commandMs: deadline(
    "commandMs",
    "A host command without completion for so long is overdue: the version has failed.",
  ),
  heartbeatMs: deadline("heartbeatMs", "A controller worker's thread without progress for so long is stuck."),
  scrubMs: deadline("scrubMs", "Rot is found within this time, and what reading all regions takes."),
  budget: member(budget, "How many failures are borne."),
});

const recovery = object({
  onDoubleLoss: member(
    choice(["rebuild", "safe-mode"]),
    "What becomes of a device whose two replicas of the table are lost: the table is made anew with nothing accepted, or safe mode.",
    DEFAULT_RECOVERY.onDoubleLoss,
  ),
  trialTries: member(
    whole(from(1, MAX_TRIES)),
    "Failures that a version on trial may have before it is given up.",
    DEFAULT_RECOVERY.trialTries,
  ),
});

const hart = object({
  isa: member(
    named(ISA_PATTERN, isaFault),
    "Its instructions: rv32i, and extensions that docs/hardware.md has. All others are illegal.",
    DEFAULT_HART.isa,
  ),
  userMode: member(flag, "Whether it has user mode.", DEFAULT_HART.userMode),
  pmpEntries: member(
    choice(PMP_CHOICES),
    "Entries of physical memory protection, which come with Smepmp.",
    DEFAULT_HART.pmpEntries,
  ),
});

const firmware = object({
  capabilities: member(
    list(choice(CAPABILITIES), CAPABILITIES.length, true),
    "What firmware can do that does not say so itself in its register CAPABILITIES (docs/hardware.md). Not said: all of it; an empty list: none.",
  ),
});

export const DEVICE_FILE = object({
  $schema: member(text("the address of a schema"), "Where an editor finds this schema; not read."),
  format: {
    shape: choice([DEVICE_FILE_FORMAT]),
    about: "Version of this file's format.",
    required: true,
  },
  memory: member(memory, "The controller's memory."),
  limits: member(limits, "Deadlines, and the budget of failures."),
  recovery: member(recovery, "What a device does about loss and failure."),
  images: member(
    list(text("the path of a file"), MAX_REGIONS),
    "MCUboot images that the factory programs, from region 0 on: paths, relative to this file.",
  ),
  keys: member(
    list(text("the path of a file"), MAX_KEYS),
    "Public keys (PEM), one of which an image must be signed with: paths, relative to this file. None: signatures are not looked at.",
    [],
  ),
  requireSecurityCounter: member(flag, "Whether an image without a security counter is refused.", false),
  engine: member(choice(ENGINE_KINDS), "What executes the firmware; each gives the same run.", "auto"),
  hart: member(hart, "The controller's hart."),
  firmware: member(firmware, "What the firmware is."),
  board: member(board, "Instead of the controller: a board for a boot loader of one's own."),
  loader: member(loader, "That boot loader: its slots, its images, and what it does about an update."),
});

/** What a file says; what it does not say is not there. */
export type DeviceFile = ValueOf<typeof DEVICE_FILE>;
