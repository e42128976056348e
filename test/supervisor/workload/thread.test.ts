/** A user's work in its thread: it asks the host outside, and whatever becomes of it is told with its place. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadWorkload, WorkloadThread } from "../../../supervisor/workload/thread.ts";
import type { WorkloadHost } from "../../../supervisor/workload/workload.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "flipside-workload-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function moduleOf(text: string): string {
  const file = join(folder, "work.mjs");
  writeFileSync(file, text);
  return pathToFileURL(file).href;
}

/** What was asked of it. */
class Recorder implements WorkloadHost {
  readonly hostMemory = { address: 0x4000_2000, bytes: 4096 };
  readonly asked: unknown[] = [];

  async command(...request: Parameters<WorkloadHost["command"]>) {
    this.asked.push(["command", ...request]);
    if (request[0].opcode > 0xff) throw new Error("there is no such opcode");
    return { outcome: "completed" as const, status: 0, result: 5, result2: 0 };
  }
  async readHostMemory(address: number, bytes: number) {
    this.asked.push(["read", address, bytes]);
    return Uint8Array.of(1, 2);
  }
  async writeHostMemory(address: number, data: Uint8Array) {
    this.asked.push(["write", address, data]);
  }
  check(...check: Parameters<WorkloadHost["check"]>) {
    this.asked.push(["check", ...check]);
  }
  random() {
    return 3;
  }
}

/** What a round of a module ends by. */
async function failureOf(text: string): Promise<string> {
  const thread = new WorkloadThread(moduleOf(text), 100);
  try {
    await thread.workload(new Recorder());
    return "nothing failed";
  } catch (error) {
    expect(error).toMatchObject({ name: "WorkloadError", kind: "usage" });
    return (error as Error).message;
  } finally {
    await thread.close();
  }
}

describe("a workload", () => {
  it("asks the host outside, gets its answers, and draws the same of the same seed", async () => {
    const text = `export const workload = async (host) => {
      const { result } = await host.command({ opcode: 1 }, Uint8Array.of(9), { outputBytes: 4 });
      await host.writeHostMemory(host.hostMemory.address, await host.readHostMemory(1, result));
      host.check("a rule", false, String(host.random(1000)));
    };`;
    const [thread] = await loadWorkload(moduleOf(text), 1);
    const host = new Recorder();
    await thread?.workload(host);
    await thread?.workload(host);
    await thread?.close();
    const round = [
      ["command", { opcode: 1 }, Uint8Array.of(9), { outputBytes: 4 }],
      ["read", 1, 5],
      ["write", 0x4000_2000, Uint8Array.of(1, 2)],
      ["check", "a rule", false, expect.stringMatching(/^\d+$/)],
    ];
    expect(host.asked).toEqual([...round, ...round]);
    expect(host.asked[7]).toEqual(host.asked[3]);
  });

  it.each([
    [
      "throws",
      'export const workload = async () => {\n  throw new Error("no");\n};',
      /^workload threw: no, at .*work\.mjs:2:9$/,
    ],
    [
      "loops",
      "export const workload = (host) => {\n  for (;;);\n};",
      /^workload does not come back: it stands at .*work\.mjs:2:\d+$/,
    ],
    [
      "throws in a timer",
      'export const workload = () => new Promise(() => setTimeout(() => {\n  throw new Error("late");\n}));',
      /^the workload failed: late, at .*work\.mjs:2:9$/,
    ],
    [
      "waits for what never comes",
      "export const workload = () => new Promise(() => undefined);",
      /or waits for what never comes$/,
    ],
    ["ends its thread", "export const workload = () => process.exit();", /^the workload ended the thread/],
    [
      "asks what is refused",
      "export const workload = (host) =>\n  host.command({ opcode: 256 });",
      /^workload threw: there is no such opcode, at .*work\.mjs:2:8$/,
    ],
    [
      "checks a promise",
      "export const workload = (host) =>\n  host.check('x', host.command({ opcode: 1 }));",
      /a promise has to be awaited, at .*work\.mjs:2:8$/,
    ],
  ])("that %s is told with its place", async (_, text, failure) => {
    expect(await failureOf(text)).toMatch(failure);
  });

  it.each([
    ["cannot be read", "export const = 2;", /^the workload cannot be loaded: .*, at .*work\.mjs:1$/],
    ["has no workload", "export const rules = {};", /the module must export workload, and does not$/],
    ["is no function", "export const workload = {};", /workload must be a function, and is object$/],
    ["never ends its loading", "await new Promise(() => undefined);", /or waits for what never comes$/],
  ])("whose module %s is refused when it is loaded", async (_, text, refusal) => {
    await expect(loadWorkload(moduleOf(text), 2)).rejects.toThrow(refusal);
  });
});
