/** A boot loader under test, as values: where images lie, what it does about an update, by what its words are known. */

import type { HartConfig } from "../../controller/cpu/hart-config.ts";
import type { BoardProfile } from "../../controller/profile.ts";

/**
 * direct-xip: the higher version runs where it lies. -revert: and has to confirm itself. swap: it changes places with the
 * old one, which it can be swapped back for. overwrite: it is copied over the old one. ram-load: it is copied into RAM.
 * single: one slot, nothing is updated.
 */
export const LOADER_MODES = [
  "direct-xip",
  "direct-xip-revert",
  "swap",
  "overwrite",
  "ram-load",
  "single",
] as const;
export type LoaderMode = (typeof LOADER_MODES)[number];

export const SLOTS = ["primary", "secondary", "scratch"] as const;
export type SlotName = (typeof SLOTS)[number];

export interface Slot {
  readonly name: SlotName;
  /** Index of the flash device. */
  readonly flash: number;
  readonly offset: number;
  readonly bytes: number;
}

export interface CodeRange {
  readonly base: number;
  readonly bytes: number;
}

/** Any of them. */
export interface Criterion {
  readonly mark?: number;
  readonly line?: string;
  readonly code?: CodeRange;
}

export const SAYINGS = ["up", "requested", "confirmed", "uploaded", "safe", "panic"] as const;
export type Saying = (typeof SAYINGS)[number];

/** Something that lies in memory before the first start. */
export interface PlacedBytes {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** What a loader does about an update of a lower version than the image that is confirmed. */
export const DOWNGRADES = ["accepted", "refused"] as const;
export type Downgrades = (typeof DOWNGRADES)[number];

/** As much as MCUboot's trailer of 128 sectors takes with write blocks of 8 bytes, and ours. */
export const DEFAULT_TRAILER_BYTES = 4096;

export interface LoaderImages {
  readonly old: Uint8Array;
  readonly new: Uint8Array;
  readonly newer: Uint8Array | undefined;
  /** Updates of the old one, as `new` is, of other sizes. */
  readonly sizes: readonly Uint8Array[];
  readonly bad: readonly Uint8Array[];
}

export interface LoaderProfile {
  readonly board: BoardProfile;
  readonly hart: HartConfig;
  readonly mode: LoaderMode;
  readonly slots: readonly Slot[];
  readonly programs: readonly PlacedBytes[];
  /** The ELF file of the loader, for names; undefined where it is a binary. */
  readonly elf: Uint8Array | undefined;
  readonly images: LoaderImages;
  readonly loadRanges: readonly CodeRange[];
  readonly request: "arrival" | "application";
  readonly uploads: boolean;
  /** Undefined: what is usual in this mode and with these images. */
  readonly downgrades: Downgrades | undefined;
  /** So many bytes at the end of each slot are a replay's to compare; all of a slot that has fewer. */
  readonly trailerBytes: number;
  readonly criteria: Readonly<Record<Saying, Criterion>>;
  readonly startMs: number | undefined;
  readonly erasesPerUpdate: number | undefined;
  readonly skip: readonly CodeRange[];
}
