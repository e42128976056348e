/**
 * The thread that translates beside a hart (translator/background.ts). Once it has begun it has nothing else to do and
 * no event loop: it waits for a request, answers it, and waits for the next, until its process ends.
 */
import { receiveMessageOnPort, workerData } from "node:worker_threads";
import { Answering } from "./translator/answering.ts";
import {
  type BackgroundWorkerData,
  NOTHING_TRANSLATED,
  Signal,
  type TranslationRequest,
} from "./translator/background.ts";
import { rehearseOnce } from "./translator/rehearsal.ts";

const { memory, port, signal } = workerData as BackgroundWorkerData;

function serve(): never {
  const answering = new Answering(memory);
  for (let handled = 0; ; handled++) {
    Atomics.wait(signal, Signal.REQUESTS, handled);
    const request = receiveMessageOnPort(port)?.message as TranslationRequest | undefined;
    port.postMessage(request === undefined ? NOTHING_TRANSLATED : answering.answer(request));
    Atomics.add(signal, Signal.REPLIES, 1);
  }
}

rehearseOnce();
setImmediate(serve);
