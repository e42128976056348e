/**
 * Writes an image into a region as NOR flash takes it: the sectors that are not erased are erased, then the image is
 * programmed unit by unit. Whoever keeps the memory hears of each unit as it is made.
 */
import type { FlashStart, NorFlash } from "./flash.ts";
import { ERASED } from "./persistent-space.ts";

/** Makes one unit; `make` changes the bytes from `offset` of the region on. */
export type MakeUnit = (
  kind: "erase" | "program",
  offset: number,
  byteCount: number,
  make: () => void,
) => void;

/** The flash refused; `name` is the refusal's. */
export class FlashRefusedError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/**
 * @param bytes the region
 * Throws {@link FlashRefusedError}.
 */
export function writeImage(flash: NorFlash, bytes: Uint8Array, image: Uint8Array, makeUnit: MakeUnit): void {
  const { regionBytes, sectorBytes, programUnitBytes } = flash.geometry;
  for (let offset = 0; offset < regionBytes; offset += sectorBytes) {
    const erased = bytes.subarray(offset, offset + sectorBytes).every((byte) => byte === ERASED);
    if (!erased) carryOut(flash.erase(offset, sectorBytes), offset, sectorBytes, makeUnit);
  }
  const padded = new Uint8Array(Math.ceil(image.length / programUnitBytes) * programUnitBytes).fill(ERASED);
  padded.set(image);
  if (padded.length > 0) carryOut(flash.program(0, padded), 0, programUnitBytes, makeUnit);
}

function carryOut(start: FlashStart, offset: number, unitBytes: number, makeUnit: MakeUnit): void {
  if (!start.ok) throw new FlashRefusedError(start.refusal.name, start.refusal.message);
  const { operation } = start;
  while (!operation.done) {
    const at = offset + operation.unitsDone * unitBytes;
    makeUnit(operation.kind, at, unitBytes, () => operation.step());
  }
}
