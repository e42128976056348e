/** Before any test: brings dist/ up to the sources, so that `npx vitest` alone never tests yesterday's code. */
import { spawnSync } from "node:child_process";

export function setup(): void {
  // Type errors do not keep tsc from writing; `npm test` and CI fail on them before this.
  spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], {
    stdio: "ignore",
  });
  for (const step of ["bundle", "declarations"]) {
    const made = spawnSync(process.execPath, [`dist/scripts/${step}.js`], { stdio: "inherit" });
    if (made.status !== 0) throw new Error("the build failed: npm run build tells why");
  }
}
