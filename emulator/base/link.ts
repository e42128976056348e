/**
 * Calls from the supervisor to a worker thread, by comlink.
 *
 * comlink leaves a call pending for ever when its worker dies (GoogleChromeLabs/comlink#601). Here every call
 * ends: with its result, with a {@link LinkError} when its deadline passes (deadline.ts), or with one when the worker
 * exits.
 */
import { parentPort, type Worker } from "node:worker_threads";
import { expose, transferHandlers, wrap } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { afterRunning } from "./deadline.ts";
import { type ErrorKind, kindOf } from "./errors.ts";
import { errorMessage } from "./text.ts";

/** What a worker offers: named functions over values that can be cloned. */
export type Api = Record<string, (...args: never[]) => unknown>;
type Arguments<F> = F extends (...args: infer A) => unknown ? A : never;
type Result<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;

type Methods = Record<string, (...args: unknown[]) => Promise<unknown>>;

export class LinkError extends Error {
  override readonly name = "LinkError";
  readonly kind: ErrorKind = "finding";
}

export class Link<A extends Api> {
  readonly #proxy: Methods;
  /** comlink makes a function that needs a full garbage collection at each look at its proxy: one a name is enough. */
  readonly #methods = new Map<string, Methods[string]>();
  readonly #pending = new Set<(error: LinkError) => void>();
  #closed = false;

  constructor(worker: Worker) {
    this.#proxy = wrap(nodeEndpoint(worker)) as unknown as Methods;
    worker.once("exit", () => this.#close());
  }

  /**
   * Calls a function of the worker. Rejects with {@link LinkError} after `deadlineMs` of running time, or at the
   * worker's exit.
   */
  call<N extends keyof A & string>(
    deadlineMs: number,
    name: N,
    ...args: Arguments<A[N]>
  ): Promise<Result<A[N]>> {
    if (this.#closed) return Promise.reject(new LinkError(`${name}: the worker has exited`));
    const method = this.#method(name);
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        cancel();
        this.#pending.delete(fail);
        finish();
      };
      const fail = (error: LinkError): void => settle(() => reject(error));
      const cancel = afterRunning(deadlineMs, () =>
        fail(new LinkError(`${name}: no answer within ${deadlineMs} ms`)),
      );
      this.#pending.add(fail);
      method(...args).then(
        (value) => settle(() => resolve(value as Result<A[N]>)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  }

  #method(name: string): Methods[string] {
    let method = this.#methods.get(name);
    if (method === undefined) {
      method = this.#proxy[name] as Methods[string];
      this.#methods.set(name, method);
    }
    return method;
  }

  #close(): void {
    this.#closed = true;
    for (const fail of [...this.#pending]) fail(new LinkError("the worker exited before it answered"));
  }
}

/** Exit code of a worker that ended over an exception which nothing caught. */
const EXIT_UNCAUGHT = 70;

/** Of an exception, as strings: what was thrown may be nothing that can be cloned. */
interface LastWords {
  readonly lastWords: { readonly name: string; readonly message: string; readonly stack: string };
}

/** The exception over which a worker says that it is about to end; undefined if it is any other message. */
export function lastWordsOf(message: unknown): Error | undefined {
  const { lastWords } = (message ?? {}) as Partial<LastWords>;
  if (lastWords === undefined) return undefined;
  const { name, stack } = lastWords;
  return Object.assign(new Error(lastWords.message), { name, stack });
}

/** comlink takes of an error its name, message and stack; whoever called puts together all that comes. */
function keepKinds(): void {
  const thrown = transferHandlers.get("throw");
  if (thrown === undefined) throw new Error("comlink has no handler for what is thrown");
  transferHandlers.set("throw", {
    ...thrown,
    serialize: (value: { readonly value: unknown }) => {
      const [serialized, transferables] = thrown.serialize(value);
      const { value: error } = serialized as { readonly value: object };
      const kind = kindOf(value.value);
      return [kind === undefined ? serialized : { isError: true, value: { ...error, kind } }, transferables];
    },
  });
}

/**
 * Offers `api` to the thread that started this worker. An exception that nothing catches ends the worker as it would
 * without this, but 1.2 ms sooner, and a failover waits for that.
 */
export function serve(api: Api): void {
  const port = parentPort;
  if (port === null) throw new Error("serve() is for worker threads");
  process.on("uncaughtException", (thrown: unknown) => {
    const { name, stack = "" } = thrown instanceof Error ? thrown : new Error();
    port.postMessage({ lastWords: { name, message: errorMessage(thrown), stack } } satisfies LastWords);
    process.exit(EXIT_UNCAUGHT);
  });
  keepKinds();
  expose(api, nodeEndpoint(port));
}
