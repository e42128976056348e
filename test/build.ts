/** Before any test: brings dist/ up to the sources, so that `npx vitest` alone never tests yesterday's code. */
import { spawnSync } from "node:child_process";

export function setup(): void {
  // Type errors do not keep tsc from writing; `npm test` and CI fail on them before this.
  spawnSync("npx", ["tsc", "-p", "tsconfig.json"], { stdio: "ignore" });
  const bundled = spawnSync(process.execPath, ["dist/scripts/bundle.js"], { stdio: "inherit" });
  if (bundled.status !== 0) throw new Error("the build failed: npm run build tells why");
}
