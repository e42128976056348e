/**
 * Puts each program that must start fast into one file: loading sixty modules one by one takes longer than starting
 * the thread that loads them. Part of `npm run build`; the modules themselves stay beside it for the public API.
 *
 * A bundle lies in the folder of its entry, so relative URLs in modules of that depth hold in it, too.
 */
import { build } from "esbuild";

const ENTRIES = ["supervisor/process", "controller/worker", "emulator/worker", "supervisor/sweep/worker"];

const dist = new URL("../", import.meta.url).pathname;
await build({
  entryPoints: ENTRIES.map((entry) => ({ in: `${dist}${entry}.js`, out: `${entry}.bundle` })),
  outdir: dist,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  sourcemap: true,
  // pino finds its own worker files beside itself; the others are native and optional.
  external: ["pino", "msgpackr-extract"],
  // Bundled CommonJS packages call require.
  banner: {
    js: 'import { createRequire as bundleRequire } from "node:module"; const require = bundleRequire(import.meta.url);',
  },
  logLevel: "warning",
});
