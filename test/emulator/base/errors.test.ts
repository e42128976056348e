/** What an error is to whoever asked: it outlives the way from thread to thread and over a socket. */
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { kindOf } from "../../../emulator/base/errors.ts";
import { Link } from "../../../emulator/base/link.ts";
import { OperatorError } from "../../../supervisor/device/errors.ts";
import { DeviceError } from "../../../supervisor/process/client.ts";
import { answerOf } from "../../../supervisor/process/protocol.ts";

const LINK = new URL("../../../dist/emulator/base/link.js", import.meta.url);
const CODE = `
  import(${JSON.stringify(LINK)}).then(({ serve }) => serve({
    locked: () => { throw Object.assign(new Error("it is locked"), { name: "Locked", kind: "usage" }); },
    broken: () => { throw new TypeError("it is broken"); },
  }));`;

describe("the kind of an error", () => {
  it("goes with it from a worker to whoever called", async () => {
    const worker = new Worker(CODE, { eval: true });
    const link = new Link<{ locked: () => null; broken: () => null }>(worker);
    const locked = await link.call(10_000, "locked").catch((error: unknown) => error);
    expect(locked).toMatchObject({ name: "Locked", message: "it is locked" });
    expect(kindOf(locked)).toBe("usage");
    const broken = await link.call(10_000, "broken").catch((error: unknown) => error);
    expect(broken).toMatchObject({ name: "TypeError", message: "it is broken" });
    expect(kindOf(broken)).toBeUndefined();
    await worker.terminate();
  });

  it("goes with it in an answer", () => {
    const answer = answerOf(new OperatorError("is-primary", "region 0 is executing"));
    expect(answer).toEqual({ name: "is-primary", message: "region 0 is executing", kind: "busy" });
    expect(DeviceError.of(answer)).toMatchObject(answer);
    expect(answerOf(new TypeError("x"))).toEqual({ name: "TypeError", message: "x" });
    expect(answerOf("thrown")).toEqual({ name: "Error", message: "thrown" });
  });

  it("of a refusal is busy exactly where a failover of the device's own may have brought it about", () => {
    const kinds = ["busy", "is-primary", "not-being-written", "not-verified", "not-invalid"] as const;
    expect(kinds.map((name) => kindOf(new OperatorError(name, "")))).toEqual([
      "busy",
      "busy",
      "busy",
      "usage",
      "usage",
    ]);
  });
});
