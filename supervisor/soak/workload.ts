/** Work that a host gives to a live controller, and what it asks of the version that executes. */

import { Opcode } from "../../controller/devices/nvme-spec.ts";
import type { Random } from "../../emulator/base/random.ts";
import type { ImageVersion } from "../../emulator/base/version.ts";
import type { Device } from "../device/device.ts";
import { makeJob } from "../host/job.ts";

const BUFFER_BYTES_MAX = 2048;

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

/**
 * One command that asks for nothing: whoever serves the queue completes it, with whatever status. `onDone` is told when it is,
 * or when a failover came between. False when the queue is full.
 */
export function submitFlush(device: Device, onDone: () => void): boolean {
  return device.submit({ opcode: Opcode.FLUSH }, onDone);
}

/** Submits one random job. `onDone` is told what is wrong with its result, or undefined when nothing is. False when the queue is full. */
export function submitJob(
  device: Device,
  random: Random,
  onDone: (wrong: string | undefined) => void,
): boolean {
  const { buffers, bufferAddress } = device.host;
  const job = makeJob({ buffers, bufferAddress, offset: 0, bufferBytesMax: BUFFER_BYTES_MAX }, random);
  return device.submit(job.command, (completion) => onDone(job.check(completion)));
}
