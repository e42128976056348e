/**
 * A served device from outside, by a client that shares no code with it and by `flipside ctl`: its UART, both ways and
 * over a failover, host commands, and faults that nobody commits.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeImage } from "../../controller/image/encode.ts";
import { STATUS_BASE, UART_BASE } from "../../emulator/memory/map.ts";
import * as asm from "../controller/support/assembler.ts";
import { type Fields, PlainClient } from "./control-client.ts";

const cli = new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url).pathname;

const [READY, FAULT, CAPABILITIES] = [0x10, 0x18, 0x1c];
/** The bit of CAPABILITIES that makes the others count. */
const DECLARED = 1;
const [RECEIVE, INTERRUPT_ENABLE, LINE_STATUS] = [0, 1, 5];
const [STATUS, UART, BYTE, FLAG, MARK] = [5, 6, 7, 28, 29];
const EXTERNAL_INTERRUPT = 11;

/**
 * Prints its letter and a new line; then sends back what it receives, asleep in between, until that is "!": there it
 * gives up. It has no host queue, and says so if it is to.
 */
function echo(letter: string, major: number, declares = false): Uint8Array {
  const program = new asm.Program()
    .li(STATUS, STATUS_BASE)
    .li(UART, UART_BASE)
    .li(BYTE, letter.charCodeAt(0))
    .words(asm.store("sb", BYTE, RECEIVE, UART))
    .li(BYTE, 0x0a)
    .words(asm.store("sb", BYTE, RECEIVE, UART))
    .li(FLAG, declares ? DECLARED : 0)
    .words(asm.store("sw", FLAG, CAPABILITIES, STATUS))
    .li(FLAG, 1)
    .words(asm.store("sb", FLAG, INTERRUPT_ENABLE, UART), asm.store("sw", FLAG, READY, STATUS))
    .li(FLAG, 1 << EXTERNAL_INTERRUPT)
    .words(asm.csr("csrrw", 0, asm.MIE, FLAG))
    .li(MARK, "!".charCodeAt(0))
    .jal(0, "look")
    .label("sleep")
    .words(asm.WFI)
    .label("look")
    .words(asm.load("lbu", FLAG, LINE_STATUS, UART), asm.i("andi", FLAG, FLAG, 1))
    .branch("beq", FLAG, 0, "sleep")
    .words(asm.load("lbu", BYTE, RECEIVE, UART))
    .branch("beq", BYTE, MARK, "give up")
    .words(asm.store("sb", BYTE, RECEIVE, UART))
    .jal(0, "look")
    .label("give up")
    .words(asm.store("sw", MARK, FAULT, STATUS))
    .label("never")
    .jal(0, "never");
  const version = { major, minor: 0, revision: 0, build: 0 };
  return encodeImage({ body: program.bytes(), version, romFixed: true });
}

let directory: string;
let device: string;
let server: ChildProcess;
let printed = "";
let client: PlainClient;

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `flipside ctl`, with something at its standard input. */
function ctl(
  args: readonly string[],
  input: (write: (text: string) => void, end: () => void) => void = (_, end) => end(),
) {
  const child = spawn(process.execPath, [cli, "ctl", "--dir", device, ...args]);
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("latin1")));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  input(
    (text) => void child.stdin.write(text),
    () => void child.stdin.end(),
  );
  return {
    out: () => out,
    ended: once(child, "close").then(([code]): Ended => ({ code: code as number | null, out, err })),
  };
}

async function serve(...args: readonly string[]): Promise<void> {
  server = spawn(process.execPath, [cli, "serve", "--dir", device, "--log", "silent", ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  printed = "";
  server.stdout?.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  while (!printed.includes("serving")) await once(server.stdout as Readable, "data");
  client = new PlainClient(join(device, "control.sock"));
}

async function until(holds: (status: Fields) => boolean): Promise<Fields> {
  for (;;) {
    const status = await client.call("status");
    if (holds(status)) return status;
  }
}

const isQuiet = ({ ready, standby }: Fields): boolean => ready === true && standby !== null;

/** Reads on from a position until the text has come; all that was read. */
async function readUntil(text: string, from: Fields): Promise<{ readonly all: string; readonly at: Fields }> {
  let at = from;
  let all = "";
  while (!all.includes(text)) {
    const answer = await client.call("uart", { ...at, waitMs: 5_000 });
    expect(answer["lost"]).toBe(0);
    all += Buffer.from(answer["bytes"] as Uint8Array).toString("latin1");
    at = { from: answer["next"] ?? null, powerOnMs: answer["powerOnMs"] ?? null };
  }
  return { all, at };
}

function typed(text: string): Fields {
  return { characters: Buffer.from(text, "latin1"), waitMs: 5_000 };
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "flipside-"));
  device = join(directory, "device");
});
afterAll(() => {
  client?.close();
  server?.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

describe("a served device whose firmware has a console and no host queue", () => {
  beforeAll(async () => {
    writeFileSync(join(directory, "a.img"), echo("A", 2));
    writeFileSync(join(directory, "b.img"), echo("B", 1));
    await serve("--image-a", join(directory, "a.img"), "--image-b", join(directory, "b.img"), "--uart");
    await until(isQuiet);
  });

  it("takes a fault back that nobody fetches, says so, and is not in safe mode", async () => {
    // Five of them would have been more failures than its budget has.
    let answer = await client.ask("injectAndAwait", { kind: "ebreak" });
    // A machine that is too busy to tell says so.
    while ((answer["error"] as Fields | undefined)?.["name"] === "NoOutcome")
      answer = await client.ask("injectAndAwait", { kind: "ebreak" });
    expect(answer["result"]).toMatchObject({
      effect: "nothing",
      evidence: null,
      detectMs: null,
      seed: null,
      region: 0,
      version: "2.0.0",
      message: expect.stringMatching(
        /^nothing happened: the version that runs did not fetch the command within 500 ms/,
      ),
    });
    expect(await ctl(["command", "--opcode", "0xc3"]).ended).toMatchObject({
      code: 2,
      out: "not fetched: the version that runs has fetched no command since its start; it was taken back\n",
    });
    expect(await client.call("status")).toMatchObject({
      phase: "executing",
      failovers: 0,
      failoversByCause: {},
    });
    // The hart does not sleep while the queue's interrupt is pending: beside others it gets its share of a processor.
  }, 300_000);

  it("sends back what is typed, and tells it from wherever one stopped reading", async () => {
    const start = await readUntil("A\n", {});
    expect(start.all).toBe("A\n");
    expect(await client.call("type", typed("hello"))).toEqual({ taken: 5 });
    const { all, at } = await readUntil("hello", start.at);
    expect(all).toBe("hello");
    // Longer than what the UART holds, and than what waits at once.
    const long = Array.from({ length: 3_000 }, (_, i) => String.fromCharCode(33 + 1 + (i % 90))).join("");
    const answers = [client.call("type", typed(long)), client.call("type", typed(`${long}.end`))];
    expect(await Promise.all(answers)).toEqual([{ taken: 3_000 }, { taken: 3_004 }]);
    expect((await readUntil(".end", at)).all).toHaveLength(6_004);
  });

  it("keeps what a version printed over a failover, and gives what is typed to the next one", async () => {
    const before = await client.call("uart", {});
    await until(isQuiet);
    expect(await client.call("type", typed("bye!-again"))).toEqual({ taken: 10 });
    const { all } = await readUntil("again", {
      from: before["next"] ?? null,
      powerOnMs: before["powerOnMs"] ?? null,
    });
    // What the receiver of the version that failed held already is lost with it.
    expect(all).toMatch(/^byeB\n-?again$/);
    const shown = await ctl(["uart"]).ended;
    expect(shown).toMatchObject({ code: 0, err: "" });
    expect(shown.out).toMatch(/^A\nhello[\s\S]*byeB\n-?again$/);
    await expect.poll(() => printed, { timeout: 30_000 }).toMatch(/byeB\n-?again/);
    const status = await until(isQuiet);
    expect(status).toMatchObject({ primary: 1, failoversByCause: { panic: 1 } });
    expect((status["regions"] as readonly Fields[])[0]).toMatchObject({
      lastFailure: "panic",
      lastFailureCode: 33,
    });
  });

  it("is attached to by ctl console: input goes in, output comes out, Ctrl-] leaves", async () => {
    const attached = ctl(["console"], (write) => write("to and fro"));
    await expect.poll(attached.out, { timeout: 60_000 }).toBe("to and fro");
    const left = ctl(["console"], (write) => write("last words\x1dunsent"));
    expect(await left.ended).toMatchObject({ code: 0, err: "" });
    // Who is attached sees what others make it print.
    await expect.poll(attached.out, { timeout: 60_000 }).toBe("to and frolast words");
    expect(await client.call("type", typed("!"))).toEqual({ taken: 1 });
    await expect.poll(attached.out, { timeout: 60_000 }).toBe("to and frolast wordsA\n");
    const piped = ctl(["console"], (write, end) => {
      write("to its end");
      end();
    });
    expect(await piped.ended).toEqual({ code: 0, out: "to its end", err: "" });
  });

  it("refuses what is no request of the page, and lives", async () => {
    const error = async (method: string, params?: Fields) =>
      (await client.ask(method, params ?? null))["error"];
    expect(await error("explode")).toEqual({ name: "NoSuchMethod", message: 'there is no method "explode"' });
    expect(await error("type", { characters: "text" })).toEqual({
      name: "BadInput",
      kind: "usage",
      message: 'characters is "text": it must be bytes (a Uint8Array)',
    });
    expect(await error("activate", { region: 2 })).toMatchObject({ name: "BadInput", kind: "usage" });
    expect(await error("clear", { region: 1 })).toMatchObject({ name: "not-invalid", kind: "usage" });
    expect(await client.call("status")).toMatchObject({ phase: "executing", processRestarts: 0 });
  });

  it("stops when it is told to, with the answer before", async () => {
    const exit = once(server, "exit");
    expect(await client.call("stop")).toBe(null);
    expect(await exit).toEqual([0, null]);
  });
});

describe("a served device with the reference firmware", () => {
  beforeAll(async () => {
    client?.close();
    device = join(directory, "reference");
    await serve();
    await until(isQuiet);
  });

  const DATA = Buffer.from("what the host has to say");

  it("carries out host commands of any client, with what they read and write", async () => {
    expect(await client.call("command", { command: { opcode: 0xc3 } })).toMatchObject({
      outcome: "completed",
      status: 0,
      result: 0x0101_0000,
    });
    const copied = await client.call("command", {
      command: { opcode: 0xc2, cdw10: DATA.length },
      data: DATA,
      outputBytes: DATA.length,
    });
    expect(copied).toMatchObject({ status: 0, output: Uint8Array.from(DATA) });
    const { hostBufferAddress: address } = await client.call("status");
    expect(await client.call("readHostMemory", { address: address ?? null, bytes: 4 })).toEqual(
      Uint8Array.from(DATA.subarray(0, 4)),
    );
    expect(
      await client.call("writeHostMemory", { address: Number(address) + 1, data: Buffer.from("HA") }),
    ).toBe(null);
    expect(await client.call("readHostMemory", { address: address ?? null, bytes: 4 })).toEqual(
      Uint8Array.from(Buffer.from("wHAt")),
    );
  });

  it("carries out those of ctl, and tells how they end", async () => {
    const [from, to, report] = ["from", "to", "report.json"].map((name) => join(directory, name));
    writeFileSync(from as string, DATA);
    const copy = ["command", "--opcode", "0xc2", "--cdw10", String(DATA.length)];
    expect(
      await ctl([...copy, "--data", from as string, "--output", to as string, "--json", report as string])
        .ended,
    ).toEqual({
      code: 0,
      out: "completed: status 0x0 (Successful Completion), result 0x00000000 0x00000000\n",
      err: "",
    });
    expect(readFileSync(to as string)).toEqual(DATA);
    expect(JSON.parse(readFileSync(report as string, "utf8"))).toMatchObject({
      outcome: "completed",
      status: 0,
      result: 0,
      result2: 0,
    });
    expect(await ctl(["command", "--opcode", "0x77"]).ended).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^completed: status 0x1 \(Invalid Command Opcode\), /),
    });
    expect(await ctl(["command", "--opcode", "0xc2", "--output", to as string]).ended).toMatchObject({
      code: 2,
      err: "flipside: --output needs --output-bytes where there is no --data\n",
    });
  });

  it("tells what became of a fault: of the process, of a worker, and of the firmware", async () => {
    expect(await client.call("injectAndAwait", { kind: "memory-exit" })).toMatchObject({
      effect: "memory-replaced",
    });
    expect(await client.call("injectAndAwait", { kind: "kicks-without-progress" })).toMatchObject({
      effect: "failover",
      evidence: "overdue-command",
      region: 1,
      version: "1.0.0",
    });
    const cut = await client.call("injectAndAwait", { kind: "power-cut", seed: 5 });
    expect(cut).toMatchObject({ effect: "process-restarted", seed: 5, region: 1 });
    expect(await until(isQuiet)).toMatchObject({ processRestarts: 1, primary: 1 });
    const { nextStart } = await client.call("activate", { region: 0 });
    expect(nextStart).toEqual({ region: 0, reason: "region 0, activated for this start: 1.1.0 is accepted" });
    expect(await client.call("status")).toMatchObject({ primary: 1, ready: true });
  });
});

describe("a device that was stopped", () => {
  const raw = () => join(directory, "raw.bin");

  it("gives its raw memory, served or not", async () => {
    const { generation } = await client.call("status");
    expect(await ctl(["flash", "read", raw()]).ended).toMatchObject({ code: 0, err: "" });
    const exit = once(server, "exit");
    expect(await ctl(["stop"]).ended).toMatchObject({ code: 0 });
    await exit;
    expect(await ctl(["flash", "read", raw()]).ended).toEqual({
      code: 0,
      out: `${raw()}: 602112 bytes of raw memory\n`,
      err: "",
    });
    expect(await ctl(["flash", "write", raw()]).ended).toMatchObject({ code: 2 });
    client.close();
    device = join(directory, "copy");
    await serve("--flash-image", raw());
    // Whose next start was chosen before.
    expect(await until(isQuiet)).toMatchObject({ primary: 0, generation: Number(generation) + 1 });
  });

  it("is programmed anew where that is said, and else refuses what it does not hold", async () => {
    const exit = once(server, "exit");
    expect(await ctl(["stop"]).ended).toMatchObject({ code: 0 });
    await exit;
    const serveFails = async (...args: readonly string[]) => {
      const child = spawn(process.execPath, [cli, "serve", "--dir", device, ...args]);
      let err = "";
      child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
      const [code] = await once(child, "close");
      return { code, err };
    };
    const newer = join(directory, "c.img");
    writeFileSync(newer, echo("C", 3, true));
    expect(await serveFails("--image-a", newer)).toEqual({
      code: 2,
      err: expect.stringMatching(
        /^flipside: the flash file .* holds a device already: region 0 holds version 1\.1\.0, and not the image of --image-a, .* flipside ctl load 0 FILE, or program it anew with --reprovision, by which all that it keeps is lost\n$/,
      ),
    });
    expect(await serveFails("--flash-image", newer)).toEqual({
      code: 2,
      err: expect.stringMatching(
        /^flipside: --flash-image .* has \d+ bytes: the raw memory of this device has 602112 \(/,
      ),
    });
    client.close();
    await serve("--image-a", newer, "--reprovision");
    const status = await until(({ ready }) => ready === true);
    expect(status).toMatchObject({
      generation: 1,
      primary: 0,
      regions: [{ version: "3.0.0" }, { version: "1.0.0" }],
      capabilities: [],
    });
  });

  it("is asked for nothing that its version says it cannot do: what can be is forced on its hart", async () => {
    const refusals = await Promise.all([
      client.ask("injectAndAwait", { kind: "kicks-without-progress" }),
      client.ask("command", { command: { opcode: 0xc3 } }),
    ]);
    const said = "as its register CAPABILITIES says: nobody would fetch the command";
    expect(refusals.map(({ error }) => error)).toEqual(
      [
        "commits no faults on request, and no kicks-without-progress can be forced on it",
        "has no host queue",
      ].map((lack) => ({
        name: "RequestError",
        kind: "usage",
        message: `the version that runs ${lack}, ${said}`,
      })),
    );
    expect(await client.call("injectAndAwait", { kind: "ebreak" })).toMatchObject({
      effect: "failover",
      evidence: "trap",
      region: 1,
    });
  });
});
