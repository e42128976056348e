/**
 * A command whose result the host checks: CRC-32C, XOR parity or a copy over random bytes in host memory. What the
 * firmware answers is compared with the host's own computation.
 */
import { Opcode } from "../../controller/devices/nvme-spec.ts";
import { crc32c } from "../../emulator/base/crc32c.ts";
import type { Random } from "../../emulator/base/random.ts";
import type { HostCommand, HostCompletion } from "./host.ts";

const SOURCES_MAX = 4;

/** Where a job has its bytes. */
export interface JobPlace {
  /** The host's buffers, which begin at physical address `bufferAddress`. */
  readonly buffers: Uint8Array;
  readonly bufferAddress: number;
  /** Of the job's first byte in the buffers. */
  readonly offset: number;
  /** The largest size of one buffer; the job takes {@link jobBytes} of this. */
  readonly bufferBytesMax: number;
}

export interface Job {
  readonly command: HostCommand;
  /** What is wrong with its result; undefined when nothing is, or a failover came between. */
  readonly check: (completion: HostCompletion) => string | undefined;
}

/** What a job needs of the buffers. */
export function jobBytes(bufferBytesMax: number): number {
  return bufferBytesMax * (SOURCES_MAX + 1);
}

/** A random job, its sources filled. */
export function makeJob({ buffers, bufferAddress, offset, bufferBytesMax }: JobPlace, random: Random): Job {
  const opcode = random.pick([Opcode.XOR_PARITY, Opcode.CRC32C, Opcode.COPY]);
  const bytes = 4 * (1 + random.below(bufferBytesMax / 4));
  const sources = 2 + random.below(SOURCES_MAX - 1);
  const all = buffers.subarray(offset, offset + bytes * sources);
  const destination = bufferBytesMax * SOURCES_MAX + offset;
  random.fill(all);
  const command = {
    opcode,
    source: bufferAddress + offset,
    destination: bufferAddress + destination,
    cdw10: bytes,
    cdw11: sources,
  };
  const name = `opcode 0x${opcode.toString(16)} over ${bytes} bytes`;
  return {
    command,
    check: ({ outcome, status, result }) => {
      if (outcome === "aborted") return undefined;
      if (status !== 0) return `${name} ended with status ${status}`;
      const written = buffers.subarray(destination, destination + bytes);
      const wrong = wrongIn(opcode, all, written, result);
      return wrong === undefined ? undefined : `${name}: ${wrong}`;
    },
  };
}

function wrongIn(opcode: Opcode, all: Uint8Array, written: Uint8Array, result: number): string | undefined {
  const bytes = written.length;
  switch (opcode) {
    case Opcode.CRC32C:
      return result === crc32c(all.subarray(0, bytes)) ? undefined : "the CRC is wrong";
    case Opcode.COPY:
      return equal(all.subarray(0, bytes), written) ? undefined : "the copy is wrong";
    default: {
      const parity = xorOf(all, bytes);
      if (!equal(parity, written)) return "the parity is wrong";
      return result === crc32c(parity) ? undefined : "the parity's CRC is wrong";
    }
  }
}

function xorOf(all: Uint8Array, bytes: number): Uint8Array {
  const parity = new Uint8Array(bytes);
  for (let i = 0; i < all.length; i++) {
    parity[i % bytes] = (parity[i % bytes] as number) ^ (all[i] as number);
  }
  return parity;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
