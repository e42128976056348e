/** Errors that nothing expects, planted into each of the built programs: what their user is told, and by which exit code. */
import { copyFileSync, existsSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { EXIT_HELD, EXIT_UNJUDGED } from "../../scripts/exit-codes.ts";
import { runToEnd } from "../run-to-end.ts";
import { scratchDirectory } from "./captured.ts";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
const CLI = `${DIST}scripts/cli.bundle.cjs`;
const scratch = scratchDirectory();

/**
 * Loaded into every process and thread before its program; hurts the first one that is named: a program by its file,
 * a thread by what it is started with. At a turn of its own, or where the program itself calls: a controller worker has
 * no turns while it is parked.
 */
const PLANT = `
const { existsSync, writeFileSync } = require("node:fs");
const threads = require("node:worker_threads");
const { WHO, HOW, MARK } = process.env;
// What a thread is started with is known only later.
const startedWith = (data) => (data?.imageA ? "sweep" : data?.parentPid ? "memory" : "controller");
const who = () => (threads.isMainThread ? (process.argv[1] ?? "") : startedWith(threads.workerData));
const fail = () => {
  if (!who().endsWith(WHO) || existsSync(MARK)) return;
  writeFileSync(MARK, "");
  throw new TypeError("planted");
};
const hurt = (object, name) => {
  const call = object[name];
  object[name] = (...args) => {
    fail();
    return call(...args);
  };
};
if (HOW === "later") setTimeout(fail, 1000).unref();
if (HOW === "exchange") hurt(Atomics, "exchange");
if (HOW === "hash") hurt(require("node:crypto"), "createHash");
`;

let planted = 0;

function runPlanted(who: string, how: "later" | "exchange" | "hash", ...command: readonly string[]) {
  const env = {
    ...process.env,
    NODE_OPTIONS: `--require ${scratch("plant.cjs")}`,
    WHO: who,
    HOW: how,
    MARK: scratch(`mark-${planted++}`),
  };
  const { status, stderr } = runToEnd(process.execPath, command, { encoding: "utf8", env });
  expect(existsSync(env.MARK), "the error was planted").toBe(true);
  return { status, stderr };
}

/** A sentence with its name, where it came from, and how to report it; nothing of a bundle. */
function expectToldWell(stderr: string, ...says: readonly string[]): void {
  for (const text of ["an accident of flipside itself: TypeError: planted", "Please report it", ...says]) {
    expect(stderr).toContain(text);
  }
  expect(stderr).not.toMatch(/\.cjs:\d/);
  const longest = Math.max(...stderr.split("\n").map((line) => line.length));
  expect(longest).toBeLessThan(400);
}

describe("an error that nothing expects is told in a sentence, with its name and the way to report it:", () => {
  beforeAll(() => writeFileSync(scratch("plant.cjs"), PLANT));

  const soak = (duration: string): readonly string[] => [
    CLI,
    "emulate",
    "--faults",
    "ebreak",
    "--duration",
    duration,
  ];

  it.each([
    ["in the command line", "scripts/cli.bundle.cjs", soak("1h")],
    ["in the supervisor process", "supervisor/process.bundle.cjs", soak("1h")],
    ["in a program of npm run", "scripts/busy-starts.js", [`${DIST}scripts/busy-starts.js`, "--loops", "0"]],
  ])("%s, and says nothing of the device", (_, who, command) => {
    const { status, stderr } = runPlanted(who, "later", ...command);
    expectToldWell(stderr);
    expect(status).toBe(EXIT_UNJUDGED);
  });

  it("in a thread of a sweep, and is no finding", () => {
    const { status, stderr } = runPlanted("sweep", "hash", CLI, "sweep", "--scenarios", "first-start");
    expectToldWell(stderr, "(controller/image/");
    expect(status).toBe(EXIT_UNJUDGED);
  });

  it("in a controller worker, which is replaced", () => {
    const { status, stderr } = runPlanted("controller", "exchange", ...soak("3s"));
    expectToldWell(stderr, "a thread has ended by an accident", "(controller/worker.ts:");
    expect(status).toBe(EXIT_HELD);
  });

  it("in the memory emulator worker, which is replaced", () => {
    const { status, stderr } = runPlanted("memory", "later", ...soak("3s"));
    expectToldWell(stderr, "a thread has ended by an accident");
    expect(status).toBe(EXIT_HELD);
  });

  it("in a program that cannot even be loaded", () => {
    copyFileSync(CLI, scratch("cli.bundle.cjs"));
    const { status, stderr } = runToEnd(process.execPath, [scratch("cli.bundle.cjs")], { encoding: "utf8" });
    expect(stderr).toContain("an accident of flipside itself: Error: ENOENT");
    expect(stderr).toContain("Please report it");
    expect(status).toBe(EXIT_UNJUDGED);
  });
});
