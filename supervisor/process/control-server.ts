/**
 * The control socket: a Unix-domain socket, its owner's alone (0600), on which any number of clients, one after the
 * other or a few at once, ask what protocol.ts knows, in msgpack frames.
 *
 * Clients are not trusted to be well. Invariants: a client that sends something that is no frame, no request, or more
 * than a request may have, that does not end a frame it began or does not read its answers, is cut off; what one
 * client does costs no other one more than a turn of the event loop; memory for all of them is bounded.
 */

import { lstatSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { ErrorKind } from "../../emulator/base/errors.ts";
import { FrameConnection, type FrameLimits } from "./frames.ts";
import { type Answer, answerOf, isRequest, sendAnswer } from "./protocol.ts";

const MAX_CLIENTS = 16;
/** Requests of one client that are under way at once. */
const MAX_REQUESTS = 8;
/** Of one request; the longest that is declared has 6. */
const MAX_VALUES = 64;
/** A frame that was begun is to be whole after this long. */
const FRAME_MS = 10_000;

/** What the address of a Unix-domain socket has room for, but for the zero at its end (sys/un.h). */
const MAX_PATH_BYTES = process.platform === "linux" ? 107 : 103;

/** No socket can be made at a path; nothing was changed. */
export class SocketPathError extends Error {
  override readonly name = "SocketPathError";
  readonly kind: ErrorKind = "usage";
}

/**
 * Looks whether the control socket can be at `path`: a longer path would be cut off without a word, and what is there
 * and is no socket is somebody's. Throws {@link SocketPathError}, or what the file system says.
 */
export function requireSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_PATH_BYTES) {
    throw new SocketPathError(
      `the control socket's path ${path} has ${bytes} bytes, more than the ${MAX_PATH_BYTES} that a socket's may have`,
    );
  }
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false) {
    throw new SocketPathError(`${path} is no socket, and is not replaced by the control socket`);
  }
}

/** Carries out a method; what it throws is the answer, by name and message. */
export type Handle = (method: string, params: unknown) => Promise<unknown>;

/** One is idle that has no request under way and has begun none. */
interface Client {
  readonly socket: Socket;
  /** Requests. */
  underWay: number;
  /** Ends one that does not end the frame which it began. */
  begun: NodeJS.Timeout | undefined;
}

export class ControlServer {
  readonly #server: Server;
  /** In the order in which they were last heard. */
  readonly #clients = new Set<Client>();
  readonly #handle: Handle;
  readonly #limits: FrameLimits;

  /** @param maxFrameBytes of one request */
  constructor(handle: Handle, maxFrameBytes: number) {
    this.#handle = handle;
    this.#limits = { maxBytes: maxFrameBytes, maxValues: MAX_VALUES };
    this.#server = createServer((socket) => this.#welcome(socket));
  }

  /**
   * Listens at `path`. The caller holds its lock, so that a socket left there is nobody's and is replaced.
   * Rejects with {@link SocketPathError}, or what the file system says.
   */
  async listen(path: string): Promise<void> {
    requireSocketPath(path);
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      // The socket appears with these permissions, never with others.
      const umask = process.umask(0o177);
      this.#server.listen(path, resolve);
      process.umask(umask);
    });
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const { socket } of this.#clients) socket.destroySoon();
    await closed;
  }

  #welcome(socket: Socket): void {
    if (this.#clients.size >= MAX_CLIENTS && !this.#makeRoom()) {
      socket.destroy();
      return;
    }
    const client: Client = { socket, underWay: 0, begun: undefined };
    this.#clients.add(client);
    const connection = new FrameConnection(
      socket,
      (value) => this.#take(client, connection, value),
      () => {
        clearTimeout(client.begun);
        this.#clients.delete(client);
      },
      this.#limits,
    );
    socket.on("data", () => {
      // One that was just cut off has nothing to end.
      if (!connection.closed) this.#heard(client, connection.partial);
    });
  }

  /** Cuts off the one of the idle clients that has been silent for the longest; false where none is idle. */
  #makeRoom(): boolean {
    for (const client of this.#clients) {
      if (client.underWay > 0 || client.begun !== undefined) continue;
      this.#clients.delete(client);
      client.socket.destroy();
      return true;
    }
    return false;
  }

  #take(client: Client, connection: FrameConnection, value: unknown): void {
    if (!isRequest(value) || client.underWay >= MAX_REQUESTS) {
      client.socket.destroy();
      return;
    }
    client.underWay += 1;
    void this.#answer(value.id, value.method, value.params).then((answer) => {
      client.underWay -= 1;
      sendAnswer(connection, answer);
    });
  }

  /** @param partial its last frame is not whole */
  #heard(client: Client, partial: boolean): void {
    if (this.#clients.delete(client)) this.#clients.add(client);
    if (partial) client.begun ??= setTimeout(() => client.socket.destroy(), FRAME_MS);
    else {
      clearTimeout(client.begun);
      client.begun = undefined;
    }
  }

  async #answer(id: number, method: string, params: unknown): Promise<Answer> {
    try {
      return { id, result: await this.#handle(method, params) };
    } catch (error) {
      return { id, error: answerOf(error) };
    }
  }
}
