/**
 * What has changed in the bytes at a slot's end, in lines for a reader: 16 bytes each, as they were and as they are. Pure.
 *
 * Lines that are alike, one behind the other, are told once and counted; of many changes the first are told.
 */
import { plural } from "../../../emulator/base/text.ts";

const LINE_BYTES = 16;
/** Changes that are read; a trailer that was erased is one. */
const CHANGES_TOLD = 16;

interface Change {
  readonly offset: number;
  readonly before: string;
  readonly after: string;
  /** Lines behind it that have changed likewise. */
  alike: number;
}

/** @param offset of the first byte: lines begin at multiples of 16 */
export function trailerDiff(before: Uint8Array, after: Uint8Array, offset: number): readonly string[] {
  const changes = changesIn(before, after, offset);
  const lines = changes
    .slice(0, CHANGES_TOLD)
    .flatMap((change) => [
      `- ${placeOf(change)}  ${change.before}`,
      `+ ${placeOf(change)}  ${change.after}`,
      ...(change.alike === 0 ? [] : [`  ${plural(change.alike, "more line")} alike`]),
    ]);
  const more = changes.length - CHANGES_TOLD;
  return more > 0 ? [...lines, `  ${plural(more, "more change")}`] : lines;
}

function changesIn(before: Uint8Array, after: Uint8Array, offset: number): readonly Change[] {
  const changes: Change[] = [];
  let next = offset;
  for (let at = 0; at < after.length; ) {
    const end = Math.min(at + LINE_BYTES - ((offset + at) % LINE_BYTES), after.length);
    const [was, is] = [hexOf(before.subarray(at, end)), hexOf(after.subarray(at, end))];
    const last = changes.at(-1);
    const isAlike = last?.before === was && last.after === is && next === offset + at;
    if (was !== is) {
      if (last !== undefined && isAlike) last.alike += 1;
      else changes.push({ offset: offset + at, before: was, after: is, alike: 0 });
      next = offset + end;
    }
    at = end;
  }
  return changes;
}

function placeOf({ offset }: Change): string {
  return `0x${offset.toString(16)}`;
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
