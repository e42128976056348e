import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { defineConfig, type Plugin } from "vitest/config";
import { UnderWayReporter } from "./test/under-way.ts";

const root = import.meta.dirname;
const SOURCES = /^(emulator|controller|supervisor|scripts)\//;

/**
 * Tests name the TypeScript sources and get what the build made of them: the same code that ships, with its constant
 * enums inlined (an interpreter without that is ten times slower), and the same modules that worker threads load.
 * test/build.ts builds first.
 */
const builtSources: Plugin = {
  name: "built-sources",
  enforce: "pre",
  resolveId(source, importer) {
    if (importer === undefined || !source.startsWith(".") || !source.endsWith(".ts")) return null;
    const path = relative(root, resolve(dirname(importer), source));
    if (!SOURCES.test(path)) return null;
    const built = join(root, "dist", path.replace(/\.ts$/, ".js"));
    return existsSync(built) ? { id: built, external: true } : null;
  },
};

/** Where CI wants to have the results, to count them. */
const results = process.env["TEST_RESULTS"];

/** Suites by the names that package.json runs them under: what takes long compares more of the same, or needs more. */
const LONG = "test/**/*.long.test.ts";
const ALL = "test/**/*.test.ts";
const suites = [
  { name: "short", include: [ALL], exclude: [LONG] },
  { name: "long", include: [LONG] },
];

export default defineConfig({
  plugins: [builtSources],
  test: {
    globalSetup: "test/build.ts",
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
    projects: suites.map((test) => ({ extends: true, test })),
    reporters: [
      "default",
      new UnderWayReporter(),
      ...(results === undefined ? [] : [["json", { outputFile: results }] satisfies [string, object]]),
    ],
  },
});
