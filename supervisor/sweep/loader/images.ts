/** The images that a loader is given, and which of them bytes in flash are. */
import { parseImage } from "../../../controller/image/format.ts";
import type { LoaderImages, LoaderMode, LoaderProfile } from "../../core/loader-profile.ts";

/** old, new, newer, size-0, size-1, …, bad-0, bad-1, … */
export type ImageName = string;

export interface NamedImage {
  readonly name: ImageName;
  readonly bytes: Uint8Array;
  /** It may run. */
  readonly isGood: boolean;
}

/** Where the flags are in an image's header. */
const FLAGS_OFFSET = 16;

/** By image, the security counter that it carries, if it does. */
export function securityCounters(images: readonly NamedImage[]): ReadonlyMap<ImageName, number> {
  return new Map(
    images.flatMap(({ name, bytes }) => {
      // Flags say where and how it is executed, which is not ours to judge. A Buffer's slice() would be no copy.
      const unflagged = Uint8Array.from(bytes).fill(0, FLAGS_OFFSET, FLAGS_OFFSET + 4);
      const parsed = parseImage(unflagged, Number.POSITIVE_INFINITY);
      const counter = parsed.ok ? parsed.image.securityCounter : undefined;
      return counter === undefined ? [] : [[name, counter] as const];
    }),
  );
}

/** Of a mixed image at least so much is one that was given. */
const MOSTLY = 0.5;

export function namedImages({ old, new: next, newer, sizes, bad }: LoaderImages): readonly NamedImage[] {
  return [
    { name: "old", bytes: old, isGood: true },
    { name: "new", bytes: next, isGood: true },
    ...(newer === undefined ? [] : [{ name: "newer", bytes: newer, isGood: true }]),
    ...sizes.map((bytes, index) => ({ name: sizeName(index), bytes, isGood: true })),
    ...bad.map((bytes, index) => ({ name: `bad-${index}`, bytes, isGood: false })),
  ];
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
  return images.find(({ bytes }) => Buffer.compare(slot.subarray(0, bytes.length), bytes) === 0);
}

/** The image that most of a slot's bytes are of. */
export function mostlyIn(slot: Uint8Array, images: readonly NamedImage[]): NamedImage | undefined {
  let [best, most]: [NamedImage | undefined, number] = [undefined, MOSTLY];
  for (const image of images) {
    const { bytes } = image;
    let same = 0;
    for (let at = 0; at < bytes.length; at += 1) if (slot[at] === bytes[at]) same += 1;
    if (same / bytes.length > most) [best, most] = [image, same / bytes.length];
  }
  return best;
}
