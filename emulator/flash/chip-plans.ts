/** What an erase and a program of a chip do to its words, unit by unit. */
import { type ChipGeometry, erasedWord, type SectorMap } from "./chip-geometry.ts";
import type { UnitPlan, UnitRule } from "./unit-operation.ts";

/** Sector by sector. */
export function erasePlan(
  geometry: ChipGeometry,
  sectors: SectorMap,
  offset: number,
  byteCount: number,
): UnitPlan {
  const first = sectors.at(offset)?.index ?? 0;
  const last = sectors.at(offset + byteCount - 1)?.index ?? first;
  return {
    kind: "erase",
    rule: "store",
    units: last - first + 1,
    unitOffset: (index) => sectors.offsetOf(first + index),
    targets: erasedWord(geometry),
    preprogrammed: ~erasedWord(geometry),
  };
}

/** Write block by write block. @param data copied */
export function programPlan(geometry: ChipGeometry, offset: number, data: Uint8Array): UnitPlan {
  const { writeBlockBytes, erasedByte } = geometry;
  const lead = offset % 4;
  const bytes = new Uint8Array(Math.ceil((lead + data.length) / 4) * 4).fill(erasedByte);
  bytes.set(data, lead);
  return {
    kind: "program",
    rule: programRule(geometry),
    units: data.length / writeBlockBytes,
    unitOffset: (index) => offset + index * writeBlockBytes,
    targets: new Int32Array(bytes.buffer),
    preprogrammed: ~erasedWord(geometry),
  };
}

/** Cells that are to hold what erased ones do are not driven, but where anything may be stored over anything. */
function programRule({ program, erasedByte }: ChipGeometry): UnitRule {
  if (program === "overwrite") return "store";
  return erasedByte === 0 ? "set" : "clear";
}
