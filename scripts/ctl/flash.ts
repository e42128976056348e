/** `flipside ctl flash read`: raw memory of a device (emulator/persist/raw-memory.ts), out of its flash file. */
import { DEFAULT_MEMORY_CONFIG, MemoryConfigError, planLayout } from "../../emulator/memory/layout.ts";
import { FlashFileError, openFlashFile, readGeometry } from "../../emulator/persist/flash-file.ts";
import { planPersistentSpace } from "../../emulator/persist/persistent-space.ts";
import { encodeRaw } from "../../emulator/persist/raw-memory.ts";
import { flashPath } from "../../supervisor/process/served-device.ts";
import { EXIT_HELD } from "../exit-codes.ts";
import { readInput, requireWritable, writeOutput } from "../input.ts";
import { UsageError } from "../options.ts";
import { type CtlValues, directoryOf } from "./said.ts";

/** Four regions of 16 MiB, and the records that may follow them. */
const MOST_FILE_BYTES = 512 * 1024 * 1024;

/**
 * What the file keeps at this moment is a state that memory had, whoever writes it meanwhile: all that was acknowledged is
 * in it, and of the last milliseconds perhaps not all. Throws {@link UsageError}.
 */
export function readFlash(words: readonly string[], values: CtlValues): () => Promise<number> {
  const [verb = "", output = ""] = words;
  if (verb !== "read") throw new UsageError(`flash has no command "${verb}": it must be read`);
  requireWritable(output, "the raw memory");
  return async () => {
    const file = flashPath(directoryOf(values));
    const bytes = readInput("the flash file", file, MOST_FILE_BYTES);
    const raw = rawOf(file, bytes);
    writeOutput("the raw memory", output, raw);
    process.stdout.write(`${output}: ${raw.length} bytes of raw memory\n`);
    return EXIT_HELD;
  };
}

function rawOf(file: string, bytes: Uint8Array): Uint8Array {
  try {
    const space = planPersistentSpace(planLayout({ ...DEFAULT_MEMORY_CONFIG, ...readGeometry(bytes) }));
    return encodeRaw(space, openFlashFile(bytes, space).image);
  } catch (error) {
    if (!(error instanceof FlashFileError || error instanceof MemoryConfigError)) throw error;
    throw new UsageError(`the flash file ${file} cannot be read: ${error.message}`);
  }
}
