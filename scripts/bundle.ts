/**
 * Puts each program that must start fast into one file: loading sixty modules one by one takes longer than starting
 * the thread that loads them, and a thread that begins with an ES module waits another 25 ms for Node's module loader,
 * so the file is CommonJS. Part of `npm run build`; the modules themselves stay beside it for the public API.
 *
 * A bundle lies in the folder of its entry, so relative URLs in modules of that depth hold in it, too.
 */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ENTRIES = [
  "scripts/cli",
  "supervisor/process",
  "controller/worker",
  "emulator/worker",
  "supervisor/sweep/worker",
];

const dist = fileURLToPath(new URL("../", import.meta.url));
await build({
  entryPoints: ENTRIES.map((entry) => ({ in: `${dist}${entry}.js`, out: `${entry}.bundle` })),
  outdir: dist,
  bundle: true,
  format: "cjs",
  outExtension: { ".js": ".cjs" },
  platform: "node",
  target: "node20",
  sourcemap: true,
  // pino finds its own worker files beside itself; the other is not loaded, see below.
  external: ["pino", "msgpackr-extract"],
  banner: { js: '"use strict"; const bundleUrl = require("node:url").pathToFileURL(__filename).href;' },
  define: {
    "import.meta.url": "bundleUrl",
    // Finding msgpackr's native part takes 13 ms; frames as short as ours gain nothing by it.
    "process.env.MSGPACKR_NATIVE_ACCELERATION_DISABLED": '"true"',
  },
  // Less to read; names stay, for stack traces.
  minifySyntax: true,
  minifyWhitespace: true,
  logLevel: "warning",
});
