/** Ranges of addresses that reach up to the last one there is. */

/** Both ends belong to it, as numbers from 0 to 2^32 - 1. */
export interface AddressRange {
  readonly first: number;
  readonly last: number;
}

/** Whether an address is in one of the ranges. */
export function isWithin(ranges: readonly AddressRange[], address: number): boolean {
  const at = address >>> 0;
  return ranges.some(({ first, last }) => at >= first && at <= last);
}
