/**
 * Modules of Node that are loaded when they are used, and not when whoever may use them is: each takes milliseconds, and a
 * short run comes to none of them.
 */
import { createRequire } from "node:module";
import type * as Net from "node:net";
import type * as Tty from "node:tty";
import type * as V8 from "node:v8";
import type * as WorkerThreads from "node:worker_threads";

interface Modules {
  readonly "node:net": typeof Net;
  readonly "node:tty": typeof Tty;
  readonly "node:v8": typeof V8;
  readonly "node:worker_threads": typeof WorkerThreads;
}

const load = createRequire(import.meta.url);

export function late<Name extends keyof Modules>(name: Name): Modules[Name] {
  return load(name) as Modules[Name];
}
