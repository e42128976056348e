/** What people read. */

/** What was thrown, in words: anything may be. */
export function errorMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
