/** What becomes of a command whose standard output ends before it does: the built command line, and a real pipe. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it, vi } from "vitest";
import { runToEnd } from "../run-to-end.ts";
import { scratchDirectory } from "./captured.ts";

const CLI = fileURLToPath(new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url));
const RULES = new URL("../../dist/supervisor/sweep/index.js", import.meta.url).href;
const scratch = scratchDirectory();

function rulesFile(name: string, text: string): string {
  const file = scratch(name);
  writeFileSync(file, text);
  return file;
}

/** Runs a command whose reader goes away at once. */
async function withoutReader(...args: readonly string[]): Promise<number | null> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  child.stdout.destroy();
  const [status] = (await once(child, "close")) as [number | null];
  return status;
}

it("a reader that goes away takes neither the finding nor the report", async () => {
  // As the sweep's own test has it: an update that is on trial is passed over, and so lost.
  const rules = rulesFile(
    "lost-update.mjs",
    `import { decideBoot } from ${JSON.stringify(RULES)};
export const rules = {
  decideBoot(input) {
    const active = input.table?.regions[input.table.active];
    const selected = active?.state === "valid" && active.unconfirmedStarts > 0;
    return decideBoot(selected ? { ...input, failed: input.table.active } : input);
  },
};
`,
  );
  const json = scratch("finding.json");
  const status = await withoutReader(
    ...["sweep", "--scenarios", "update-into-empty", "--rules", rules, "--json", json],
  );
  expect(status).toBe(1);
  expect(JSON.parse(readFileSync(json, "utf8")).findings).not.toHaveLength(0);
});

it("a reader that goes away does not end a served controller", async () => {
  const child = spawn(process.execPath, [CLI, "serve", "--dir", scratch("device")], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  child.stdout.destroy();
  const ctl = (...words: readonly string[]) =>
    runToEnd(process.execPath, [CLI, "ctl", "--dir", scratch("device"), ...words], { encoding: "utf8" });
  // The restart is printed: that is the write that finds nobody.
  ctl("inject", "supervisor-kill");
  await vi.waitFor(() => expect(ctl("status").stdout).toContain("process restarts 1"), {
    timeout: 10_000,
    interval: 200,
  });
  ctl("stop");
  if (child.exitCode === null) await once(child, "exit");
  expect(child.exitCode).toBe(0);
});

it("a full disk behind standard output is told in one sentence, and is no success", () => {
  const { status, stderr } = runToEnd("sh", ["-c", `"$0" "$1" --help > /dev/full`, process.execPath, CLI], {
    encoding: "utf8",
  });
  expect(status).toBe(3);
  expect(stderr).toMatch(/^flipside: standard output cannot be written: ENOSPC.*\n$/);
});
