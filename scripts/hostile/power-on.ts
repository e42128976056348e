/** A device's rules on whatever a flash file makes of its memory: it starts, fails over, and starts again, or is refused by name. */
import { type RegionFacts, recoverManagement } from "../../controller/boot/boot-rom.ts";
import { inspectRegion } from "../../controller/boot/inspection.ts";
import { NO_REQUIREMENTS } from "../../controller/image/verify.ts";
import {
  DEFAULT_MEMORY_CONFIG,
  MemoryConfigError,
  planLayout,
  TABLE_BYTES,
} from "../../emulator/memory/layout.ts";
import { FlashFileError, openFlashFile, readGeometry } from "../../emulator/persist/flash-file.ts";
import {
  type PersistentSpace,
  planPersistentSpace,
  regionOffset,
  TABLE_OFFSET,
} from "../../emulator/persist/persistent-space.ts";
import { type NvramPort, SharedNvram } from "../../emulator/table/nvram.ts";
import { classifyReplicas } from "../../emulator/table/recovery.ts";
import { DEFAULT_RECOVERY } from "../../supervisor/core/config.ts";
import { EXIT_HELD, EXIT_USAGE } from "../exit-codes.ts";
import { PerformedPolicy } from "./performed-policy.ts";

const FAILOVERS = 6;

/** Returns an exit code as a command would; throws what the rules throw, which are to throw nothing. */
export function powerOnFrom(bytes: Uint8Array): number {
  const opened = openedFrom(bytes);
  if (opened === undefined) return EXIT_USAGE;
  const { space, image } = opened;
  const images = Array.from({ length: space.regions }, (_, region) => {
    const start = regionOffset(space, region);
    return inspectRegion(image.subarray(start, start + space.regionBytes), NO_REQUIREMENTS);
  });
  const memory = image.slice(TABLE_OFFSET, TABLE_OFFSET + TABLE_BYTES);
  const port = new SharedNvram(new Int32Array(memory.buffer));
  const device = started(port, images);
  for (let code = 1; code <= FAILOVERS; code += 1) device.failOver(code);
  const { kind } = classifyReplicas(port, space.regions);
  if (kind !== "sound") throw new Error(`the table is ${kind} after a start and ${FAILOVERS} failovers`);
  started(port, images);
  return EXIT_HELD;
}

/** Undefined of a file that is refused by name. */
function openedFrom(bytes: Uint8Array): { space: PersistentSpace; image: Uint8Array } | undefined {
  try {
    const space = planPersistentSpace(planLayout({ ...DEFAULT_MEMORY_CONFIG, ...readGeometry(bytes) }));
    return { space, image: openFlashFile(bytes, space).image };
  } catch (error) {
    if (error instanceof FlashFileError || error instanceof MemoryConfigError) return undefined;
    throw error;
  }
}

function started(port: NvramPort, images: readonly RegionFacts[]): PerformedPolicy {
  const { table, floor } = recoverManagement(port, images, DEFAULT_RECOVERY);
  if (table.table === undefined) throw new Error(`there is no table: ${table.message}`);
  return new PerformedPolicy(port, table.table, floor.floor, images);
}
