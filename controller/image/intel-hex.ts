/**
 * Reads Intel HEX: machine code as lines of text, each with its address.
 *
 * The text is untrusted: whatever is wrong is told with its line, and no two records may give one byte. Where tools
 * read a record differently, as one that runs over the border of its 64 KiB, it is refused.
 *
 * Source: Intel, "Hexadecimal Object File Format Specification", revision A, 1988.
 */

/** Bytes that lie together. */
export interface HexBlock {
  readonly address: number;
  readonly data: Uint8Array;
}

export interface HexFile {
  readonly blocks: readonly HexBlock[];
  /** Where execution starts; undefined where the file does not say. */
  readonly entry: number | undefined;
}

export interface HexError {
  /** One sentence for the file's user. */
  readonly message: string;
}

const enum RecordType {
  DATA = 0,
  END = 1,
  SEGMENT = 2,
  START_SEGMENT = 3,
  UPPER_ADDRESS = 4,
  START_ADDRESS = 5,
}

/** How many bytes of data a record has that gives no data. */
const DATA_BYTES: Readonly<Record<number, number>> = {
  [RecordType.END]: 0,
  [RecordType.SEGMENT]: 2,
  [RecordType.START_SEGMENT]: 4,
  [RecordType.UPPER_ADDRESS]: 2,
  [RecordType.START_ADDRESS]: 4,
};

const RECORD = /^:(?:[0-9a-f]{2}){5,}$/i;
/** Colon, count, offset, type and checksum. */
const FRAME_DIGITS = 11;
const BANK_BYTES = 0x1_0000;

interface HexRecord {
  readonly type: number;
  readonly offset: number;
  readonly data: Uint8Array;
}

/** What the records so far came to. */
interface State {
  readonly blocks: HexBlock[];
  base: number;
  entry: number | undefined;
  ended: boolean;
}

/** Whether a text begins as Intel HEX does. */
export function isIntelHex(text: string): boolean {
  return /^\s*:[0-9a-f]{10}/i.test(text);
}

export function parseIntelHex(text: string): HexFile | HexError {
  const state: State = { blocks: [], base: 0, entry: undefined, ended: false };
  let number = 0;
  for (const line of linesOf(text)) {
    number += 1;
    if (line === "") continue;
    const record = parseRecord(line);
    const wrong = typeof record === "string" ? record : take(state, record);
    if (wrong !== undefined) return { message: `its line ${number} ${wrong}` };
  }
  if (!state.ended) return { message: "it has no end record: it is not whole" };
  return overlap(state.blocks) ?? { blocks: state.blocks, entry: state.entry };
}

/** One after the other: all of them at once may be many times as large as the text. */
function* linesOf(text: string): Generator<string, void> {
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf("\n", start);
    const end = found < 0 ? text.length : found;
    yield text.slice(start, end).trim();
    start = end + 1;
  }
}

/** A record, or what is wrong with its line. */
function parseRecord(line: string): HexRecord | string {
  if (!RECORD.test(line)) return "is no record of Intel HEX";
  const bytes = Buffer.from(line.slice(1), "hex");
  const count = bytes[0] as number;
  if (line.length !== FRAME_DIGITS + 2 * count) return `has not the ${count} bytes of data that it announces`;
  if ((bytes.reduce((sum, byte) => sum + byte, 0) & 0xff) !== 0) return "has a wrong checksum";
  return { type: bytes[3] as number, offset: bytes.readUInt16BE(1), data: bytes.subarray(4, 4 + count) };
}

/** Carries out a record; gives what is wrong with it. */
function take(state: State, { type, offset, data }: HexRecord): string | undefined {
  if (state.ended) return "stands behind the end record";
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  if (type === RecordType.DATA) {
    if (offset + data.length > BANK_BYTES) return "runs over the border of its 64 KiB, where tools differ";
    if (data.length > 0) state.blocks.push({ address: state.base + offset, data });
    return undefined;
  }
  const dataBytes = DATA_BYTES[type];
  if (dataBytes === undefined) return `has a record of type ${type}: there are 0 to 5`;
  if (data.length !== dataBytes) return `has ${data.length} bytes of data: its type ${type} has ${dataBytes}`;
  if (type === RecordType.END) state.ended = true;
  else if (type === RecordType.SEGMENT) state.base = view.getUint16(0) * 16;
  else if (type === RecordType.UPPER_ADDRESS) state.base = view.getUint16(0) * BANK_BYTES;
  else if (type === RecordType.START_SEGMENT) state.entry = view.getUint16(0) * 16 + view.getUint16(2);
  else state.entry = view.getUint32(0);
  return undefined;
}

function overlap(blocks: readonly HexBlock[]): HexError | undefined {
  const sorted = [...blocks].sort((a, b) => a.address - b.address);
  const second = sorted.find(({ address }, index) => {
    const before = sorted[index - 1];
    return before !== undefined && before.address + before.data.length > address;
  });
  return second && { message: `it gives the byte at 0x${second.address.toString(16)} twice` };
}
