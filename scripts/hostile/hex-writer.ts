/** Writes Intel HEX. */

/** One record, without its line's end. */
export function hexRecord(type: number, offset: number, data: ArrayLike<number>): string {
  const bytes = [data.length, offset >> 8, offset & 0xff, type, ...Array.from(data)];
  const checksum = -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return `:${Buffer.from([...bytes, checksum])
    .toString("hex")
    .toUpperCase()}`;
}

/** A file of what lies at an address, 16 bytes a record. */
export function writeHex(address: number, data: Uint8Array, entry = address): string {
  const lines: string[] = [];
  for (let at = 0; at < data.length; at += 16) {
    const upper = (address + at) >>> 16;
    lines.push(hexRecord(4, 0, [upper >> 8, upper & 0xff]));
    lines.push(hexRecord(0, (address + at) & 0xffff, data.subarray(at, at + 16)));
  }
  const start = Buffer.alloc(4);
  start.writeUInt32BE(entry);
  return [...lines, hexRecord(5, 0, start), hexRecord(1, 0, []), ""].join("\n");
}
