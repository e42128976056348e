/**
 * A device file as text: read, and every mistake told, each in a sentence with the path of its member.
 *
 * Pure: load.ts opens files.
 */

import type { EngineKind } from "../../controller/cpu/engine-kind.ts";
import { DEFAULT_HART, type HartConfig } from "../../controller/cpu/hart-config.ts";
import type { Capability } from "../../controller/devices/capabilities.ts";
import type { ErrorKind } from "../../emulator/base/errors.ts";
import { DEFAULT_MEMORY_CONFIG, type MemoryConfig } from "../../emulator/memory/layout.ts";
import type { RecoveryPolicy } from "../../emulator/table/recovery.ts";
import { DEFAULT_LIMITS, DEFAULT_RECOVERY, type Limits } from "../core/config.ts";
import { boardContradictions, type DescribedBoard, describeBoard } from "./described-board.ts";
import { JsonTextError, type JsonValue, parseJsonText } from "./json-text.ts";
import { DEVICE_FILE, DEVICE_FILE_FORMAT, type DeviceFile } from "./members.ts";

/** A device file that cannot be used; `message` has a sentence for each mistake, a line each. */
export class DeviceFileError extends Error {
  override readonly name = "DeviceFileError";
  readonly kind: ErrorKind;

  constructor(mistakes: readonly string[], kind: ErrorKind = "usage") {
    super(mistakes.join("\n"));
    this.kind = kind;
  }
}

/** A device, as a file describes it; what the file does not say is as by default. */
export interface DescribedDevice {
  readonly memory: MemoryConfig;
  readonly limits: Limits;
  readonly recovery: RecoveryPolicy;
  readonly engine: EngineKind;
  readonly hart: HartConfig;
  /** Of MCUboot images, from region 0 on, as the file has them; undefined where it names none. */
  readonly images: readonly string[] | undefined;
  /** Of public keys, likewise. */
  readonly keys: readonly string[];
  readonly requireSecurityCounter: boolean;
  /** Undefined where the file says nothing of them. */
  readonly capabilities: readonly Capability[] | undefined;
  /** A board for a boot loader of one's own, in place of the controller; undefined where the file has none. */
  readonly board: DescribedBoard | undefined;
}

/** What a device is that nobody describes. */
export const DEFAULT_DEVICE: DescribedDevice = describeDevice({});

/**
 * Reads a device file. Throws {@link DeviceFileError}.
 * @param name what the file is called in a sentence
 */
export function parseDeviceFile(text: string, name: string): DescribedDevice {
  const mistakes: string[] = [];
  const tell = (path: string, mistake: string): void =>
    void mistakes.push(path === "" ? `${name}: ${mistake}` : `${name}: ${path}: ${mistake}`);
  const file = readDeviceFile(jsonOf(text, name), tell);
  if (file === undefined || mistakes.length > 0) throw new DeviceFileError(mistakes);
  const described = describeDevice(file);
  if (file.loader !== undefined && file.board === undefined)
    tell("loader", "a loader needs the member board, which says what it runs on");
  for (const [path, mistake] of contradictions(described)) tell(path, mistake);
  if (mistakes.length > 0) throw new DeviceFileError(mistakes);
  return described;
}

/** What the schema can say of a file, and no more. Undefined where it is no object; `tell` is told every mistake. */
export function readDeviceFile(
  value: JsonValue,
  tell: (path: string, mistake: string) => void,
): DeviceFile | undefined {
  const format = value instanceof Map ? value.get("format") : undefined;
  if (typeof format === "number" && format !== DEVICE_FILE_FORMAT) {
    // What else it holds means what that format says it means.
    tell("format", `${format} is not known: this version of flipside reads format ${DEVICE_FILE_FORMAT}`);
    return undefined;
  }
  return DEVICE_FILE.read(value, "", tell);
}

function jsonOf(text: string, name: string): JsonValue {
  try {
    return parseJsonText(text);
  } catch (error) {
    if (error instanceof JsonTextError) throw new DeviceFileError([`${name}: ${error.message}`]);
    throw error;
  }
}

function describeDevice(file: Omit<DeviceFile, "format">): DescribedDevice {
  const { budget, ...deadlines } = file.limits ?? {};
  return {
    memory: { ...DEFAULT_MEMORY_CONFIG, ...file.memory },
    limits: { ...DEFAULT_LIMITS, ...deadlines, budget: { ...DEFAULT_LIMITS.budget, ...budget } },
    recovery: { ...DEFAULT_RECOVERY, ...file.recovery },
    engine: file.engine ?? "auto",
    hart: { ...DEFAULT_HART, ...file.hart },
    images: file.images,
    keys: file.keys ?? [],
    requireSecurityCounter: file.requireSecurityCounter ?? false,
    capabilities: file.firmware?.capabilities,
    board: describeBoard(file),
  };
}

/** What no schema can say: members that do not go together. Paths and mistakes. */
function* contradictions({ memory, images, board }: DescribedDevice): Generator<readonly [string, string]> {
  const { regions, regionBytes, sectorBytes, programUnitBytes } = memory;
  if (regionBytes % sectorBytes !== 0)
    yield ["memory.regionBytes", `${regionBytes} is no multiple of memory.sectorBytes, ${sectorBytes}`];
  if (sectorBytes % programUnitBytes !== 0)
    yield [
      "memory.programUnitBytes",
      `${programUnitBytes} does not divide memory.sectorBytes, ${sectorBytes}`,
    ];
  if (images !== undefined && images.length > regions)
    yield ["images", `it names ${images.length} images for ${regions} regions`];
  if (board !== undefined) yield* boardContradictions(board);
}
