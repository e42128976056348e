import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Packr } from "msgpackr";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Random } from "../../../emulator/base/random.ts";
import { ControlClient, unreachable } from "../../../supervisor/process/control-client.ts";
import { ControlServer } from "../../../supervisor/process/control-server.ts";
import { encodeFrame } from "../../../supervisor/process/frames.ts";

const MAX_BYTES = 4096;

/** What the server of these tests answers. */
interface TestMethods {
  echo: { params: unknown; result: unknown };
  fail: { params: null; result: null };
  hang: { params: null; result: null };
}

let directory: string;
let path: string;
let server: ControlServer;
let asked: string[];
const sockets: Socket[] = [];

/** A client that does not keep to the rules; resolves when it is cut off. */
function rudeClient(...chunks: Uint8Array[]): Promise<void> {
  const socket = connect(path);
  sockets.push(socket);
  socket.on("error", () => undefined);
  for (const chunk of chunks) socket.write(chunk);
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

async function answersAPoliteClient(): Promise<boolean> {
  const client = await ControlClient.connect<TestMethods>(path);
  const answer = await client.call("echo", { words: "still there" });
  client.close();
  return JSON.stringify(answer) === '{"words":"still there"}';
}

describe("the control socket", () => {
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "flipside-"));
  });
  beforeEach(async () => {
    path = join(directory, "control.sock");
    asked = [];
    server = new ControlServer(async (method, params) => {
      asked.push(method);
      if (method === "fail") throw Object.assign(new Error("it went wrong"), { name: "Wrong" });
      if (method === "hang") await new Promise(() => undefined);
      return params;
    }, MAX_BYTES);
    await server.listen(path);
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.close();
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it("is its owner's alone", () => {
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("answers with the result, or with the error's name and message", async () => {
    const client = await ControlClient.connect<TestMethods>(path);
    expect(await client.call("echo", [1, 2])).toEqual([1, 2]);
    await expect(client.call("fail", null)).rejects.toMatchObject({
      name: "Wrong",
      message: "it went wrong",
    });
    client.close();
  });

  it("lets a client wait for an answer no longer than its deadline", async () => {
    const client = await ControlClient.connect<TestMethods>(path);
    await expect(client.call("hang", null, 50)).rejects.toMatchObject({
      name: "NoAnswer",
      message: expect.stringMatching(/did not answer hang within 0.05 s/),
    });
    expect(await client.call("echo", 1)).toBe(1);
    client.close();
  });

  it("says by name that nobody listens", async () => {
    await expect(ControlClient.connect<TestMethods>(join(directory, "nobody"))).rejects.toMatchObject({
      name: "NotServed",
    });
  });

  it("cuts off a client that announces more than a request may have", async () => {
    const announced = new Uint8Array(4);
    new DataView(announced.buffer).setUint32(0, MAX_BYTES + 1, true);
    await rudeClient(announced);
    expect(await answersAPoliteClient()).toBe(true);
  });

  it("waits for nothing more of a client that it has cut off, which would keep its process from ending", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      await rudeClient(Uint8Array.of(0xff, 0xff, 0xff, 0xff));
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("cuts off a client that sends a frame that is no request", async () => {
    await rudeClient(encodeFrame("hello"));
    await rudeClient(encodeFrame({ id: "one", method: 1 }));
    await rudeClient(Uint8Array.of(1, 0, 0, 0, 0xc1));
    expect(asked).toEqual([]);
    expect(await answersAPoliteClient()).toBe(true);
  });

  it("cuts off a client whose frame stands for more than its bytes, or holds more values than a request has", async () => {
    const long = "x".repeat(MAX_BYTES / 2);
    const extended = new Packr({ structuredClone: true }).pack({
      id: 1,
      method: "echo",
      params: new Array(100).fill([long]),
    });
    const frame = Buffer.alloc(4 + extended.length);
    frame.writeUInt32LE(extended.length, 0);
    frame.set(extended, 4);
    await rudeClient(frame);
    await rudeClient(encodeFrame({ id: 1, method: "echo", params: new Array(1_000).fill({}) }));
    expect(asked).toEqual([]);
    expect(await answersAPoliteClient()).toBe(true);
  });

  it("cuts off a client that asks for more at once than it may", async () => {
    const frames = Array.from({ length: 100 }, (_, id) => encodeFrame({ id, method: "echo", params: null }));
    await rudeClient(Buffer.concat(frames));
    expect(asked.length).toBeLessThan(20);
    expect(await answersAPoliteClient()).toBe(true);
  });

  it("goes on answering others beside clients with half frames, and lets no more in than it has room for", async () => {
    const half = encodeFrame({ id: 1, method: "echo", params: "x".repeat(100) }).subarray(0, 50);
    for (let i = 0; i < 10; i += 1) void rudeClient(half);
    expect(await answersAPoliteClient()).toBe(true);
    const turnedAway = Array.from({ length: 40 }, () => rudeClient(half));
    await Promise.race(turnedAway);
    for (const socket of sockets.splice(0)) socket.destroy();
    await Promise.all(turnedAway);
    expect(await answersAPoliteClient()).toBe(true);
  });

  it("lets idle clients give way where there is no more room, the one first that was silent for the longest", async () => {
    const working = await ControlClient.connect<TestMethods>(path);
    const answer = working.call("hang", null);
    const idle = await Promise.all(
      Array.from({ length: 15 }, () => ControlClient.connect<TestMethods>(path)),
    );
    for (const client of idle.toReversed()) await client.call("echo", 1);
    for (let i = 0; i < 13; i += 1) await ControlClient.connect<TestMethods>(path);
    expect(await answersAPoliteClient()).toBe(true);
    const lives = await Promise.all(
      idle.map((client) =>
        client.call("echo", 1).then(
          () => true,
          () => false,
        ),
      ),
    );
    expect(lives).toEqual(idle.map((_, index) => index === 0));
    expect(await Promise.race([answer, Promise.resolve("under way")])).toBe("under way");
    working.close();
    await expect(answer).rejects.toMatchObject({ name: "ConnectionLost" });
  });

  it("survives any bytes, in any pieces", async () => {
    const random = new Random(9);
    for (let round = 0; round < 100; round += 1) {
      const bytes = new Uint8Array(random.below(200) + 1);
      random.fill(bytes);
      // Now and then a frame that is whole but for one byte.
      if (random.below(2) === 0)
        bytes.set(encodeFrame({ id: round, method: "echo", params: null }).subarray(0, bytes.length));
      const at = random.below(bytes.length);
      void rudeClient(bytes.subarray(0, at), bytes.subarray(at));
      if (round % 10 !== 9) continue;
      for (const socket of sockets.splice(0)) socket.end();
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const socket of sockets.splice(0)) socket.destroy();
    let polite = false;
    // Those turned away before the server has seen the others go are no finding.
    for (let attempt = 0; attempt < 50 && !polite; attempt += 1)
      polite = await answersAPoliteClient().catch(() => false);
    expect(polite).toBe(true);
  });
});

describe("a path for the control socket", () => {
  const refusing = () => new ControlServer(() => Promise.resolve(null), MAX_BYTES);
  it("may have as many bytes as a socket's address, and no more", async () => {
    const folder = mkdtempSync(join(tmpdir(), "flipside-"));
    const fits = refusing();
    await fits.listen(join(folder, "x".repeat(106 - Buffer.byteLength(folder))));
    await fits.close();
    await expect(
      refusing().listen(join(folder, "x".repeat(107 - Buffer.byteLength(folder)))),
    ).rejects.toMatchObject({ name: "SocketPathError", message: expect.stringContaining("has 108 bytes") });
    rmSync(folder, { recursive: true });
  });
  it("is refused where there is a file that is no socket, which stays", async () => {
    const folder = mkdtempSync(join(tmpdir(), "flipside-"));
    const file = join(folder, "control.sock");
    writeFileSync(file, "somebody's");
    await expect(refusing().listen(file)).rejects.toMatchObject({ name: "SocketPathError" });
    expect(readFileSync(file, "utf8")).toBe("somebody's");
    rmSync(folder, { recursive: true });
  });
});

describe("a socket that cannot be connected to", () => {
  it.each([
    [
      "EACCES",
      "NoAccess",
      "resource",
      /^you may not connect to \/d\/control\.sock: EACCES: it is for the user alone who /,
    ],
    ["EPERM", "NoAccess", "resource", /^you may not connect to /],
    [
      "ENOENT",
      "NotServed",
      "usage",
      /^no device is served at \/d\/control\.sock: ENOENT: there is no socket$/,
    ],
    [
      "ECONNREFUSED",
      "NotServed",
      "usage",
      /: ECONNREFUSED: the socket is left over from a server that is gone$/,
    ],
    ["ENOTSOCK", "NotServed", "usage", /^no device is served at \/d\/control\.sock: ENOTSOCK$/],
    ["EMFILE", "NotServed", "resource", /EMFILE$/],
  ] as const)("because of %s is told so, by name and kind", (code, name, kind, message) => {
    const error = unreachable("/d/control.sock", Object.assign(new Error(code), { code }));
    expect(error).toMatchObject({ name, kind, message: expect.stringMatching(message) });
  });
});
