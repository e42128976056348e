/**
 * Which accesses need a second look, address by address: those that a mode may not make (pmp.ts), and any that somebody
 * wants to be asked about before they are made.
 *
 * Invariants: `starts` ascend from 0, no two neighbours have the same kinds; a zone ends where the next one starts, the
 * last one at 2^32. Pure.
 */

/** Kinds of access, as bits: those of R, W and X in a PMP entry. An AMO and SC are stores, LR is a load. */
export const enum Access {
  LOAD = 1,
  STORE = 2,
  FETCH = 4,
  ALL = 7,
}

export interface Zones {
  readonly starts: readonly number[];
  /** {@link Access} bits of each zone. */
  readonly kinds: readonly number[];
}

export const ADDRESSES = 2 ** 32;
/** No access anywhere. */
export const NO_ZONES: Zones = { starts: [0], kinds: [0] };
/** Every access everywhere. */
export const ALL_ZONES: Zones = { starts: [0], kinds: [Access.ALL] };

/** A range of addresses. */
export interface Extent {
  readonly first: number;
  readonly behind: number;
}

/** @param boundaries addresses at which `kindsAt` may change, in any order */
export function zonesFrom(boundaries: readonly number[], kindsAt: (address: number) => number): Zones {
  const starts: number[] = [];
  const kinds: number[] = [];
  const inside = boundaries.filter((address) => address > 0 && address < ADDRESSES).sort((a, b) => a - b);
  for (const start of [0, ...inside]) {
    const here = kindsAt(start);
    if (here === kinds.at(-1)) continue;
    starts.push(start);
    kinds.push(here);
  }
  return { starts, kinds };
}

/** What any of them says. */
export function unionOf(all: readonly Zones[]): Zones {
  const several = all.filter((zones) => zones !== NO_ZONES);
  if (several.length <= 1) return several[0] ?? NO_ZONES;
  return zonesFrom(
    several.flatMap(({ starts }) => starts),
    (address) => several.reduce((kinds, zones) => kinds | kindsAt(zones, address), 0),
  );
}

/** Number of the zone that `address` lies in. */
function zoneAt({ starts }: Zones, address: number): number {
  let zone = starts.length - 1;
  while (zone > 0 && (starts[zone] as number) > address) zone--;
  return zone;
}

/** {@link Access} bits at an address from 0 to 2^32 - 1. */
export function kindsAt(zones: Zones, address: number): number {
  return zones.kinds[zoneAt(zones, address)] as number;
}

/** The {@link Access} bits of all addresses of an extent. */
export function kindsWithin(zones: Zones, { first, behind }: Extent): number {
  let kinds = 0;
  for (let zone = zoneAt(zones, first); (zones.starts[zone] ?? ADDRESSES) < behind; zone++) {
    kinds |= zones.kinds[zone] as number;
  }
  return kinds;
}

/** The parts of an extent in which no access of these kinds needs a second look, ascending and apart. */
export function freeExtents(zones: Zones, { first, behind }: Extent, access: number): Extent[] {
  const free: Extent[] = [];
  for (let zone = zoneAt(zones, first); (zones.starts[zone] ?? ADDRESSES) < behind; zone++) {
    if (((zones.kinds[zone] as number) & access) !== 0) continue;
    const from = Math.max(zones.starts[zone] as number, first);
    const to = Math.min(zones.starts[zone + 1] ?? ADDRESSES, behind);
    const last = free.at(-1);
    if (last?.behind === from) free[free.length - 1] = { first: last.first, behind: to };
    else free.push({ first: from, behind: to });
  }
  return free;
}

/** The largest extent around `address` in which no access of these kinds needs a second look; empty where one does. */
export function freeAround(zones: Zones, address: number, access: number): Extent {
  const isFree = (zone: number): boolean => ((zones.kinds[zone] ?? access) & access) === 0;
  let from = zoneAt(zones, address);
  if (!isFree(from)) return { first: address, behind: address };
  let to = from;
  while (isFree(from - 1)) from--;
  while (isFree(to + 1)) to++;
  return { first: zones.starts[from] as number, behind: zones.starts[to + 1] ?? ADDRESSES };
}
