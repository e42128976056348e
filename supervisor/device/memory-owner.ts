/**
 * The memory emulator worker as the supervisor holds it: powered on, asked, and replaced when it dies.
 *
 * The shared memory outlives the worker that made it, so the controller runs on meanwhile; what the worker had not
 * brought into the flash file is still in the ring, and its successor goes on there. Invariants: never two workers on
 * one flash file (the next one starts after the exit of the one before); a worker that dies over and over is not
 * replaced for ever: then nothing is sure any more.
 */
import type {
  FlashFileConfig,
  HashAlgorithm,
  MemoryApi,
  MemoryFault,
  PoweredMemory,
} from "../../emulator/api.ts";
import type { Link } from "../../emulator/base/link.ts";
import type { Logger } from "../../emulator/base/log.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import type { MemoryConfig } from "../../emulator/memory/layout.ts";
import type { Launcher } from "../launch.ts";
import { type WorkerEnd, WorkerThread } from "./worker-thread.ts";

const CALL_DEADLINE_MS = 10_000;
/** With more deaths within the window the process gives itself up: its guardian starts from the flash file. */
export const MEMORY_DEATHS = { most: 5, windowMs: 10_000 } as const;

export class MemoryOwner {
  readonly #launcher: Launcher;
  readonly #flashFile: FlashFileConfig | null;
  readonly #log: Logger;
  readonly #fatal: (reason: string) => void;
  #thread: WorkerThread<MemoryApi>;
  #powered: PoweredMemory | undefined;
  #closing = false;
  #deathsMs: number[] = [];
  #replacements = 0;
  /** Resolves when the worker that lives can be asked. */
  #takenOver: Promise<void> = Promise.resolve();

  constructor(
    launcher: Launcher,
    flashFile: FlashFileConfig | null,
    log: Logger,
    fatal: (reason: string) => void,
  ) {
    this.#launcher = launcher;
    this.#flashFile = flashFile;
    this.#log = log;
    this.#fatal = fatal;
    this.#thread = this.#launch();
  }

  /** Workers that took over from one that died. */
  get replacements(): number {
    return this.#replacements;
  }

  async powerOn(config: MemoryConfig, images: readonly Uint8Array[]): Promise<PoweredMemory> {
    const { link } = this.#thread;
    this.#powered = await link.call(CALL_DEADLINE_MS, "powerOn", config, images, this.#flashFile);
    return this.#powered;
  }

  /** Hash of the first bytes of a region. */
  async hash(region: number, byteCount: number, algorithm: HashAlgorithm): Promise<Uint8Array> {
    return this.#read((link) => link.call(CALL_DEADLINE_MS, "hash", region, byteCount, algorithm));
  }

  async digests(): Promise<readonly string[]> {
    return this.#read((link) => link.call(CALL_DEADLINE_MS, "digests"));
  }

  async erase(region: number, imageBytes: number): Promise<void> {
    await this.#takenOver;
    await this.#thread.link.call(this.#writeDeadlineMs(), "erase", region, imageBytes);
  }

  async program(region: number, image: Uint8Array): Promise<void> {
    await this.#takenOver;
    await this.#thread.link.call(this.#writeDeadlineMs(), "program", region, image);
  }

  /** Of a whole region, whose flash takes its time. */
  #writeDeadlineMs(): number {
    if (this.#powered === undefined) return CALL_DEADLINE_MS;
    const { regionBytes, sectorBytes, programUnitBytes, sectorEraseUs, unitProgramUs } =
      this.#powered.layout.config;
    const erasingUs = (regionBytes / sectorBytes) * sectorEraseUs;
    const programmingUs = (regionBytes / programUnitBytes) * unitProgramUs;
    return CALL_DEADLINE_MS + Math.max(erasingUs, programmingUs) / 1000;
  }

  /** Why nothing becomes durable at the moment; null while all is well. */
  async persistenceFailure(): Promise<string | null> {
    return this.#read((link) => link.call(CALL_DEADLINE_MS, "persistenceFailure"));
  }

  async flip(offset: number, bit: number): Promise<void> {
    await this.#takenOver;
    await this.#thread.link.call(CALL_DEADLINE_MS, "flip", offset, bit);
  }

  async spoil(offset: number): Promise<void> {
    await this.#takenOver;
    await this.#thread.link.call(CALL_DEADLINE_MS, "spoil", offset);
  }

  /** Makes the worker fail; resolves once it has been told. */
  async fail(fault: MemoryFault): Promise<void> {
    await this.#takenOver;
    if (fault === "terminate") void this.#thread.terminate(CALL_DEADLINE_MS);
    // Its death is the answer.
    else void this.#thread.link.call(CALL_DEADLINE_MS, "fail", fault).catch(() => undefined);
  }

  /** Brings all to stable storage, as far as that is possible, and ends the worker. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#takenOver.catch(() => undefined);
    await this.#thread.link.call(CALL_DEADLINE_MS, "powerOff").catch(() => undefined);
    await this.#thread.terminate(CALL_DEADLINE_MS);
  }

  /** What changes nothing and was asked of a worker that died meanwhile is asked of its successor. */
  async #read<T>(ask: (link: Link<MemoryApi>) => Promise<T>): Promise<T> {
    for (;;) {
      await this.#takenOver;
      const thread = this.#thread;
      try {
        return await ask(thread.link);
      } catch (error) {
        if (thread.end === undefined || this.#thread === thread) throw error;
      }
    }
  }

  #launch(): WorkerThread<MemoryApi> {
    return new WorkerThread<MemoryApi>(this.#launcher.memoryEmulator(), (end) => this.#onEnd(end));
  }

  #onEnd(end: WorkerEnd): void {
    if (this.#closing) return;
    const why = end.error?.message ?? `it exited with code ${end.exitCode}`;
    const nowMs = performance.now();
    this.#deathsMs = [...this.#deathsMs.filter((timeMs) => timeMs > nowMs - MEMORY_DEATHS.windowMs), nowMs];
    if (this.#powered === undefined || this.#deathsMs.length > MEMORY_DEATHS.most) {
      this.#fatal(`the memory emulator worker has ended: ${why}`);
      return;
    }
    this.#log.warn({ why }, "the memory emulator worker has ended; another one takes over");
    this.#replacements += 1;
    this.#thread = this.#launch();
    this.#takenOver = this.#takeOver(this.#powered);
  }

  async #takeOver(powered: PoweredMemory): Promise<void> {
    const thread = this.#thread;
    try {
      await thread.link.call(CALL_DEADLINE_MS, "takeOver", powered, this.#flashFile);
    } catch (error) {
      // It died, too: then its own end has been seen, and the next one is on its way.
      if (this.#closing || thread.end !== undefined) return;
      this.#fatal(`the memory emulator worker cannot be replaced: ${errorMessage(error)}`);
    }
  }
}
