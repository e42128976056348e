/** The members `board` and `loader` of a device file as values: standards put in, and what no schema can say. */
import { type BoardProfile, boardMistakes } from "../../controller/profile.ts";
import { hex32 } from "../../emulator/base/text.ts";
import { type ChipGeometry, SectorMap } from "../../emulator/flash/chip-geometry.ts";
import { RAM_BASE } from "../../emulator/memory/map.ts";
import {
  type CodeRange,
  type Criterion,
  DEFAULT_TRAILER_BYTES,
  type LoaderMode,
  type LoaderProfile,
  SAYINGS,
  type Saying,
  SLOTS,
  type Slot,
} from "../core/loader-profile.ts";
import type { DeviceFile } from "./members.ts";

type SaidBoard = NonNullable<DeviceFile["board"]>;
type SaidLoader = NonNullable<DeviceFile["loader"]>;

export interface DescribedProgram {
  /** A path, as the file has it. */
  readonly file: string;
  /** Where a binary goes. */
  readonly at: number | undefined;
}

/** What the device file says of a loader; images are paths, as the file has them. */
export interface DescribedLoader
  extends Omit<LoaderProfile, "board" | "hart" | "programs" | "elf" | "images" | "slots"> {
  /** With the names of their devices, which may not be there. */
  readonly slots: readonly (Omit<Slot, "flash"> & { readonly flash: string })[];
  readonly images: {
    readonly old: string;
    readonly new: string;
    readonly newer: string | undefined;
    readonly sizes: readonly string[];
    readonly bad: readonly string[];
  };
}

export interface DescribedBoard {
  /** Modules of its devices are paths, as the file has them. */
  readonly profile: Omit<BoardProfile, "start">;
  /** Undefined: the entry of the first program. */
  readonly start: number | undefined;
  readonly programs: readonly DescribedProgram[];
  readonly loader: DescribedLoader | undefined;
}

/** The marks by which our own probe application and loaders say it. */
const MARKS: Readonly<Record<Saying, number | undefined>> = {
  up: 3,
  requested: 4,
  confirmed: 5,
  uploaded: 7,
  safe: 2,
  panic: undefined,
};

/** In these an application asks for the update that has arrived. */
const ASKED_FOR: readonly LoaderMode[] = ["swap", "overwrite"];

export function describeBoard(file: Omit<DeviceFile, "format">): DescribedBoard | undefined {
  const { board, loader } = file;
  if (board === undefined) return undefined;
  return {
    profile: profileOf(board),
    start: board.start,
    programs: (board.programs ?? []).map(({ file: path = "", at }) => ({ file: path, at })),
    loader: loader === undefined ? undefined : loaderOf(loader),
  };
}

function profileOf(board: SaidBoard): Omit<BoardProfile, "start"> {
  return {
    ramBytes: board.ramBytes ?? 1024 * 1024,
    flash: (board.flash ?? []).map((said) => ({
      name: said.name ?? "",
      base: said.base,
      interface: said.interface ?? "cfi",
      geometry: geometryOf(said),
      bytes: new SectorMap(geometryOf(said)).bytes,
      whileBusy: said.whileBusy ?? "ready",
      times: { eraseUs: said.sectorEraseUs ?? 0, programUs: said.blockProgramUs ?? 0 },
      atReset: said.atReset ?? "torn",
      resetIsWired: said.resetIsWired ?? true,
    })),
    registers: (board.registers ?? []).map(({ base = 0, bytes = 4096, reads = [0], writes = "ignore" }) => ({
      base,
      bytes,
      reads,
      writes,
    })),
    devices: (board.devices ?? []).map((said) => ({
      name: said.name ?? "",
      base: said.base ?? 0,
      bytes: said.bytes ?? 4096,
      module: said.module ?? "",
      interrupt: said.interrupt,
      options: said.options ?? {},
    })),
    watchdogMs: board.watchdogMs ?? undefined,
    keyIsOpen: board.keyIsOpen ?? false,
    counterLimit: board.counterLimit ?? undefined,
  };
}

function geometryOf(said: NonNullable<SaidBoard["flash"]>[number]): ChipGeometry {
  const { sectors = [], writeBlockBytes = 4, erasedValue = 0xff, program = "and", enduranceErases } = said;
  return {
    sectors: sectors.map(({ count = 0, bytes = 0 }) => ({ count, bytes })),
    writeBlockBytes,
    erasedByte: erasedValue,
    program,
    ...(enduranceErases == null ? {} : { enduranceErases }),
  };
}

function loaderOf(loader: SaidLoader): DescribedLoader {
  const { mode = "single", images, slots } = loader;
  return {
    mode,
    slots: SLOTS.flatMap((name) => {
      const { flash = "", offset = 0, bytes = 0 } = slots?.[name] ?? {};
      return slots?.[name] === undefined ? [] : [{ name, flash, offset, bytes }];
    }),
    images: {
      old: images?.old ?? "",
      new: images?.new ?? "",
      newer: images?.newer,
      sizes: images?.sizes ?? [],
      bad: images?.bad ?? [],
    },
    loadRanges: rangesOf(loader.loadRanges),
    request: loader.request ?? (ASKED_FOR.includes(mode) ? "application" : "arrival"),
    uploads: loader.uploads ?? false,
    downgrades: loader.downgrades,
    trailerBytes: loader.trailerBytes ?? DEFAULT_TRAILER_BYTES,
    criteria: criteriaOf(loader),
    startMs: loader.limits?.startMs,
    erasesPerUpdate: loader.limits?.erasesPerUpdate,
    skip: rangesOf(loader.skip),
  };
}

function rangesOf(said: SaidLoader["skip"]): LoaderProfile["skip"] {
  return (said ?? []).map(({ base = 0, bytes = 0 }) => ({ base, bytes }));
}

function criteriaOf({ criteria }: SaidLoader): Readonly<Record<Saying, Criterion>> {
  const of = (saying: Saying): Criterion => {
    const said = criteria?.[saying];
    const mark = MARKS[saying];
    if (said === undefined) return mark === undefined ? {} : { mark };
    const { code } = said;
    return {
      ...(said.mark === undefined ? {} : { mark: said.mark }),
      ...(said.line === undefined ? {} : { line: said.line }),
      ...(code === undefined ? {} : { code: { base: code.base ?? 0, bytes: code.bytes ?? 0 } }),
    };
  };
  return Object.fromEntries(SAYINGS.map((saying) => [saying, of(saying)])) as Record<Saying, Criterion>;
}

/** Paths and mistakes. */
export function* boardContradictions({
  profile,
  loader,
}: DescribedBoard): Generator<readonly [path: string, mistake: string]> {
  for (const [path, mistake] of boardMistakes(profile))
    yield [path === "" ? "board" : `board.${path}`, mistake];
  if (loader === undefined) return;
  for (const slot of loader.slots) yield* slotMistakes(profile, slot);
  for (const [index, slot] of loader.slots.entries()) {
    const other = loader.slots.find(
      (each, at) =>
        at < index &&
        each.flash === slot.flash &&
        each.offset < slot.offset + slot.bytes &&
        slot.offset < each.offset + each.bytes,
    );
    if (other !== undefined) yield [`loader.slots.${slot.name}`, `it lies over the slot ${other.name}`];
  }
  const has = (name: string): boolean => loader.slots.some((slot) => slot.name === name);
  if (loader.mode !== "single" && !has("secondary"))
    yield ["loader.slots.secondary", `it is missing: a loader of the mode ${loader.mode} has two slots`];
  yield* rangeMistakes(profile, loader);
}

/** Code that lies nowhere would be left out, or started, in silence: never. */
function* rangeMistakes(
  { ramBytes, flash }: Omit<BoardProfile, "start">,
  { loadRanges, skip }: DescribedLoader,
): Generator<readonly [path: string, mistake: string]> {
  const ram: CodeRange = { base: RAM_BASE, bytes: ramBytes };
  const mapped = flash.flatMap(({ base, bytes }) => (base === undefined ? [] : [{ base, bytes }]));
  for (const [index, range] of loadRanges.entries())
    if (!isPartOf(range, ram)) yield [`loader.loadRanges[${index}]`, `${told(range)} do not lie in RAM`];
  for (const [index, range] of skip.entries())
    if (![ram, ...mapped].some((memory) => isPartOf(range, memory)))
      yield [`loader.skip[${index}]`, `${told(range)} lie neither in RAM nor in a mapped flash device`];
}

function isPartOf({ base, bytes }: CodeRange, memory: CodeRange): boolean {
  return bytes > 0 && base >= memory.base && base + bytes <= memory.base + memory.bytes;
}

function told({ base, bytes }: CodeRange): string {
  return `${bytes} bytes at ${hex32(base)}`;
}

function* slotMistakes(
  { flash }: Omit<BoardProfile, "start">,
  { name, flash: device, offset, bytes }: DescribedLoader["slots"][number],
): Generator<readonly [path: string, mistake: string]> {
  const path = `loader.slots.${name}`;
  const found = flash.find((each) => each.name === device);
  if (found === undefined) {
    yield [
      `${path}.flash`,
      `there is no flash device named ${device}: it must be one of ${flash.map((each) => each.name).join(", ")}`,
    ];
    return;
  }
  const sectors = new SectorMap(found.geometry);
  if (offset + bytes > sectors.bytes || bytes === 0)
    yield [path, `${bytes} bytes at ${offset} do not lie in ${device}, which has ${sectors.bytes}`];
  else if (!sectors.isBoundary(offset)) yield [`${path}.offset`, `${offset} is not where a sector begins`];
  else if (!sectors.isBoundary(offset + bytes))
    yield [`${path}.bytes`, "it does not end where a sector ends: an erase of it would reach beyond it"];
}
