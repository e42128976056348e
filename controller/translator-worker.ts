/**
 * The thread that translates beside a hart (translator/background.ts). Once it has begun it has nothing else to do and
 * no event loop: it waits for a request, answers it, and waits for the next, until its process ends.
 */
import { receiveMessageOnPort, workerData } from "node:worker_threads";
import { RAM_BASE } from "../emulator/memory/map.ts";
import { STORE_FLAGS } from "./cpu/access-guard.ts";
import { NOWHERE } from "./cpu/address-space.ts";
import { ALL_EXTENSIONS } from "./cpu/isa.ts";
import { Answering } from "./translator/answering.ts";
import {
  type BackgroundWorkerData,
  NOTHING_TRANSLATED,
  Signal,
  type TranslationRequest,
} from "./translator/background.ts";

/** Of a program that is one file: V8 has what it compiled of it in an earlier process. */
declare const compiledBefore: boolean | undefined;

const { memory, port, signal } = workerData as BackgroundWorkerData;

/**
 * A function with a loop, a branch, a call, loads and stores. Translating it has V8 compile the translator for the cache of
 * what it has compiled, which is written when this file has run (scripts/code-cache.ts).
 */
const SAMPLE = [
  0xff010113, 0x00112623, 0x00052703, 0x00454783, 0x00850513, 0x00e585b3, 0x40f585b3, 0x00371693, 0x00d5c5b3,
  0xfeb52c23, 0xfed50ea3, 0x00f75663, 0x02e787b3, 0x02e7d7b3, 0x014000ef, 0xfcc516e3, 0x00c12083, 0x01010113,
  0x00008067,
];

function rehearse(): void {
  const small = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  new Int32Array(small.buffer).set(SAMPLE);
  new Answering(small).answer({
    entries: [RAM_BASE],
    target: {
      memory: {
        ram: { base: RAM_BASE, bytes: 4096, offset: 0 },
        ramFlags: 8192,
        loadFlags: 0,
        storeFlags: STORE_FLAGS,
        readable: [],
        writable: [],
      },
      hart: 16_384,
      memoryPages: 1,
      tableSlots: 4096,
    },
    code: [{ base: RAM_BASE, bytes: 4096, offset: 0 }],
    extensions: ALL_EXTENSIONS,
    windowOffset: NOWHERE,
    viewKey: "",
    sharedPageAccesses: [],
    registers: [],
    shared: [],
    maxInstructions: 1_000,
  });
}

function serve(): never {
  const answering = new Answering(memory);
  for (let handled = 0; ; handled++) {
    Atomics.wait(signal, Signal.REQUESTS, handled);
    const request = receiveMessageOnPort(port)?.message as TranslationRequest | undefined;
    port.postMessage(request === undefined ? NOTHING_TRANSLATED : answering.answer(request));
    Atomics.add(signal, Signal.REPLIES, 1);
  }
}

if (typeof compiledBefore !== "boolean" || !compiledBefore) rehearse();
setImmediate(serve);
