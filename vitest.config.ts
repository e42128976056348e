import { defineConfig } from "vitest/config";

/**
 * Unit and property tests import the TypeScript sources; integration tests import the built package
 * (`flipside`), because a worker thread of Node 20 cannot be started from TypeScript.
 */
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
