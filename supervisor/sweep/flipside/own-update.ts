/**
 * Has the firmware of a rig update a region by itself, as a host does that knows NVMe: Firmware Image Download piece by
 * piece, then Firmware Commit, of which firmware answers what its flash controller has told it (docs/hardware.md).
 */
import {
  COMMIT_ACTION_SHIFT,
  type CommitAction,
  NvmeStatus,
  Opcode,
} from "../../../controller/devices/nvme-spec.ts";
import { FlashStatus } from "../../../emulator/memory/flash-posts.ts";
import type { HostCommand, HostCompletion } from "../../host/host.ts";
import type { Rig } from "./rig.ts";

/** Of an image, in one command. */
const PIECE_BYTES = 4096;

/** What its flash controller told it in the end, in the order of what it asked for. */
export type Told = readonly FlashStatus[];

export interface Commit {
  readonly region: number;
  readonly action: CommitAction;
  /** False: it leaves the begin out, which has to be refused. */
  readonly begins: boolean;
}

/** Lets the device run until `done`; false where it did not come to that. */
type Await = (done: () => boolean) => boolean;

/** The image to the firmware; false where it does not take it. */
export function download({ device }: Rig, image: Uint8Array, await_: Await): boolean {
  const dwords = Math.ceil(image.length / 4);
  const padded = new Uint8Array(dwords * 4).fill(0xff);
  padded.set(image);
  for (let at = 0; at < padded.length; at += PIECE_BYTES) {
    const piece = padded.subarray(at, at + PIECE_BYTES);
    const command: HostCommand = {
      opcode: Opcode.FIRMWARE_IMAGE_DOWNLOAD,
      // Counted from 0.
      cdw10: piece.length / 4 - 1,
      cdw11: at / 4,
    };
    let completion: HostCompletion | undefined;
    const submitted = device.submitWith(command, piece, (end) => {
      completion = end;
    });
    if (!submitted || !await_(() => completion !== undefined)) return false;
    if (completion?.outcome !== "completed" || completion.status !== NvmeStatus.SUCCESS) return false;
  }
  return true;
}

/** What came of it; undefined where the command was not completed. @param await_ whatever it returns early for */
export function commit({ device }: Rig, { region, action, begins }: Commit, await_: Await): Told | undefined {
  const command: HostCommand = {
    opcode: Opcode.FIRMWARE_COMMIT,
    cdw10: (action << COMMIT_ACTION_SHIFT) | (region + 1),
    cdw11: begins ? 0 : 1,
  };
  let told: Told | undefined;
  const submitted = device.submit(command, ({ outcome, result2 }) => {
    told = outcome === "completed" ? toldIn(result2) : [];
  });
  if (!submitted || !await_(() => told !== undefined)) return undefined;
  return told?.length === 0 ? undefined : told;
}

/** Four bits each, the last lowest. */
export function toldIn(word: number): Told {
  const statuses: FlashStatus[] = [];
  for (let left = word >>> 0; left !== 0; left >>>= 4) statuses.unshift(left & 0xf);
  return statuses;
}

export function isDone(told: Told | undefined): boolean {
  return told?.at(-1) === FlashStatus.DONE;
}
