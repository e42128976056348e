/** What a failure was, in one sentence. Made only when somebody is told of it: nothing on the failover path is. */
import { describeCause } from "../../controller/cpu/trap-cause.ts";
import { hex, hex32 } from "../../emulator/base/text.ts";
import type { EvidenceName } from "../../emulator/memory/evidence.ts";
import type { FailureReport } from "./failure.ts";

type Sentence = (failure: FailureReport) => string;

/** Of the evidence that a worker tells of without words, and of the rest where no words came along. */
const SENTENCES: Readonly<Record<EvidenceName, Sentence>> = {
  none: ({ pc }) => `it stopped at ${hex32(pc)} without saying why`,
  panic: ({ code, pc }) => `the firmware gave up at ${hex32(pc)}, with code ${hex(code)}`,
  trap: ({ code, pc, tval }) =>
    `${describeCause(code, tval)} at ${hex32(pc)}, mtval ${hex32(tval)}, while no trap handler was installed`,
  "double-trap": ({ code, pc, tval }) =>
    `${describeCause(code, tval)} at ${hex32(pc)}, mtval ${hex32(tval)}, in the trap handler`,
  finisher: ({ code, pc }) =>
    `the firmware ended through the test finisher at ${hex32(pc)}, with code ${hex(code)}`,
  watchdog: ({ pc }) => `the watchdog was not kicked in time; it stood at ${hex32(pc)}`,
  "early-kick": ({ code, pc }) =>
    `the watchdog was kicked before its window, or with a wrong value (${hex(code)}), at ${hex32(pc)}`,
  "overdue-command": () => "a host command is overdue",
  "host-protocol": () => "it posted what no controller may post",
  "never-ready": () => "it was not ready in time",
  "thread-error": () => "the controller's thread threw an error",
  "thread-heap": () => "the controller's thread ran out of heap",
  "thread-exit": () => "the controller's thread exited",
  heartbeat: () => "the controller's thread made no progress",
  "bad-digest": () => "the image in the region is not what was verified",
  operator: () => "an operator said so",
};

/** The failure with its sentence, which is never empty. */
export function withMessage(failure: FailureReport): FailureReport {
  return failure.message === "" ? { ...failure, message: SENTENCES[failure.evidence](failure) } : failure;
}
