/** Where flipside runs, and what is told elsewhere. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { platformFault, thisPlatform } from "../../../emulator/base/platform.ts";
import { runToEnd } from "../../run-to-end.ts";

const CLI = fileURLToPath(new URL("../../../dist/scripts/cli.bundle.cjs", import.meta.url));
const PACKAGE = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
const HERE = { os: "linux", cpu: "x64", node: "20.19.0" };

describe("where flipside does not run it says so in one sentence:", () => {
  it("it runs here, and wherever package.json says", () => {
    expect(platformFault(thisPlatform())).toBeUndefined();
    for (const os of PACKAGE.os) {
      for (const cpu of PACKAGE.cpu) expect(platformFault({ ...HERE, os, cpu })).toBeUndefined();
    }
    expect(PACKAGE.engines.node).toBe(`>=${HERE.node}`);
    expect(platformFault({ ...HERE, node: "24.0.0" })).toBeUndefined();
  });

  it.each([
    [{ os: "win32" }, "runs on linux with x64 or arm64, and this is win32 with x64"],
    [{ cpu: "s390x" }, "and this is linux with s390x"],
    [{ node: "20.18.3" }, "needs Node 20.19 or newer, and this is Node 20.18.3"],
    [{ node: "18.20.0" }, "and this is Node 18.20.0"],
  ])("not with %j", (other, sentence) => {
    expect(platformFault({ ...HERE, ...other })).toContain(sentence);
  });

  it("every command, exit code 3", () => {
    const elsewhere = 'data:text/javascript,Object.defineProperty(process, "platform", { value: "plan9" });';
    const args = ["--import", elsewhere, CLI, "run", "x.elf"];
    const { status, stdout, stderr } = runToEnd(process.execPath, args, { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
    expect(stderr).toMatch(/^flipside: flipside runs on linux .* and this is plan9 with .*\n$/);
  });
});
