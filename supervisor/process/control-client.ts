/** A client of a control socket (control-server.ts): one connection, calls with an end. */
import { connect, type Socket } from "node:net";
import { kindOf } from "../../emulator/base/errors.ts";
import { DeviceError } from "./client.ts";
import { FrameConnection } from "./frames.ts";
import type { Answer } from "./protocol.ts";

/** A supervisor that hangs is replaced within a second or two, also after a few attempts: more is a server that stands. */
const ANSWER_MS = 10_000;
/** A load also erases, programs and verifies up to 16 MiB, and waits for failovers in between. */
const LOAD_MS = 120_000;

/** A fault may have to be looked for, and a process that ended be followed by another one. */
const INJECT_MS = 120_000;
const DEADLINES_MS: ReadonlyMap<string, number> = new Map([
  ["load", LOAD_MS],
  ["injectAndAwait", INJECT_MS],
]);

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: DeviceError) => void;
}

/** What a server answers, by method. */
type Answers<M> = { readonly [N in keyof M]: { params: unknown; result: unknown } };

/** Why a socket cannot be connected to, and what to do about it. */
export function unreachable(path: string, error: NodeJS.ErrnoException): DeviceError {
  const { code = error.message } = error;
  switch (code) {
    case "EACCES":
    case "EPERM": {
      const why = `you may not connect to ${path}: ${code}: it is for the user alone who serves the device`;
      return new DeviceError("NoAccess", why, "resource");
    }
    case "ENOENT":
      return new DeviceError(
        "NotServed",
        `no device is served at ${path}: ENOENT: there is no socket`,
        "usage",
      );
    case "ECONNREFUSED": {
      const why = `no device is served at ${path}: ECONNREFUSED: the socket is left over from a server that is gone`;
      return new DeviceError("NotServed", why, "usage");
    }
    default:
      return new DeviceError(
        "NotServed",
        `no device is served at ${path}: ${code}`,
        kindOf(error) ?? "usage",
      );
  }
}

/** What was asked for may have been done, or not. */
function connectionLost(): DeviceError {
  return new DeviceError("ConnectionLost", "the server closed the connection", "unjudged");
}

/** @typeParam M the methods that are served at the socket */
export class ControlClient<M extends Answers<M>> {
  readonly #socket: Socket;
  readonly #connection: FrameConnection;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  private constructor(path: string, onConnect: () => void, onError: (error: DeviceError) => void) {
    const socket = connect(path, onConnect);
    this.#socket = socket;
    socket.once("error", (error: NodeJS.ErrnoException) => {
      onError(unreachable(path, error));
    });
    this.#connection = new FrameConnection(
      socket,
      (value) => this.#take(value as Answer),
      () => {
        for (const { reject } of this.#pending.values()) {
          reject(connectionLost());
        }
        this.#pending.clear();
      },
    );
  }

  /** Rejects with {@link DeviceError} named NotServed or NoAccess. */
  static connect<M extends Answers<M>>(path: string): Promise<ControlClient<M>> {
    return new Promise((resolve, reject) => {
      const client = new ControlClient<M>(path, () => resolve(client), reject);
    });
  }

  /** Calls a method. Rejects with {@link DeviceError}: what the server answered, ConnectionLost, or NoAnswer. */
  async call<N extends keyof M & string>(
    method: N,
    params: M[N]["params"],
    deadlineMs = DEADLINES_MS.get(method) ?? ANSWER_MS,
  ): Promise<M[N]["result"]> {
    const id = this.#nextId++;
    let deadline: NodeJS.Timeout | undefined;
    const answer = new Promise<M[N]["result"]>((resolve, reject) => {
      this.#pending.set(id, { resolve: (value) => resolve(value as M[N]["result"]), reject });
      deadline = setTimeout(() => {
        this.#pending.delete(id);
        const message = `the server did not answer ${method} within ${deadlineMs / 1000} s: it may be stopped or stuck`;
        reject(new DeviceError("NoAnswer", message, "unjudged"));
      }, deadlineMs);
      if (!this.#connection.send({ id, method, params })) {
        this.#pending.delete(id);
        reject(connectionLost());
      }
    });
    return answer.finally(() => clearTimeout(deadline));
  }

  /** At once: a server that is stopped never closes its end, and would keep this process. */
  close(): void {
    this.#socket.destroy();
  }

  #take({ id, result, error }: Answer): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve(result);
    else pending?.reject(DeviceError.of(error));
  }
}
