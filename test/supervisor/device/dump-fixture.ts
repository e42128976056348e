/** A crash dump as a device makes it. */
import { Hart } from "../../../controller/cpu/hart.ts";
import type { CrashDump } from "../../../supervisor/device/dump.ts";
import { acceptedTable } from "../../emulator/table/table-arbitrary.ts";

export const dump: Omit<CrashDump, "format"> = {
  time: "2026-01-02T03:04:05.678Z",
  bootEpoch: 3,
  failure: {
    evidence: "panic",
    evidenceCode: 1,
    code: 0x107,
    pc: 0x2000_0100,
    tval: 4,
    faultNs: 1_000,
    detectedNs: 2_000,
    message: "",
  },
  fromRegion: 0,
  toRegion: 1,
  version: "1.1.0",
  hart: Array.from({ length: Hart.DUMPED_WORDS }, (_, index) => index),
  stack: { address: 0x8000_1000, bytes: Uint8Array.of(1, 2, 3, 4) },
  uart: "hello",
  tableBefore: acceptedTable(2, 7),
  tableAfter: acceptedTable(2, 8),
  timeline: [{ index: 0, name: "fault", region: 0, bootEpoch: 3, timeNs: 1_000 }],
};
