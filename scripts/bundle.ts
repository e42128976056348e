/**
 * Puts each program that must start fast into one file: loading sixty modules one by one takes longer than starting
 * the thread that loads them, and a thread that begins with an ES module waits another 25 ms for Node's module loader,
 * so the file is CommonJS. In front of it stands what runs it from V8's cache (code-cache.ts): `X.bundle.cjs` is what is
 * started, `X.code.cjs` the program; of the command line each command is one of its own, `cli.COMMAND.code.cjs`. Part of `npm run build`; the modules themselves stay beside it for the public API.
 *
 * A bundle lies in the folder of its entry, so relative URLs in modules of that depth hold in it, too.
 */
import { createHash } from "node:crypto";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Plugin } from "esbuild";
import { ALL_EXTENSIONS, alignmentBits } from "../controller/cpu/isa.ts";
import { strideKey, writeStride } from "../controller/cpu/stride.ts";
import { DEFAULT_MEMORY_CONFIG, planLayout } from "../emulator/memory/layout.ts";
import { WINDOW_BASE } from "../emulator/memory/map.ts";
import { EXIT_ACCIDENT } from "../supervisor/process/fatal.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT_UNJUDGED, EXIT_USAGE } from "./exit-codes.ts";

const COMMAND_LINE = "scripts/cli";
const ENTRIES = [
  COMMAND_LINE,
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
const NO_WINDOW = 0;
/** Of a program, in the order of `Program` of code-cache.ts. */
const PARAMETERS = "require, module, __filename, __dirname, importFromStart, compiledBefore, keepCompiled";
const PROLOGUE = '"use strict"; const bundleUrl = require("node:url").pathToFileURL(__filename).href;';

const dist = fileURLToPath(new URL("../", import.meta.url));

/** The interpreter's loop as most machines have it: of both slots of a controller, and of a bare machine's one. */
function writtenStrides(): Record<string, string> {
  const [first = 0, second = 0] = planLayout(DEFAULT_MEMORY_CONFIG).slots;
  const unguarded = { alignment: alignmentBits(ALL_EXTENSIONS), isGuarded: false };
  const terms = [
    { ...unguarded, hart: first, windowBase: NO_WINDOW },
    { ...unguarded, hart: first, windowBase: WINDOW_BASE },
    { ...unguarded, hart: second, windowBase: WINDOW_BASE },
  ];
  return Object.fromEntries(
    terms.map((each) => [strideKey(each), Buffer.from(writeStride(each)).toString("base64")]),
  );
}

const WRITTEN_STRIDES = JSON.stringify(writtenStrides());

const COMMON: BuildOptions = {
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20",
  // Less to read; names stay, for stack traces.
  minifySyntax: true,
  minifyWhitespace: true,
  charset: "ascii",
  logLevel: "warning",
};

/** The command line with one command, and without the code of the others. */
function onlyCommand(command: string): Plugin {
  return {
    name: "one command",
    setup: ({ onResolve }) =>
      onResolve({ filter: /^\.\/\w+\.js$/ }, ({ path, importer, kind }) => {
        const isCommand = kind === "dynamic-import" && importer === `${dist}scripts/commands.js`;
        return isCommand && path !== `./${command}.js` ? { path, external: true } : undefined;
      }),
  };
}

function bundleCode(entry: string, output: string, plugins: Plugin[]): Promise<unknown> {
  return build({
    ...COMMON,
    entryPoints: [`${dist}${entry}.js`],
    outfile: `${dist}${output}`,
    plugins,
    // For people whom an accident is told (accident.ts); the sources are in the repository.
    sourcemap: true,
    sourcesContent: false,
    // pino finds its own worker files beside itself; the other is not loaded, see below.
    external: ["pino", "msgpackr-extract"],
    banner: { js: PROLOGUE },
    define: {
      "import.meta.url": "bundleUrl",
      WRITTEN_STRIDES,
      // Finding msgpackr's native part takes 13 ms; frames as short as ours gain nothing by it.
      "process.env.MSGPACKR_NATIVE_ACCELERATION_DISABLED": '"true"',
    },
  });
}

/** One file for each thing that a program can be asked to do, by the name of that; all programs but one do one thing. */
async function bundleCodes(entry: string): Promise<ReadonlyMap<string, string>> {
  const commands = entry === COMMAND_LINE ? ["", ...Object.keys(COMMANDS)] : [""];
  const files = new Map(
    commands.map((command) => [command, `${entry}${command && `.${command}`}.code.cjs`] as const),
  );
  const plugins = (command: string) => (entry === COMMAND_LINE ? [onlyCommand(command)] : []);
  await Promise.all([...files].map(([command, file]) => bundleCode(entry, file, plugins(command))));
  return files;
}

/** What is asked for, to the file of code and the beginning of the digest of what is in it. */
function codeTable(
  files: ReadonlyMap<string, string>,
): Record<string, readonly [file: string, digest: string]> {
  const rows = [...files].map(([command, file]) => {
    const path = `${dist}${file}`;
    chmodSync(path, 0o644);
    // Lines stay where they are, for the source map's sake.
    const code = `(function (${PARAMETERS}) {${readFileSync(path, "utf8").replace(SHEBANG, "\n")}\n})`;
    writeFileSync(path, code, "ascii");
    const digest = createHash("sha256").update(code).digest("hex");
    return [command, [basename(file), digest.slice(0, DIGEST_DIGITS)]] as const;
  });
  return Object.fromEntries(rows);
}

/** A program's code, and what starts it. */
async function bundle(entry: string): Promise<void> {
  const codes = codeTable(await bundleCodes(entry));
  const isCommand = entry === COMMAND_LINE;
  await build({
    ...COMMON,
    entryPoints: [`${dist}scripts/code-cache.js`],
    outfile: `${dist}${entry}.bundle.cjs`,
    banner: { js: `${isCommand ? SHEBANG : ""}${PROLOGUE}` },
    define: {
      "import.meta.url": "bundleUrl",
      CODES: JSON.stringify(codes),
      IS_THREAD: String(entry.endsWith("worker")),
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
for (const file of readdirSync(dist, { encoding: "utf8", recursive: true })) {
  // Another build of this checkout may remove them, too.
  if (file.endsWith(".cache")) rmSync(`${dist}${file}`, { force: true });
}
await Promise.all(ENTRIES.map(bundle));
