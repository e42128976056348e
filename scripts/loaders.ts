/**
 * `npm run loaders`: each boot loader of controller/firmware/loaders, right and wrong, is swept, and has to come to the
 * verdict that its device file expects, and to the exit code that goes with it. Not part of the tests: it takes minutes.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SweepReport } from "../supervisor/sweep/run/report.ts";
import { EXIT_FINDING, EXIT_HELD, EXIT_UNJUDGED, OTHER_EXIT_CODES } from "./exit-codes.ts";
import { HELP_OPTION, parseOptions, UsageError } from "./options.ts";
import { runProgram } from "./program.ts";
import { removeScratch, scratchDirectory } from "./scratch.ts";
import { fitHelp, formatTable, StatusLine } from "./terminal.ts";

const HELP = `usage: npm run loaders -- [options]

Sweeps the boot loaders of controller/firmware/loaders: the right ones hold, and each wrong one is found under the name
of what goes wrong. Exit code: 0 so it is, 1 it is not,
${OTHER_EXIT_CODES}.

  --only NAMES  these loaders alone, as wrong/one-attempt,swap
  --quick       first start and update alone of the right ones, and not the
                wrong one that takes minutes: as CI does
  -h, --help    this text
`;

const FOLDER = fileURLToPath(new URL("../../controller/firmware/loaders/", import.meta.url));
const CLI = fileURLToPath(new URL("cli.bundle.cjs", import.meta.url));
/** Twenty times what any takes. */
const LONGEST_MS = 20 * 60_000;

/** A device file without its end, and the scenarios that are swept: for a wrong one those in which its mistake shows. */
interface Case {
  readonly name: string;
  readonly scenarios: string;
}

/** The longest first, so that the last ones end together. */
const CASES: readonly Case[] = Object.entries({
  "wrong/short-watchdog": "update",
  swap: "*",
  "wrong/header-is-enough": "update",
  "wrong/resumed-test-kept": "revert",
  overwrite: "*",
  "wrong/right/overwrite-slow": "update",
  "direct-xip": "*",
  "wrong/resume-erases-fall-back": "update",
  "wrong/scratch-marked-late": "update",
  "wrong/right/swap": "update,bad-image-0",
  "wrong/right/overwrite": "update,bad-image-*",
  "wrong/right/direct-xip": "update,revert,bad-image-*",
  "direct-xip-spi": "update",
  "wrong/one-attempt": "update",
  "wrong/bad-update-is-fatal": "update,bad-image-*",
  "wrong/trial-not-noted": "revert",
  "wrong/first-confirmation": "update",
  "wrong/most-bits-match": "update",
  "wrong/blank-is-erased": "update",
  "wrong/claimed-digest": "bad-image-*",
  "wrong/version-before-whole": "bad-image-*",
  "wrong/hash-only": "bad-image-0",
  "wrong/right/direct-xip-ecc": "first-start",
  "wrong/right/swap-ecc": "first-start",
  "wrong/faulting-trailer": "first-start",
  "wrong/flags-share-unit": "first-start",
}).map(([name, scenarios]) => ({ name, scenarios }));

/** What {@link CASES} come to in a hurry: other scenarios, or none. */
const QUICK: Readonly<Record<string, string>> = {
  swap: "first-start,update",
  overwrite: "first-start,update",
  "direct-xip": "first-start,update",
  "wrong/short-watchdog": "",
};

interface Swept {
  readonly swept: Case;
  readonly expected: string;
  readonly status: number | null;
  readonly report: Pick<SweepReport, "cuts" | "verdicts" | "durationMs"> | undefined;
}

/** What the device file says; that a right one holds, it need not say. */
function expectedOf({ name }: Case): string {
  const { loader } = JSON.parse(readFileSync(`${FOLDER}${name}.json`, "utf8")) as {
    readonly loader: { readonly expect?: string };
  };
  return loader.expect ?? "held";
}

async function sweep(swept: Case, directory: string): Promise<Swept> {
  const file = join(directory, `${swept.name.replaceAll("/", "-")}.json`);
  const args = ["sweep", "--device", `${FOLDER}${swept.name}.json`, "--scenarios", swept.scenarios];
  const child = spawn(process.execPath, [CLI, ...args, "--jobs", "1", "--json", file], {
    stdio: ["ignore", "ignore", "inherit"],
    timeout: LONGEST_MS,
    killSignal: "SIGKILL",
  });
  const [status] = (await once(child, "close")) as [number | null];
  const isJudged = status === EXIT_HELD || status === EXIT_FINDING;
  const report = isJudged ? (JSON.parse(readFileSync(file, "utf8")) as SweepReport) : undefined;
  return { swept, expected: expectedOf(swept), status, report };
}

function isAsExpected({ expected, status, report }: Swept): boolean {
  if (report === undefined) return false;
  if (expected === "held") return status === EXIT_HELD;
  return status === EXIT_FINDING && (report.verdicts[expected] ?? 0) > 0;
}

function rowOf(result: Swept): readonly string[] {
  const { swept, expected, status, report } = result;
  const found = Object.entries(report?.verdicts ?? {}).map(([verdict, count]) => `${count} ${verdict}`);
  return [
    isAsExpected(result) ? "ok" : "NO",
    swept.name,
    expected,
    report === undefined ? `exit code ${status}` : found.join(", "),
    String(report?.cuts ?? 0),
    ((report?.durationMs ?? 0) / 1000).toFixed(1),
  ];
}

function quickly(cases: readonly Case[]): readonly Case[] {
  const quick = cases.map(({ name, scenarios }) => ({ name, scenarios: QUICK[name] ?? scenarios }));
  return quick.filter(({ scenarios }) => scenarios !== "");
}

function casesOf(only: string | undefined): readonly Case[] {
  if (only === undefined) return CASES;
  return only.split(",").map((wanted) => {
    const found = CASES.find(({ name }) => name === wanted);
    if (found === undefined) {
      throw new UsageError(
        `--only: there is no loader "${wanted}": there are ${CASES.map(({ name }) => name).join(", ")}`,
      );
    }
    return found;
  });
}

async function loaders(args: readonly string[]): Promise<number> {
  const { values } = parseOptions(args, {
    only: { type: "string" },
    quick: { type: "boolean" },
    ...HELP_OPTION,
  });
  if (values.help === true) {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  const named = casesOf(values.only);
  const cases = values.quick === true ? quickly(named) : named;
  if (cases.length === 0) throw new UsageError("--quick leaves out all that --only names");
  const queue = [...cases];
  const results = new Map<Case, Swept>();
  const line = new StatusLine();
  const directory = scratchDirectory();
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      line.show(`${results.size} of ${cases.length} loaders: ${next.name}`);
      results.set(next, await sweep(next, directory));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work)).finally(() => {
    line.clear();
    removeScratch(directory);
  });
  const inOrder = cases.flatMap((each) => results.get(each) ?? []);
  const columns = ["", "loader", "expected", "found", "cuts", "s"].map((title) => ({ title }));
  process.stdout.write(`${formatTable(columns, inOrder.map(rowOf))}\n`);
  const wrong = inOrder.filter((result) => !isAsExpected(result));
  process.stdout.write(
    `${inOrder.length} loaders: ${wrong.length === 0 ? "all" : `${wrong.length} not`} as expected\n`,
  );
  if (wrong.some(({ report }) => report === undefined)) return EXIT_UNJUDGED;
  return wrong.length === 0 ? EXIT_HELD : EXIT_FINDING;
}

await runProgram(loaders);
