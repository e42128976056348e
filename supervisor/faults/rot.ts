/** Kinds of rot: which bit of memory is flipped for each. Only bits that something covers: what is found can be judged. */

import type { Random } from "../../emulator/base/random.ts";
import { NVRAM_OFFSET, regionOffset, TABLE_OFFSET } from "../../emulator/persist/persistent-space.ts";
import { FLOOR_WORD, REPLICA_WORD } from "../../emulator/table/nvram.ts";
import { tableCodec } from "../../emulator/table/table-codec.ts";
import type { Device } from "../device/device.ts";
import { ROT_KINDS, type RotKind } from "../survival/survival-kinds.ts";

/** Bytes of the two pairs of the floor. */
const FLOOR_BYTES = 16;
const ROTTEN_NVRAM_BYTES = 4096;

export function isRot(kind: string): kind is RotKind {
  return ROT_KINDS.some((known) => known === kind);
}

/** Offsets in the persistent space of the bytes of which one bit each flips; none where there is nothing to rot. */
export function rottenBytes(kind: RotKind, device: Device, random: Random): number[] {
  const inReplica = (replica: 0 | 1): number => {
    const bytes = tableCodec(device.layout.regions.length).words * 4;
    return TABLE_OFFSET + REPLICA_WORD[replica] * 4 + random.below(bytes);
  };
  switch (kind) {
    case "rot-executing":
      return inImage(device, device.crew.executing?.region, random);
    case "rot-standby":
      return inImage(device, device.crew.standby?.region, random);
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
function inImage(device: Device, region: number | undefined, random: Random): number[] {
  const facts = region === undefined ? undefined : device.policy.images[region];
  if (region === undefined || facts?.usable !== true) return [];
  const offset = regionOffset(device.layout.config.regionBytes, region);
  return [offset + facts.headerBytes + random.below(facts.imageBytes - facts.headerBytes)];
}
