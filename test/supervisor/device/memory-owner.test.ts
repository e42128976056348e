/** The memory emulator worker as the supervisor holds it, with workers that do what the test says. */
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import type { PoweredMemory } from "../../../emulator/api.ts";
import { createLogger } from "../../../emulator/base/log.ts";
import { DEFAULT_MEMORY_CONFIG } from "../../../emulator/memory/layout.ts";
import { MemoryOwner } from "../../../supervisor/device/memory-owner.ts";
import type { Launcher } from "../../../supervisor/launch.ts";

const LINK = fileURLToPath(new URL("../../../dist/emulator/base/link.js", import.meta.url));

/** A worker that answers a question for digests as `answer` says. */
function worker(answer: string): Worker {
  const code = `import(${JSON.stringify(LINK)}).then(({ serve }) => serve({
    powerOn: () => ({}), takeOver: () => undefined, powerOff: () => undefined, digests: () => { ${answer} },
  }));`;
  return new Worker(code, { eval: true });
}

async function ownerOf(...answers: readonly string[]) {
  const left = [...answers];
  const launcher = {
    memoryEmulator: () => worker(left.shift() ?? "process.exit(1);"),
  } as unknown as Launcher;
  const fatal: string[] = [];
  const log = createLogger({ level: "silent", fd: 2 }, {}, () => ({}));
  const owner = new MemoryOwner(launcher, null, log, (reason) => fatal.push(reason));
  const powered: PoweredMemory = await owner.powerOn(DEFAULT_MEMORY_CONFIG, []);
  expect(powered).toBeDefined();
  return { owner, fatal };
}

it("what changes nothing and was asked of a worker that dies is answered by its successor", async () => {
  const { owner, fatal } = await ownerOf("process.exit(1);", "process.exit(1);", "return ['whole'];");
  expect(await owner.digests()).toEqual(["whole"]);
  expect([owner.replacements, fatal]).toEqual([2, []]);
  await owner.close();
});

it("workers that die one after the other are not asked for ever", async () => {
  const { owner, fatal } = await ownerOf();
  await expect(owner.digests()).rejects.toMatchObject({ name: "LinkError" });
  expect(fatal).toHaveLength(1);
  await owner.close();
});
