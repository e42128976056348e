/**
 * The ways in which a controller worker is made to fail as a thread, on the supervisor's request (Attention.INJECT).
 * Each does the real thing; none of them returns, except `unhandled-rejection`, whose thread then dies in its
 * event loop.
 */

import { InjectedError } from "../emulator/base/errors.ts";

/** Codes for SlotWord.INJECT; the names follow in the same order from 1. */
export const WORKER_FAULT_NAMES = [
  "throw",
  "unhandled-rejection",
  "process-exit",
  "heap-exhaustion",
  "js-loop",
  "wasm-loop",
  "atomics-wait",
] as const;
export type WorkerFaultName = (typeof WORKER_FAULT_NAMES)[number];

export function workerFaultCode(name: WorkerFaultName): number {
  return WORKER_FAULT_NAMES.indexOf(name) + 1;
}

/** (module (func (export "f") (loop (br 0)))) */
const ENDLESS_LOOP_WASM = Uint8Array.of(
  0,
  0x61,
  0x73,
  0x6d,
  1,
  0,
  0,
  0, // magic, version
  1,
  4,
  1,
  0x60,
  0,
  0, // type 0: [] → []
  3,
  2,
  1,
  0, // function 0 of type 0
  7,
  5,
  1,
  1,
  0x66,
  0,
  0, // export "f"
  10,
  9,
  1,
  7,
  0,
  3,
  0x40,
  0x0c,
  0,
  0x0b,
  0x0b, // loop, br 0, end, end
);

const COMMIT: Readonly<Record<WorkerFaultName, () => void>> = {
  throw: () => {
    throw new InjectedError("the controller worker throws");
  },
  "unhandled-rejection": () => {
    void Promise.reject(new InjectedError("the controller worker leaves a rejection unhandled"));
  },
  "process-exit": () => process.exit(7),
  "heap-exhaustion": () => {
    // Objects, not buffers: ArrayBuffers do not count against a worker's resourceLimits.
    const hoard: object[] = [];
    for (let i = 0; ; i++) hoard.push({ i, next: hoard[i - 1] });
  },
  "js-loop": () => {
    for (let i = 0; ; i++) if (i === Number.MAX_SAFE_INTEGER) return;
  },
  "wasm-loop": () => {
    const { f } = new WebAssembly.Instance(new WebAssembly.Module(ENDLESS_LOOP_WASM)).exports;
    if (typeof f === "function") f();
  },
  "atomics-wait": () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
};

/** Fails as told. Returns only for `unhandled-rejection`: the caller then goes back to its event loop. */
export function commitWorkerFault(code: number): void {
  const name = WORKER_FAULT_NAMES[code - 1];
  if (name === undefined) throw new Error(`there is no worker fault ${code}`);
  COMMIT[name]();
}
