/**
 * The images that scenarios speak of by name: the two under test, what is derived from them, and two that do not
 * work. Derived images are real ones, with digest and, in the reference firmware, the build's own check word.
 */

import { encodeImage } from "../../../controller/image/encode.ts";
import type { ParsedImage } from "../../../controller/image/format.ts";
import { NO_REQUIREMENTS, verifyImage } from "../../../controller/image/verify.ts";
import { crc32c } from "../../../emulator/base/crc32c.ts";
import type { ErrorKind } from "../../../emulator/base/errors.ts";
import { compareVersions, formatVersion, type ImageVersion } from "../../../emulator/base/version.ts";
import type { EvidenceName } from "../../../emulator/memory/evidence.ts";
import { type Digest, digestFromBytes, type StoredImage } from "../../../emulator/table/table.ts";
import type { ImageFacts } from "./oracle/world.ts";

/**
 * a, b: the images under test, of different versions, both with the higher one's security counter, so that both may run
 * where a scenario has both. own-a, own-b: the same as they were given. update: a, one minor version on. a-2, b-1: a and b
 * with a counter that is higher by 2 and 1. update-2: update with a counter higher by 2. mute: never becomes ready.
 * crasher: traps at its first instruction.
 */
export const IMAGE_NAMES = [
  "a",
  "b",
  "update",
  "update-2",
  "a-2",
  "b-1",
  "mute",
  "crasher",
  "own-a",
  "own-b",
] as const;
export type ImageName = (typeof IMAGE_NAMES)[number];

export interface LibraryImage extends ImageFacts, StoredImage {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
}

/** An image under test that the sweep cannot use; `message` is one sentence for its user. */
export class SweepImageError extends Error {
  override readonly name = "SweepImageError";
  readonly kind: ErrorKind = "usage";
}

/** `wfi` and a jump back to it; an illegal instruction. The watchdog is never started. */
const MUTE_BODY = Uint8Array.of(0x73, 0x00, 0x50, 0x10, 0x6f, 0xf0, 0xdf, 0xff);
const CRASHER_BODY = new Uint8Array(8);
/** How these show. Neither has a trap handler. */
const FAILS: Readonly<Record<string, readonly EvidenceName[]>> = {
  mute: ["never-ready"],
  crasher: ["trap", "double-trap"],
};

/** @param a @param b MCUboot images whose versions differ, each no larger than a region */
export function imageLibrary(a: Uint8Array, b: Uint8Array): ReadonlyMap<string, LibraryImage> {
  const first = parse("image A", a);
  const second = parse("image B", b);
  const { version } = first;
  const later: ImageVersion = { ...version, minor: Math.min(version.minor + 1, 255) };
  const last: ImageVersion = { ...version, major: Math.min(version.major + 1, 255) };
  const [own, ownB] = [a.slice(0, first.imageBytes), b.slice(0, second.imageBytes)];
  const base = Math.max(counterOf(first), counterOf(second));
  const counting = base === 0 ? {} : { securityCounter: base };
  const images: readonly (readonly [ImageName, Uint8Array])[] = [
    ["a", counterOf(first) === base ? own : derive(a, first, version, base)],
    ["b", counterOf(second) === base ? ownB : derive(b, second, second.version, base)],
    ["update", derive(a, first, later, base === 0 ? undefined : base)],
    ["update-2", derive(a, first, later, base + 2)],
    ["a-2", derive(a, first, version, base + 2)],
    ["b-1", derive(b, second, second.version, base + 1)],
    ["mute", encodeImage({ body: MUTE_BODY, version: last, ...counting })],
    ["crasher", encodeImage({ body: CRASHER_BODY, version: last, ...counting })],
    ["own-a", own],
    ["own-b", ownB],
  ];
  return new Map(images.map(([name, bytes]) => [name, describe(name, bytes)]));
}

function counterOf({ securityCounter = 0 }: ParsedImage): number {
  return securityCounter;
}

function parse(what: string, bytes: Uint8Array): ParsedImage {
  const result = verifyImage(bytes, NO_REQUIREMENTS, Number.POSITIVE_INFINITY);
  if (!result.ok) throw new SweepImageError(`${what} is no usable MCUboot image: ${result.fault.message}`);
  return result.image;
}

function describe(name: string, bytes: Uint8Array): LibraryImage {
  const result = verifyImage(bytes, NO_REQUIREMENTS, Number.POSITIVE_INFINITY);
  if (!result.ok) throw new Error(`the image ${name} was made wrong: ${result.fault.message}`);
  const { version, sha256, securityCounter: counter = 0 } = result.image;
  const fails = FAILS[name] ?? [];
  return { name, bytes, version, digest: digestFromBytes(sha256), counter, rank: rank(version), fails };
}

/** Versions as numbers that compare as they do; the build is left out where it would not fit. */
function rank({ major, minor, revision, build }: ImageVersion): number {
  return ((major * 256 + minor) * 65_536 + revision) * 65_536 + Math.min(build, 65_535);
}

/** The same code as another version. The body's last word is made right where it is a CRC-32C of all before it. */
function derive(
  bytes: Uint8Array,
  image: ParsedImage,
  version: ImageVersion,
  securityCounter: number | undefined,
): Uint8Array {
  const { headerBytes, bodyBytes } = image;
  const body = Uint8Array.from(bytes.subarray(headerBytes, headerBytes + bodyBytes));
  const checkAt = headerBytes + bodyBytes - 4;
  const romFixed = (image.flags & 0x100) !== 0;
  const encode = () =>
    encodeImage({
      body,
      version,
      headerBytes,
      romFixed,
      ...(securityCounter === undefined ? {} : { securityCounter }),
    });
  const made = encode();
  const word = new DataView(bytes.buffer, bytes.byteOffset).getUint32(checkAt, true);
  if (word !== crc32c(bytes.subarray(0, checkAt)) >>> 0) return made;
  new DataView(body.buffer).setUint32(bodyBytes - 4, crc32c(made.subarray(0, checkAt)), true);
  return encode();
}

/** What an image derived of another may have more: the TLV of a security counter. */
const DERIVED_BYTES = 64;

/**
 * The two images of a sweep, the higher version first. Throws {@link SweepImageError}.
 * @param inAnyOrder whoever gave them did not say which is which
 */
export function imagePair(
  [first, second]: readonly [Uint8Array, Uint8Array],
  regionBytes: number,
  inAnyOrder: boolean,
): readonly [a: Uint8Array, b: Uint8Array] {
  const isSwapped = inAnyOrder && isHigher(second, first);
  const pair = isSwapped ? ([second, first] as const) : ([first, second] as const);
  checkImages(...pair, regionBytes);
  return pair;
}

function isHigher(one: Uint8Array, other: Uint8Array): boolean {
  return compareVersions(parse("an image", one).version, parse("an image", other).version) > 0;
}

/** Refuses what the scenarios cannot work with. */
function checkImages(a: Uint8Array, b: Uint8Array, regionBytes: number): void {
  const higher = parseFitting("image A", a, regionBytes).version;
  const lower = parseFitting("image B", b, regionBytes).version;
  if (compareVersions(higher, lower) > 0) return;
  // Scenarios say which of the two the boot decision prefers: with another order they find what is no fault.
  const versions = `image A has version ${formatVersion(higher)} and image B ${formatVersion(lower)}`;
  const remedy = compareVersions(higher, lower) < 0 ? "swap them" : "give B a lower version";
  throw new SweepImageError(`${versions}: A must be the higher one, ${remedy}`);
}

function parseFitting(what: string, bytes: Uint8Array, regionBytes: number): ParsedImage {
  const image = parse(what, bytes);
  if (image.imageBytes + DERIVED_BYTES <= regionBytes) return image;
  throw new SweepImageError(
    `${what} has ${image.imageBytes} bytes: a region has ${regionBytes}, and the sweep makes images of it that have up to ${DERIVED_BYTES} more`,
  );
}
