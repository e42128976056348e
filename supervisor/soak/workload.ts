/**
 * Work that a host gives to the controller and whose results it checks: CRC-32C, XOR parity and copies over random
 * buffers in host memory. What the firmware answers is compared with the host's own computation.
 */

import { Opcode } from "../../controller/devices/nvme-spec.ts";
import { crc32c } from "../../emulator/base/crc32c.ts";
import type { Random } from "../../emulator/base/random.ts";
import type { ImageVersion } from "../../emulator/base/version.ts";
import type { Device } from "../device/device.ts";
import type { HostCompletion } from "../host/host.ts";

const MAX_BYTES = 2048;
const MAX_SOURCES = 4;
const DESTINATION = MAX_BYTES * MAX_SOURCES;

/**
 * Asks the version that executes who it is. `onVersion` is told what it answers, or undefined where it does not: a
 * failover came between, or the firmware knows no IDENTIFY. False when the queue is full.
 */
export function submitIdentify(
  device: Device,
  onVersion: (version: Pick<ImageVersion, "major" | "minor" | "revision"> | undefined) => void,
): boolean {
  return device.submit({ opcode: Opcode.IDENTIFY }, ({ outcome, status, result }) => {
    const answered = outcome === "completed" && status === 0;
    onVersion(
      answered
        ? { major: result >>> 24, minor: (result >>> 16) & 0xff, revision: result & 0xffff }
        : undefined,
    );
  });
}

interface Job {
  readonly opcode: number;
  readonly bytes: number;
  readonly sources: number;
}

/** Submits one random job. `onDone` is told what is wrong with its result, or undefined when nothing is. */
export function submitJob(
  device: Device,
  random: Random,
  onDone: (wrong: string | undefined) => void,
): boolean {
  const job: Job = {
    opcode: random.pick([Opcode.XOR_PARITY, Opcode.CRC32C, Opcode.COPY]),
    bytes: 4 * (1 + random.below(MAX_BYTES / 4)),
    sources: 2 + random.below(MAX_SOURCES - 1),
  };
  const { buffers, bufferAddress } = device.host;
  random.fill(buffers.subarray(0, job.bytes * job.sources));
  const command = {
    opcode: job.opcode,
    source: bufferAddress,
    destination: bufferAddress + DESTINATION,
    cdw10: job.bytes,
    cdw11: job.sources,
  };
  return device.submit(command, (completion) => onDone(check(job, buffers, completion)));
}

function check(job: Job, buffers: Uint8Array, completion: HostCompletion): string | undefined {
  if (completion.outcome === "aborted") return undefined;
  const name = `opcode 0x${job.opcode.toString(16)} over ${job.bytes} bytes`;
  if (completion.status !== 0) return `${name} ended with status ${completion.status}`;
  const source = buffers.subarray(0, job.bytes);
  const destination = buffers.subarray(DESTINATION, DESTINATION + job.bytes);
  switch (job.opcode) {
    case Opcode.CRC32C:
      return completion.result === crc32c(source) ? undefined : `${name}: the CRC is wrong`;
    case Opcode.COPY:
      return equal(source, destination) ? undefined : `${name}: the copy is wrong`;
    default: {
      const parity = xorOf(buffers, job.bytes, job.sources);
      if (!equal(parity, destination)) return `${name}: the parity is wrong`;
      return completion.result === crc32c(parity) ? undefined : `${name}: the parity's CRC is wrong`;
    }
  }
}

function xorOf(buffers: Uint8Array, bytes: number, sources: number): Uint8Array {
  const parity = new Uint8Array(bytes);
  for (let i = 0; i < bytes * sources; i++) {
    parity[i % bytes] = (parity[i % bytes] as number) ^ (buffers[i] as number);
  }
  return parity;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
