/**
 * Puts each program that must start fast into one file: loading sixty modules one by one takes longer than starting
 * the thread that loads them, and a thread that begins with an ES module waits another 25 ms for Node's module loader,
 * so the file is CommonJS. In front of it stands what runs it from V8's cache (code-cache.ts): `X.bundle.cjs` is what is
 * started, `X.code.cjs` the program. Part of `npm run build`; the modules themselves stay beside it for the public API.
 *
 * A bundle lies in the folder of its entry, so relative URLs in modules of that depth hold in it, too.
 */
import { createHash } from "node:crypto";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { EXIT_ACCIDENT } from "../supervisor/process/fatal.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT_UNJUDGED, EXIT_USAGE } from "./exit-codes.ts";

const ENTRIES = [
  "scripts/cli",
  "scripts/board-worker",
  "scripts/input-worker",
  "supervisor/process",
  "controller/worker",
  "controller/translator-worker",
  "emulator/worker",
  "supervisor/sweep/worker",
  "supervisor/workload/worker",
];
const SHEBANG = "#!/usr/bin/env node\n";
const DIGEST_DIGITS = 16;
const PROLOGUE = '"use strict"; const bundleUrl = require("node:url").pathToFileURL(__filename).href;';

const dist = fileURLToPath(new URL("../", import.meta.url));

const COMMON: BuildOptions = {
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20",
  // Less to read; names stay, for stack traces.
  minifySyntax: true,
  minifyWhitespace: true,
  logLevel: "warning",
};

async function bundleCode(): Promise<void> {
  await build({
    ...COMMON,
    entryPoints: ENTRIES.map((entry) => ({ in: `${dist}${entry}.js`, out: `${entry}.code` })),
    outdir: dist,
    outExtension: { ".js": ".cjs" },
    // For people whom an accident is told (accident.ts); the sources are in the repository.
    sourcemap: true,
    sourcesContent: false,
    // pino finds its own worker files beside itself; the other is not loaded, see below.
    external: ["pino", "msgpackr-extract"],
    banner: { js: PROLOGUE },
    define: {
      "import.meta.url": "bundleUrl",
      // Finding msgpackr's native part takes 13 ms; frames as short as ours gain nothing by it.
      "process.env.MSGPACKR_NATIVE_ACCELERATION_DISABLED": '"true"',
    },
  });
}

/** What starts the program of `entry`, which is there. */
async function bundleStart(entry: string): Promise<void> {
  const codeFile = `${dist}${entry}.code.cjs`;
  const code = readFileSync(codeFile, "utf8");
  const isCommand = code.startsWith(SHEBANG);
  // A line stays, for the source map's sake.
  if (isCommand) writeFileSync(codeFile, code.replace(SHEBANG, "\n"));
  const digest = createHash("sha256").update(readFileSync(codeFile)).digest("hex");
  await build({
    ...COMMON,
    entryPoints: [`${dist}scripts/code-cache.js`],
    outfile: `${dist}${entry}.bundle.cjs`,
    banner: { js: `${isCommand ? SHEBANG : ""}${PROLOGUE}` },
    define: {
      "import.meta.url": "bundleUrl",
      CODE_FILE: JSON.stringify(basename(codeFile)),
      COMMAND_NAMES: JSON.stringify(isCommand ? Object.keys(COMMANDS) : []),
      CODE_DIGEST: JSON.stringify(digest.slice(0, DIGEST_DIGITS)),
      USAGE_EXIT_CODE: String(EXIT_USAGE),
      ACCIDENT_EXIT_CODE: String(isCommand ? EXIT_UNJUDGED : EXIT_ACCIDENT),
    },
  });
  if (isCommand) chmodSync(`${dist}${entry}.bundle.cjs`, 0o755);
}

/** What no source makes any more would be published all the same. */
function removeLeftovers(): void {
  for (const file of readdirSync(dist, { encoding: "utf8", recursive: true })) {
    const [, module] = /^(.*)\.(?:js|js\.map|d\.ts)$/.exec(file) ?? [];
    if (module === undefined || file.startsWith("types/")) continue;
    if (!existsSync(`${dist}../${module}.ts`)) rmSync(`${dist}${file}`, { force: true });
  }
}

removeLeftovers();
await bundleCode();
for (const file of readdirSync(dist, { encoding: "utf8", recursive: true })) {
  // Another build of this checkout may remove them, too.
  if (file.endsWith(".cache")) rmSync(`${dist}${file}`, { force: true });
}
await Promise.all(ENTRIES.map(bundleStart));
