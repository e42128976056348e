/** The same seed gives the same sweep: what it consists of reads no clock and draws from no source but its seed. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../../..");
/** Whatever a virtual device, its rules and what explores it are made of. */
const SEALED = [
  "supervisor/sweep/explore",
  "supervisor/sweep/flipside",
  "supervisor/sweep/loader",
  "supervisor/core",
  "supervisor/host",
  "controller/boot",
  "controller/devices",
  "emulator/table",
  "emulator/flash",
];
const UNSEALED = /\b(Date|performance|Math\.random|randomInt|randomBytes|monotonicNs|hrtime)\b/;

function codeOf(file: string): string {
  return readFileSync(join(ROOT, file), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
}

it("nothing that a sweep is made of reads a clock or draws at random", () => {
  const files = SEALED.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `${folder}/${name}`),
  );
  expect(files.length).toBeGreaterThan(50);
  expect(files.filter((file) => UNSEALED.test(codeOf(file)))).toEqual([]);
});
