/** A supervisor process that never was, or gave itself up, as the process that wants it learns of it. */
import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { SupervisorProcess } from "../../../supervisor/process/client.ts";
import { EXIT_ACCIDENT, EXIT_FATAL, EXIT_LACKING } from "../../../supervisor/process/fatal.ts";

const PROGRAM = fileURLToPath(new URL("../../../dist/supervisor/process.bundle.cjs", import.meta.url));
/** EMFILE of errno.h: Node then makes no pipes, and so no stdio. */
const NO_DESCRIPTORS = -24;

async function answerOf(child: ChildProcess): Promise<unknown> {
  const process = new SupervisorProcess({ child });
  return process.call("ping", null).catch((error: unknown) => error);
}

describe("a process that could not be started is told of the machine, whenever somebody listens:", () => {
  it("launched just now", async () => {
    const child = spawn("/nowhere/node", { stdio: ["ignore", "ignore", "ignore", "pipe"] });
    expect(await answerOf(child)).toMatchObject({
      kind: "resource",
      message: expect.stringMatching(/^the supervisor process cannot be started: .*ENOENT/),
    });
  });

  it("launched ahead", async () => {
    const child = spawn("/nowhere/node", { stdio: ["ignore", "ignore", "ignore", "pipe"] });
    await once(child, "error");
    expect(await answerOf(child)).toMatchObject({
      kind: "resource",
      message: expect.stringMatching(/ENOENT$/),
    });
  });

  it("for want of descriptors", async () => {
    const child = Object.assign(new EventEmitter(), { exitCode: NO_DESCRIPTORS, kill: () => true });
    expect(await answerOf(child as unknown as ChildProcess)).toMatchObject({
      kind: "resource",
      message: "the supervisor process cannot be started: EMFILE",
    });
  });
});

describe("a process that ends before its device is on", () => {
  const ending = (how: string) =>
    spawn(process.execPath, ["-e", how], { stdio: ["ignore", "ignore", "ignore", "pipe"] });

  it("is the machine's by a signal, as V8 ends one without memory, and by the exit code that says so", async () => {
    for (const how of ['process.kill(process.pid, "SIGTRAP")', `process.exit(${EXIT_LACKING})`]) {
      expect(await answerOf(ending(how))).toMatchObject({ kind: "resource" });
    }
  });

  it("is an accident by any other exit code, which says nothing of the device", async () => {
    for (const code of [1, EXIT_FATAL, EXIT_ACCIDENT]) {
      expect(await answerOf(ending(`process.exit(${code})`))).toMatchObject({ kind: "unjudged" });
    }
  });

  it("gives that exit code, and a sentence, where threads cannot be had", async () => {
    let said = "";
    // How many descriptors Node needs for itself is another number in each version.
    for (let most = 18; most < 32 && !said.includes("EMFILE"); most++) {
      const script = `ulimit -n ${most}; exec "$0" "$1" ${process.pid}`;
      const child = spawn("sh", ["-c", script, process.execPath, PROGRAM], {
        stdio: ["ignore", "ignore", "pipe", "pipe"],
      });
      let [stderr, status] = ["", null as number | null];
      child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk));
      child.once("exit", (code) => (status = code));
      // One that has all it needs ends with this socket.
      (child.stdio[3] as Duplex).on("error", () => undefined).end();
      await once(child, "close");
      if (status === EXIT_LACKING) said = stderr;
    }
    expect(said).toMatch(/^flipside supervisor: .*EMFILE.*\n$/);
  });
});
