/**
 * Files that flash devices of `flipside run --device` keep their content in, raw, as QEMU has them for its `pflash`.
 *
 * Invariant: from the start on a file holds what its device does, but for what has changed since {@link FlashFiles.keep}
 * was called last: whatever ends the program, the next run goes on from there.
 */
import { existsSync, openSync, writeSync } from "node:fs";
import type { BoardMachine, ChangedPage } from "../../controller/bare/board-run.ts";
import type { BoardProfile } from "../../controller/profile.ts";
import { readInput, refusalOf } from "../input.ts";
import { UsageError } from "../options.ts";
import type { FlashFile } from "./said.ts";

export class FlashFiles {
  readonly #files: ReadonlyMap<number, FlashFile>;
  /** Descriptors, by device. */
  readonly #open = new Map<number, number>();

  /** Throws {@link UsageError}. */
  constructor(files: readonly FlashFile[], { flash }: BoardProfile) {
    const byDevice = new Map<number, FlashFile>();
    for (const each of files) {
      const device = flash.findIndex(({ name }) => name === each.name);
      if (device < 0) {
        const names = flash.map(({ name }) => name).join(", ");
        throw new UsageError(`--flash names ${each.name}: there is no such flash device, but ${names}`);
      }
      if (byDevice.has(device)) throw new UsageError(`--flash names ${each.name} twice`);
      byDevice.set(device, each);
    }
    this.#files = byDevice;
  }

  /** A file says what the device holds: nothing else is put there. */
  isFilled(device: number): boolean {
    const file = this.#files.get(device)?.file;
    return file !== undefined && existsSync(file);
  }

  /** What the files hold becomes what the devices do. Throws {@link UsageError}. */
  fill(board: BoardMachine): void {
    for (const [device, { name, file }] of this.#files) {
      if (!this.isFilled(device)) continue;
      const cells = board.flash(device);
      const content = readInput(`the content of ${name}`, file, cells.length);
      if (content.length !== cells.length)
        throw new UsageError(`${file} has ${content.length} bytes, and ${name} has ${cells.length}`);
      cells.set(content);
    }
  }

  /** Opens the files to be written, and makes those that are not there. Throws {@link UsageError}. */
  begin(board: BoardMachine): void {
    for (const [device, { name, file }] of this.#files) {
      const isFilled = this.isFilled(device);
      this.#try(name, () => this.#open.set(device, openSync(file, isFilled ? "r+" : "w")));
      if (!isFilled) this.keep({ device, offset: 0, bytes: board.flash(device) });
    }
  }

  /** Throws {@link UsageError}. */
  keep({ device, offset, bytes }: ChangedPage): void {
    const descriptor = this.#open.get(device);
    if (descriptor === undefined) return;
    this.#try(this.#files.get(device)?.name ?? "", () => {
      for (let done = 0; done < bytes.length; )
        done += writeSync(descriptor, bytes, done, bytes.length - done, offset + done);
    });
  }

  #try(name: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      throw refusalOf(`the content of ${name} cannot be written`, error);
    }
  }
}
