/** Searching what is sorted. */

/** The last of the sorted ones whose key is at most `limit`. */
export function lastUpTo<T>(sorted: readonly T[], limit: number, keyOf: (one: T) => number): T | undefined {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keyOf(sorted[middle] as T) <= limit) low = middle + 1;
    else high = middle;
  }
  return sorted[low - 1];
}
