/**
 * Part "frames": what no client of ours sends, to the control socket of a device that is served, and in between requests
 * as they should be, each of which is answered. A case is one device from its start to its end.
 */

import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { encodePlain } from "../../emulator/base/plain-data.ts";
import { Random } from "../../emulator/base/random.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import { encodeFrame, FrameReader } from "../../supervisor/process/frames.ts";
import { controlPath } from "../../supervisor/process/served-device.ts";
import { removeScratch, scratchDirectory } from "../scratch.ts";
import { mutated } from "./mutate.ts";
import type { CaseResult, Part } from "./part.ts";
import { Finding, Served } from "./served.ts";

const FRAMES = 150;
/** Looks at the processes' memory come once in so many frames. */
const LOOK_FRAMES = 25;
const MAX_GROWTH_BYTES = 256 * 1024 * 1024;
const MAX_BASE_MS = 60_000;
const LENGTH_BYTES = 4;

type Made = (random: Random) => Uint8Array;

const METHODS = [
  "status",
  "inject",
  "designate",
  "clear",
  "load",
  "activate",
  "uart",
  "type",
  "command",
  "readHostMemory",
  "writeHostMemory",
  "injectAndAwait",
  "stopp",
  "start",
  "ping",
  "soak",
  "drill",
  "__proto__",
];

function randomBytes(random: Random, most: number): Uint8Array {
  const bytes = new Uint8Array(random.below(most));
  random.fill(bytes);
  return bytes;
}

/** Any plain value; objects have names that mean something somewhere. */
function randomValue(random: Random, depth = 0): unknown {
  const deeper = (): unknown => randomValue(random, depth + 1);
  const list = (most: number): unknown[] => Array.from({ length: random.below(most) }, deeper);
  const names = [
    ...[
      "region",
      "image",
      "kind",
      "seed",
      "params",
      "id",
      "constructor",
      "toString",
      "length",
      "from",
      "waitMs",
    ],
    ...[
      "characters",
      "address",
      "bytes",
      "data",
      "command",
      "opcode",
      "outputBytes",
      "withdraw",
      "powerOnMs",
    ],
  ];
  const makers: readonly (() => unknown)[] = [
    () => null,
    () => random.below(2) === 0,
    () =>
      random.pick([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 31), random.uint32()]),
    () => random.pick(["", "ebreak", "region", "\u001b[2J", "x".repeat(random.below(300))]),
    () => randomBytes(random, 200),
    () => list(depth > 4 ? 1 : 5),
    () => Object.fromEntries(list(depth > 4 ? 1 : 5).map((value) => [random.pick(names), value])),
  ];
  return random.pick(makers)();
}

/** One that may be carried out, and does the device no harm that it does not come back from by itself. */
function goodRequest(random: Random): { id: number; method: string; params: unknown } {
  const region = random.below(2);
  const requests = [
    { method: "status", params: null },
    { method: "designate", params: { region } },
    { method: "clear", params: { region } },
    { method: "load", params: { region, image: randomBytes(random, 4096) } },
    { method: "inject", params: { kind: "standby-death", seed: random.uint32() } },
    { method: "activate", params: { region } },
    {
      method: "uart",
      params: { from: random.uint32() >>> 1, powerOnMs: random.uint32(), waitMs: random.below(20) },
    },
    { method: "type", params: { characters: randomBytes(random, 4096), waitMs: random.below(20) } },
    {
      method: "readHostMemory",
      params: { address: 0x4000_0000 + random.below(4096), bytes: random.below(9999) },
    },
    { method: "writeHostMemory", params: { address: 0x4001_0000, data: randomBytes(random, 4096) } },
    {
      method: "command",
      params: { command: { opcode: 0xc1, cdw10: 64 }, data: randomBytes(random, 4096), outputBytes: 64 },
    },
  ];
  return { id: random.below(1000), ...random.pick(requests) };
}

function framed(payload: Uint8Array, length = payload.length): Uint8Array {
  const head = Buffer.alloc(LENGTH_BYTES);
  head.writeUInt32LE(length >>> 0);
  return Buffer.concat([head, payload]);
}

const FRAME_KINDS: Readonly<Record<string, Made>> = {
  "mutated frames": (random) => mutated(encodeFrame(goodRequest(random)), random),
  "frames of mutated values": (random) => framed(mutated(encodePlain(goodRequest(random)), random)),
  "frames of random bytes": (random) => framed(randomBytes(random, 2000)),
  "frames of random requests": (random) =>
    encodeFrame({ id: random.below(9), method: random.pick(METHODS), params: randomValue(random) }),
  "frames of random values": (random) => encodeFrame(randomValue(random)),
  "frames with extensions": (random) => framed(withExtension(random)),
  "frames with wrong lengths": (random) => {
    const payload = encodePlain(goodRequest(random));
    const length = random.pick([0, 1, payload.length - 1, payload.length + 1, 0x7fff_ffff, 0xffff_ffff]);
    return framed(payload, length);
  },
};

/** A request whose parameters are an extension of any type (msgpack specification, "Extension types"). */
function withExtension(random: Random): Uint8Array {
  const marker = 0xc1;
  const request = Buffer.from(encodePlain({ id: 1, method: random.pick(METHODS), params: "?" }));
  const [fixed, size] = random.pick([
    [0xd4, 1],
    [0xd5, 2],
    [0xd6, 4],
    [0xd7, 8],
    [0xd8, 16],
    [marker, 0],
  ] as const);
  const body = new Uint8Array(size);
  random.fill(body);
  // In the place of the text "?", which is two bytes and the last.
  return Buffer.concat([request.subarray(0, -2), Uint8Array.of(fixed, random.below(256)), body]);
}

/** One whose connection is cut off, as it deserves, is connected again. */
class RudeClient {
  readonly #path: string;
  #socket: Socket | undefined;
  #reader = new FrameReader();
  readonly findings: string[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  /** Resolves when the bytes are on their way, or the connection is gone. */
  async send(bytes: Uint8Array): Promise<void> {
    this.#socket ??= this.#connect();
    const socket = this.#socket;
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      socket.write(bytes, () => resolve());
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #connect(): Socket {
    const socket = connect(this.#path);
    this.#reader = new FrameReader();
    socket.setMaxListeners(0);
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.once("close", () => {
      if (this.#socket === socket) this.#socket = undefined;
    });
    return socket;
  }

  #take(chunk: Buffer): void {
    try {
      for (const value of this.#reader.push(chunk)) {
        const { id, error } = value as { id?: unknown; error?: { name?: unknown; message?: unknown } };
        const isAnswer =
          Number.isSafeInteger(id) && (error === undefined || typeof error.message === "string");
        if (!isAnswer) this.findings.push(`a client got what is no answer: ${JSON.stringify(value)}`);
        if (error !== undefined && isAccident(String(error.name)))
          this.findings.push(`a client was answered ${error.name}: ${error.message}`);
      }
    } catch (error) {
      this.findings.push(`a client got what is no frame: ${errorMessage(error)}`);
    }
  }
}

/** Names of errors that nobody throws on purpose. */
function isAccident(name: string): boolean {
  return ["Error", "TypeError", "RangeError", "ReferenceError", "SyntaxError"].includes(name);
}

async function storm(
  served: Served,
  random: Random,
  path: string,
  counts: Record<string, number>,
): Promise<string[]> {
  const { pid } = await served.until("no version was ready", ({ ready }) => ready, MAX_BASE_MS);
  const baseBytes = served.residentBytes();
  const rude = new RudeClient(path);
  const findings: string[] = [];
  for (let index = 0; index < FRAMES && findings.length === 0; index += 1) {
    const kind = random.pick(Object.keys(FRAME_KINDS));
    await rude.send((FRAME_KINDS[kind] as Made)(random));
    counts[kind] = (counts[kind] ?? 0) + 1;
    if (random.below(4) === 0) rude.close();
    const status = await (await served.client()).call("status", null);
    counts["requests answered"] = (counts["requests answered"] ?? 0) + 1;
    if (status.pid !== pid) findings.push(`${kind} ended the supervisor process: ${served.said}`);
    if (index % LOOK_FRAMES !== 0) continue;
    const grownBytes = served.residentBytes() - baseBytes;
    if (grownBytes > MAX_GROWTH_BYTES)
      findings.push(`the processes took ${Math.round(grownBytes / 2 ** 20)} MiB more`);
  }
  rude.close();
  return [...findings, ...rude.findings];
}

export class FramesPart implements Part {
  readonly counted = [...Object.keys(FRAME_KINDS), "requests answered"];

  async run(seed: number): Promise<CaseResult> {
    const directory = scratchDirectory();
    const counts: Record<string, number> = {};
    let served: Served | undefined;
    try {
      served = await Served.start(join(directory, "device"));
      const findings = await storm(served, new Random(seed), controlPath(join(directory, "device")), counts);
      await served.stop();
      return { counts, findings };
    } catch (error) {
      const what = error instanceof Finding ? error.message : `${errorMessage(error)}: ${served?.said ?? ""}`;
      return { counts, findings: [what] };
    } finally {
      await served?.kill();
      removeScratch(directory);
    }
  }

  async close(): Promise<void> {}
}
