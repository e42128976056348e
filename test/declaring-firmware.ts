/** The least firmware that says what it can do: it stores CAPABILITIES, READY and CONFIRM, and waits. No queue is served. */
import { encodeImage } from "../controller/image/encode.ts";
import { STATUS_BASE } from "../emulator/memory/map.ts";
import { i, jal, lui, store, WFI } from "../scripts/hostile/assembler.ts";

const STATUS = 5;
const VALUE = 6;

/**
 * @param capabilities value of the register, at most 11 bits
 * @param minor of its version 1.minor.0
 * @param first instructions before all others
 */
export function declaringImage(
  capabilities: number,
  minor: number,
  first: readonly number[] = [],
): Uint8Array {
  const words = [
    ...first,
    lui(STATUS, STATUS_BASE),
    i("addi", VALUE, 0, capabilities),
    store("sw", VALUE, 0x1c, STATUS),
    i("addi", VALUE, 0, 1),
    store("sw", VALUE, 0x10, STATUS),
    store("sw", VALUE, 0x14, STATUS),
    WFI,
    jal(0, -4),
  ];
  const body = new Uint8Array(Int32Array.from(words).buffer);
  return encodeImage({ body, version: { major: 1, minor, revision: 0, build: 0 } });
}
