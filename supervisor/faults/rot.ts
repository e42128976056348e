/**
 * Kinds of rot: which bit of memory is flipped for each, or which block made unreadable, drawn from a seed. Only what something
 * covers: what is found can be judged.
 */

import { Random } from "../../emulator/base/random.ts";
import { NVRAM_OFFSET, regionOffset, TABLE_OFFSET } from "../../emulator/persist/persistent-space.ts";
import { FLOOR_WORD, REPLICA_WORD } from "../../emulator/table/nvram.ts";
import { tableCodec } from "../../emulator/table/table-codec.ts";
import type { Device } from "../device/device.ts";
import { ROT_KINDS, type RotKind } from "./catalogue.ts";

/** Bytes of the two pairs of the floor. */
const FLOOR_BYTES = 16;
const ROTTEN_NVRAM_BYTES = 4096;

export function isRot(kind: string): kind is RotKind {
  return ROT_KINDS.some((known) => known === kind);
}

/** An image that is in use: only what its digest covers, and the digest, rots. */
export interface RottenImage {
  readonly region: number;
  readonly headerBytes: number;
  readonly imageBytes: number;
}

/** What there is to rot. */
export interface RottenMemory {
  readonly regions: number;
  readonly regionBytes: number;
  readonly nvramBytes: number;
  /** The regions' flash has ECC. */
  readonly ecc: boolean;
  readonly executing: RottenImage | undefined;
  readonly standby: RottenImage | undefined;
}

export interface RottenBit {
  /** In the persistent space. */
  readonly offset: number;
  /** Undefined: more bits of its block flip than ECC corrects. */
  readonly bit: number | undefined;
}

export function rottenMemory({ layout, crew, policy }: Device): RottenMemory {
  const image = (region: number | undefined): RottenImage | undefined => {
    const facts = region === undefined ? undefined : policy.images[region];
    return region === undefined || facts?.usable !== true ? undefined : { ...facts, region };
  };
  return {
    regions: layout.regions.length,
    regionBytes: layout.config.regionBytes,
    nvramBytes: layout.config.nvramBytes,
    ecc: layout.config.ecc,
    executing: image(crew.executing?.region),
    standby: image(crew.standby?.region),
  };
}

/** The bits that flip, drawn from the seed; none where there is nothing to rot. */
export function rottenBits(kind: RotKind, memory: RottenMemory, seed: number): RottenBit[] {
  const random = new Random(seed);
  const isBlock = kind === "unreadable-executing";
  return rottenBytes(kind, memory, random).map((offset) => ({
    offset,
    bit: isBlock ? undefined : random.below(8),
  }));
}

function rottenBytes(kind: RotKind, memory: RottenMemory, random: Random): number[] {
  const inReplica = (replica: 0 | 1): number => {
    const bytes = tableCodec(memory.regions).words * 4;
    return TABLE_OFFSET + REPLICA_WORD[replica] * 4 + random.below(bytes);
  };
  switch (kind) {
    case "rot-executing":
      return inImage(memory.executing, memory, random);
    case "unreadable-executing":
      return memory.ecc ? inImage(memory.executing, memory, random) : [];
    case "rot-standby":
      return inImage(memory.standby, memory, random);
    case "rot-replica":
      return [inReplica(random.below(2) === 0 ? 0 : 1)];
    case "rot-both-replicas":
      return [inReplica(0), inReplica(1)];
    case "rot-floor":
      return [TABLE_OFFSET + FLOOR_WORD * 4 + random.below(FLOOR_BYTES)];
    case "rot-nvram":
      return [NVRAM_OFFSET + random.below(ROTTEN_NVRAM_BYTES)];
  }
}

/** A byte behind the image's header, which its digest covers or which is the digest: behind the image nobody looks. */
function inImage(image: RottenImage | undefined, memory: RottenMemory, random: Random): number[] {
  if (image === undefined) return [];
  const { region, headerBytes, imageBytes } = image;
  return [regionOffset(memory, region) + headerBytes + random.below(imageBytes - headerBytes)];
}
