/**
 * Crash dumps: what a version was when it failed, in one msgpack value, and a directory that holds the last of them.
 *
 * What may be overwritten by the next version was kept at the stop (kept-state.ts); the dump is put together and
 * written once that version is ready or safe mode is reached, off the failover's path. Bounds: MAX_DUMPS files of
 * at most MAX_DUMP_BYTES; while MAX_PENDING wait for the disk further ones are counted, not kept.
 */
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { UartRing } from "../../controller/devices/uart-ring.ts";
import type { Logger } from "../../emulator/base/log.ts";
import { decodePlain, encodePlain, PlainDataError } from "../../emulator/base/plain-data.ts";
import { formatVersion } from "../../emulator/base/version.ts";
import { UnreadableBlocks } from "../../emulator/flash/unreadable-blocks.ts";
import type { DeviceEvent } from "../../emulator/memory/events.ts";
import type { Table } from "../../emulator/table/table.ts";
import type { DumpMemory } from "../core/config.ts";
import type { Device } from "./device.ts";
import { DUMP_UART_BYTES, dumpFault } from "./dump-shape.ts";
import type { Crash } from "./failover-record.ts";
import type { FailureReport } from "./failure.ts";
import { withMessage } from "./failure-message.ts";
import { type ImageFrame, imageFrameOf } from "./image-frame.ts";

export const MAX_DUMPS = 32;
export const MAX_DUMP_BYTES = 64 * 1024;
const MAX_PENDING = 4;
const DUMP_FORMAT = "flipside dump 1";

export interface CrashDump {
  readonly format: typeof DUMP_FORMAT;
  /** ISO 8601. */
  readonly time: string;
  readonly bootEpoch: number;
  readonly failure: FailureReport;
  readonly fromRegion: number;
  /** -1: safe mode. */
  readonly toRegion: number;
  /** "1.1.0" */
  readonly version: string;
  /** The first words of the hart, as controller/cpu/hart.ts orders them: Hart.DUMPED_WORDS. */
  readonly hart: readonly number[];
  /** Without bytes where the stack pointer was not in RAM, or memory was to be left out. */
  readonly stack: { readonly address: number; readonly bytes: Uint8Array };
  /** The last characters that the UART sent. */
  readonly uart: string;
  readonly tableBefore: Table;
  readonly tableAfter: Table;
  readonly timeline: readonly DeviceEvent[];
  /** Of the image that failed. Absent where it could not be read, or is of unusual size, and in older dumps. */
  readonly image?: ImageFrame;
}

/** A file that is no dump; `message` is one sentence. */
export class DumpError extends Error {
  override readonly name = "DumpError";
}

export function encodeDump(dump: Omit<CrashDump, "format">): Uint8Array {
  return encodePlain({ format: DUMP_FORMAT, ...dump });
}

/** @param format what a value says of itself, and is not {@link DUMP_FORMAT} */
function describeForeign(format: unknown): string {
  const [, version] = /^flipside dump (\d{1,9})$/.exec(String(format)) ?? [];
  if (version === undefined) return "it is no crash dump of flipside";
  return `it is of version ${version} of the crash dump, and this flipside reads version ${DUMP_FORMAT.split(" ").at(-1)}`;
}

/** Throws {@link DumpError}. */
export function decodeDump(bytes: Uint8Array): CrashDump {
  let value: unknown;
  try {
    value = decodePlain(bytes, { maxValues: MAX_DUMP_BYTES });
  } catch (error) {
    if (error instanceof PlainDataError) throw new DumpError(error.message);
    throw error;
  }
  const format = (value as { readonly format?: unknown } | null)?.format;
  if (format !== DUMP_FORMAT) throw new DumpError(describeForeign(format));
  const fault = dumpFault(value);
  if (fault !== undefined) throw new DumpError(`it is no whole crash dump of flipside: its ${fault}`);
  return value as CrashDump;
}

function regionOf({ memory, layout }: Device, region: number): Uint8Array {
  return new Uint8Array(memory.buffer, layout.regions[region], layout.config.regionBytes);
}

/** Everything that the next failure may overwrite is copied. */
export function dumpOf(
  device: Device,
  uart: UartRing,
  crash: Crash,
  memory: DumpMemory = "stack",
): Omit<CrashDump, "format"> {
  const { kept, table } = device;
  const { failure, fromRegion, tableBefore, eventsFrom } = crash;
  const stackBytes = memory === "none" ? 0 : kept.stackBytes;
  const version = tableBefore.regions[fromRegion]?.version;
  const blocks = new UnreadableBlocks(device.memory, device.layout);
  const bytes = regionOf(device, fromRegion);
  const image = imageFrameOf(bytes, blocks.firstIn(fromRegion, 0, bytes.length));
  return {
    time: new Date().toISOString(),
    bootEpoch: device.bootEpoch,
    failure: withMessage(failure),
    fromRegion,
    toRegion: table.active,
    version: version === undefined ? "" : formatVersion(version),
    hart: [...kept.hart],
    stack: { address: kept.stackAddress, bytes: kept.stack.slice(0, stackBytes) },
    uart: uart.text(DUMP_UART_BYTES),
    tableBefore,
    tableAfter: table,
    timeline: device.events.read(eventsFrom),
    ...(image === undefined ? {} : { image }),
  };
}

/** A file by rename, whole. What has the other name already is no file of this store's: a link is not followed. */
async function putFile(path: string, bytes: Uint8Array): Promise<void> {
  const unfinished = `${path}.new`;
  await rm(unfinished, { force: true });
  try {
    await writeFile(unfinished, bytes, { mode: 0o600, flag: "wx" });
    await rename(unfinished, path);
  } catch (error) {
    // It takes the room that others need.
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** Names sort by age: "000012-panic.dump". */
const NAME = /^(\d{6,})-[a-z-]+\.dump$/;

export class DumpStore {
  readonly #directory: string;
  readonly #log: Logger;
  #writing: Promise<void> = Promise.resolve();
  #pending = 0;
  #dropped = 0;
  #next: number | undefined;

  constructor(directory: string, log: Logger) {
    this.#directory = directory;
    this.#log = log;
  }

  /** Dumps that were not kept because too many waited, or because they could not be written. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Writes a dump in the background. */
  add(dump: Omit<CrashDump, "format">): void {
    if (this.#pending >= MAX_PENDING) {
      this.#dropped += 1;
      return;
    }
    const bytes = encodeDump(dump);
    this.#pending += 1;
    this.#writing = this.#writing
      .then(() => this.#write(bytes, dump.failure.evidence))
      .catch((error: unknown) => {
        this.#dropped += 1;
        this.#log.warn({ reason: String(error) }, "a crash dump cannot be written");
      })
      .finally(() => {
        this.#pending -= 1;
      });
  }

  /** The dumps that there are, oldest first, as their files hold them. */
  async stored(): Promise<readonly Uint8Array[]> {
    await this.settled();
    const names = await this.#names();
    return Promise.all(names.map((name) => readFile(join(this.#directory, name))));
  }

  /** Resolves when all that was added is written. */
  settled(): Promise<void> {
    return this.#writing;
  }

  async #names(): Promise<string[]> {
    return (await readdir(this.#directory)).filter((name) => NAME.test(name)).sort();
  }

  async #write(bytes: Uint8Array, evidence: string): Promise<void> {
    if (bytes.length > MAX_DUMP_BYTES) throw new DumpError(`${bytes.length} bytes are too many`);
    const names = await this.#names();
    this.#next ??= Number(NAME.exec(names.at(-1) ?? "")?.[1] ?? -1) + 1;
    const name = `${String(this.#next).padStart(6, "0")}-${evidence}.dump`;
    this.#next += 1;
    const path = join(this.#directory, name);
    await putFile(path, bytes);
    const surplus = names.slice(0, Math.max(0, names.length + 1 - MAX_DUMPS));
    for (const old of surplus) await rm(join(this.#directory, old), { force: true });
  }
}

/** The last dumps of a device that writes none. */
export class KeptDumps {
  readonly #dumps: Uint8Array[] = [];

  add(dump: Omit<CrashDump, "format">): void {
    this.#dumps.push(encodeDump(dump));
    if (this.#dumps.length > MAX_DUMPS) this.#dumps.shift();
  }

  async stored(): Promise<readonly Uint8Array[]> {
    return this.#dumps;
  }

  async settled(): Promise<void> {}
}
