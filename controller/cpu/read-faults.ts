/** Memory that cannot be read, as flash whose ECC is not valid: what a hart may not do there, address by address. */
import type { ByteRanges } from "../../emulator/flash/byte-ranges.ts";
import type { UnreadableBlocks } from "../../emulator/flash/unreadable-blocks.ts";
import { Access, NO_ZONES, type Zones, zonesFrom } from "./access-zones.ts";
import { type AddressRange, isWithin } from "./address-range.ts";
import type { AddressSpace } from "./address-space.ts";

/** Bytes of memory that begins at `base`, as addresses. */
export function addressesOf(base: number, bytes: ByteRanges): readonly AddressRange[] {
  return bytes.map(({ start, end }) => ({ first: base + start, last: base + end - 1 }));
}

/** Loads and fetches there are refused. */
export function readFaults(ranges: readonly AddressRange[]): Zones {
  if (ranges.length === 0) return NO_ZONES;
  return zonesFrom(
    ranges.flatMap(({ first, last }) => [first, last + 1]),
    (address) => (isWithin(ranges, address) ? Access.LOAD | Access.FETCH : 0),
  );
}

/** Of the regions, by each address at which they are seen: their own, and the window's. */
export function regionReadFaults(space: AddressSpace, blocks: UnreadableBlocks): Zones {
  if (blocks.isWithoutEcc) return NO_ZONES;
  const { regions } = space.layout;
  const seen = space.ranges.flatMap(({ kind, base, offset }) => {
    const region = kind === "window" ? space.region : regions.indexOf(offset);
    return region < 0 ? [] : addressesOf(base, blocks.in(region));
  });
  return readFaults(seen);
}
