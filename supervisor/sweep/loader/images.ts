/** The images that a loader is given, and which of them bytes in flash are. */
import { type ParseResult, parseImage } from "../../../controller/image/format.ts";
import type { LoaderImages, LoaderMode, LoaderProfile } from "../../core/loader-profile.ts";

/** old, new, newer, size-0, size-1, …, bad-0, bad-1, … */
export type ImageName = string;

export interface NamedImage {
  readonly name: ImageName;
  readonly bytes: Uint8Array;
  /** What of these says that it is there: all but a trailer that it was padded with, whose marks the loader sets. */
  readonly unmarked: Uint8Array;
  /** It may run. */
  readonly isGood: boolean;
}

/** Where the flags are in an image's header. */
const FLAGS_OFFSET = 16;

/** The end of MCUboot's trailer, and so of an image that was padded with one, of marks 8 bytes wide and of wider ones. */
const TRAILER_ENDS = ["ef7f3552500f2cb67980", "5d29410b8d77679c110f1f8a"].map((end) =>
  Buffer.from(end, "hex"),
);

/** Flags say where and how an image is executed, which is not ours to judge. */
function parsed(bytes: Uint8Array): ParseResult {
  // A Buffer's slice() would be no copy.
  const unflagged = Uint8Array.from(bytes).fill(0, FLAGS_OFFSET, FLAGS_OFFSET + 4);
  return parseImage(unflagged, Number.POSITIVE_INFINITY);
}

/** By image, the security counter that it carries, if it does. */
export function securityCounters(images: readonly NamedImage[]): ReadonlyMap<ImageName, number> {
  return new Map(
    images.flatMap(({ name, bytes }) => {
      const result = parsed(bytes);
      const counter = result.ok ? result.image.securityCounter : undefined;
      return counter === undefined ? [] : [[name, counter] as const];
    }),
  );
}

/** Of a mixed image at least so much is one that was given. */
const MOSTLY = 0.5;

export function namedImages({ old, new: next, newer, sizes, bad }: LoaderImages): readonly NamedImage[] {
  return [
    named("old", old),
    named("new", next),
    ...(newer === undefined ? [] : [named("newer", newer)]),
    ...sizes.map((bytes, index) => named(sizeName(index), bytes)),
    ...bad.map((bytes, index) => named(`bad-${index}`, bytes, false)),
  ];
}

function named(name: ImageName, bytes: Uint8Array, isGood = true): NamedImage {
  return { name, bytes, unmarked: withoutTrailer(bytes), isGood };
}

function withoutTrailer(bytes: Uint8Array): Uint8Array {
  if (!TRAILER_ENDS.some((end) => Buffer.compare(bytes.subarray(-end.length), end) === 0)) return bytes;
  const result = parsed(bytes);
  return result.ok ? bytes.subarray(0, result.image.imageBytes) : bytes;
}

export function sizeName(index: number): ImageName {
  return `size-${index}`;
}

/** Of good images, by their versions: an update of another size is one of the old image. */
const RANKS: ReadonlyMap<ImageName, number> = new Map([
  ["old", 0],
  ["newer", 2],
]);

/** Whether the version of one good image is lower than another's. */
export function isLower(image: ImageName, than: ImageName): boolean {
  const rankOf = (name: ImageName): number => RANKS.get(name) ?? 1;
  return rankOf(image) < rankOf(than);
}

/** In these the image of the higher version runs, whatever is asked for. */
const BY_VERSION: readonly LoaderMode[] = ["direct-xip", "direct-xip-revert", "ram-load"];

/**
 * Whether the old image, where it comes after the new one, must not run. Where nobody says: if the version decides what
 * runs, or the new image carries a higher security counter, by which a loader that has counters refuses the old one.
 */
export function refusesDowngrades({ downgrades, mode, images }: LoaderProfile): boolean {
  if (downgrades !== undefined) return downgrades === "refused";
  if (BY_VERSION.includes(mode)) return true;
  const counters = securityCounters(namedImages(images));
  return (counters.get("old") ?? 0) < (counters.get("new") ?? 0);
}

/** The image that a slot's bytes begin with, whole; undefined for none. */
export function imageIn(slot: Uint8Array, images: readonly NamedImage[]): NamedImage | undefined {
  return images.find(({ unmarked }) => Buffer.compare(slot.subarray(0, unmarked.length), unmarked) === 0);
}

/** The image that most of a slot's bytes are of. */
export function mostlyIn(slot: Uint8Array, images: readonly NamedImage[]): NamedImage | undefined {
  let [best, most]: [NamedImage | undefined, number] = [undefined, MOSTLY];
  for (const image of images) {
    const { unmarked: bytes } = image;
    let same = 0;
    for (let at = 0; at < bytes.length; at += 1) if (slot[at] === bytes[at]) same += 1;
    if (same / bytes.length > most) [best, most] = [image, same / bytes.length];
  }
  return best;
}
