/** A client of a control socket (control-server.ts): one connection, calls with an end. */
import { connect } from "node:net";
import { DeviceError } from "./client.ts";
import { FrameConnection } from "./frames.ts";
import type { Answer } from "./protocol.ts";

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: DeviceError) => void;
}

export class ControlClient {
  readonly #connection: FrameConnection;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  private constructor(path: string, onConnect: () => void, onError: (error: DeviceError) => void) {
    const socket = connect(path, onConnect);
    socket.once("error", (error: NodeJS.ErrnoException) => {
      onError(new DeviceError("NotServed", `no device is served at ${path}: ${error.code ?? error.message}`));
    });
    this.#connection = new FrameConnection(
      socket,
      (value) => this.#take(value as Answer),
      () => {
        for (const { reject } of this.#pending.values()) {
          reject(new DeviceError("ConnectionLost", "the server closed the connection"));
        }
        this.#pending.clear();
      },
    );
  }

  /** Rejects with {@link DeviceError} named NotServed. */
  static connect(path: string): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const client = new ControlClient(path, () => resolve(client), reject);
    });
  }

  /** Calls a method. Rejects with {@link DeviceError}: what the server answered, or ConnectionLost. */
  call(method: string, params: unknown): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      if (!this.#connection.send({ id, method, params })) {
        this.#pending.delete(id);
        reject(new DeviceError("ConnectionLost", "the server closed the connection"));
      }
    });
  }

  close(): void {
    this.#connection.close();
  }

  #take({ id, result, error }: Answer): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve(result);
    else pending?.reject(new DeviceError(error.name, error.message));
  }
}
