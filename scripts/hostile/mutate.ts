/** Bytes as chance, a broken tool or an enemy leaves them: flipped, cut, repeated, with lengths that are none. */
import type { Random } from "../../emulator/base/random.ts";

/** No mutation makes more of its bytes than this and what they were. */
const MAX_GROWTH_BYTES = 65_536;
const MAX_MUTATIONS = 4;
const MAX_PIECE_BYTES = 4096;

/** Lengths, offsets and counts where readers go wrong. */
const EXTREMES: readonly number[] = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0,
  0xffff_ffff,
];

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

/** A place in bytes, more often than not near their beginning, where headers are. */
function placeIn({ length }: Uint8Array, random: Random): number {
  return random.below(random.below(2) === 0 ? Math.min(length, 256) : length);
}

function pieceOf(bytes: Uint8Array, random: Random): Uint8Array {
  const from = placeIn(bytes, random);
  return bytes.subarray(from, from + 1 + random.below(MAX_PIECE_BYTES));
}

function inserted(bytes: Uint8Array, at: number, piece: Uint8Array): Uint8Array {
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}

function flip(bytes: Uint8Array, random: Random): Uint8Array {
  for (let count = 1 + random.below(8); count > 0; count -= 1) {
    const at = placeIn(bytes, random);
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
  }
  return bytes;
}

function fill(bytes: Uint8Array, random: Random): Uint8Array {
  const at = placeIn(bytes, random);
  bytes.fill(random.pick([0, 0xff, random.below(256)]), at, at + 1 + random.below(64));
  return bytes;
}

/** A number of 16 or 32 bits, of either byte order. */
function setExtreme(bytes: Uint8Array, random: Random): Uint8Array {
  const at = placeIn(bytes, random) & ~random.pick([0, 1, 3]);
  const value = random.below(4) === 0 ? bytes.length + random.below(9) - 4 : random.pick(EXTREMES);
  const number = Buffer.alloc(4);
  if (random.below(4) === 0) number.writeUInt32BE(value >>> 0);
  else number.writeUInt32LE(value >>> 0);
  bytes.set(number.subarray(0, Math.min(random.pick([2, 4]), bytes.length - at)), at);
  return bytes;
}

function cut(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, placeIn(bytes, random));
}

function remove(bytes: Uint8Array, random: Random): Uint8Array {
  const at = placeIn(bytes, random);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(MAX_PIECE_BYTES))]);
}

function insert(bytes: Uint8Array, random: Random): Uint8Array {
  const piece = new Uint8Array(1 + random.below(64));
  random.fill(piece);
  return inserted(bytes, placeIn(bytes, random), piece);
}

function repeat(bytes: Uint8Array, random: Random): Uint8Array {
  const piece = pieceOf(bytes, random);
  const times = 1 + random.below(Math.floor(MAX_GROWTH_BYTES / MAX_MUTATIONS / piece.length));
  return inserted(bytes, placeIn(bytes, random), Buffer.concat(Array.from({ length: times }, () => piece)));
}

function move(bytes: Uint8Array, random: Random): Uint8Array {
  const piece = pieceOf(bytes, random).slice();
  bytes.set(piece, random.below(bytes.length - piece.length + 1));
  return bytes;
}

const MUTATIONS: readonly Mutation[] = [
  flip,
  flip,
  fill,
  setExtreme,
  setExtreme,
  setExtreme,
  cut,
  remove,
  insert,
  repeat,
  move,
];

/** A changed copy; now and then none of the original is left. */
export function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  let changed = Uint8Array.from(bytes);
  for (let count = 1 + random.below(MAX_MUTATIONS); count > 0 && changed.length > 0; count -= 1) {
    changed = Uint8Array.from(random.pick(MUTATIONS)(changed, random));
  }
  return changed;
}
