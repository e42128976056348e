/** What people read. */

/** What was thrown, in words: anything may be. */
export function errorMessage(thrown: unknown): string {
  return inWords(thrown instanceof Error ? thrown.message : thrown);
}

/** As String() has it, also of an object that does not let itself be told. */
export function inWords(value: unknown): string {
  try {
    return String(value);
  } catch {
    return `something of type ${typeof value}`;
  }
}

/**
 * A text from elsewhere as one line that a terminal shows and does not obey: what controls, directs or breaks it becomes
 * a dot, and no more than `maxChars` are left.
 */
export function visibleText(text: string, maxChars = 1000): string {
  const shown = text.slice(0, maxChars).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "·");
  return text.length > maxChars ? `${shown}…` : shown;
}

/** As a program's text has it: 0x2a. */
export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** A 32-bit word, signed or not, at its full width: 0x0000002a. */
export function hex32(word: number): string {
  return `0x${(word >>> 0).toString(16).padStart(8, "0")}`;
}

/** "1 failover", "2 failovers". @param many where it is not the one with an s */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
