/** As the first process of a container, which the kernel ends by no signal that it does not take. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { EXIT_UNJUDGED } from "../../scripts/exit-codes.ts";
import { runToEnd } from "../run-to-end.ts";

const CLI = fileURLToPath(new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url));
const NAMESPACE = ["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"];
const mayUnshare = runToEnd("unshare", [...NAMESPACE, "true"]).status === 0;

let running: ChildProcess | undefined;
afterEach(() => running?.kill("SIGKILL"));

/** Starts a command as process 1; resolves with its process id here once it has said something. */
async function asFirst(...args: readonly string[]) {
  const words = [...NAMESPACE, "--kill-child", process.execPath, CLI, ...args];
  const child = spawn("unshare", words, { stdio: ["ignore", "pipe", "inherit"] });
  running = child;
  await once(child.stdout, "data");
  child.stdout.resume();
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8");
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { pid: Number(children.trim()), ended };
}

describe.runIf(mayUnshare)("as process 1 of a container", () => {
  it("a sweep ends at a signal that asks it to, with what it has, and that is no verdict", async () => {
    const { pid, ended } = await asFirst("sweep", "--depth", "2", "--jobs", "1");
    process.kill(pid, "SIGTERM");
    expect(await ended).toBe(EXIT_UNJUDGED);
  });

  it("a served controller is restarted when its process dies, and ends as it was told", async () => {
    const directory = mkdtempSync(join(tmpdir(), "flipside-container-"));
    const ctl = (...words: readonly string[]) =>
      runToEnd(process.execPath, [CLI, "ctl", "--dir", directory, ...words], { encoding: "utf8" });
    const { pid, ended } = await asFirst("serve", "--dir", directory);
    ctl("inject", "supervisor-kill");
    await vi.waitFor(() => expect(ctl("status").stdout).toContain("process restarts 1"), {
      timeout: 10_000,
      interval: 200,
    });
    process.kill(pid, "SIGTERM");
    expect(await ended).toBe(0);
    rmSync(directory, { recursive: true });
  });
});
