/**
 * What an image has around its code: with it, code that somebody has can be told to be that image's, by the digest that
 * the table knows the image by. Only that is kept in a crash dump, not the code.
 */
import { parseImage } from "../../controller/image/format.ts";

export interface ImageFrame {
  readonly header: Uint8Array;
  readonly protectedTlvs: Uint8Array;
}

/** Of each of the two: MCUboot's have some hundred. */
export const MAX_FRAME_BYTES = 4096;

/**
 * Of the image at the start of `region`; undefined where there is none, or one of unusual size.
 * @param unreadableAt the first byte of the region that cannot be read
 */
export function imageFrameOf(region: Uint8Array, unreadableAt?: number): ImageFrame | undefined {
  const parsed = parseImage(region, region.length, unreadableAt);
  if (!parsed.ok) return undefined;
  const { headerBytes, bodyBytes, hashedBytes } = parsed.image;
  const bodyEnd = headerBytes + bodyBytes;
  if (headerBytes > MAX_FRAME_BYTES || hashedBytes - bodyEnd > MAX_FRAME_BYTES) return undefined;
  return { header: region.slice(0, headerBytes), protectedTlvs: region.slice(bodyEnd, hashedBytes) };
}
