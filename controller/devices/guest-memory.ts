/** RAM as a device gets at it that moves data by itself. */

export interface GuestMemory {
  /** A copy of the bytes at a physical address, unsigned; undefined outside of RAM. */
  read(address: number, byteCount: number): Uint8Array | undefined;
  /** False outside of RAM: then nothing is stored. */
  store(address: number, bytes: Uint8Array): boolean;
}
