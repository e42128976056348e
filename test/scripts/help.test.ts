/** Every command gives its help, however it is asked: the built command line, whatever commands it has. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runToEnd } from "../run-to-end.ts";

function built(name: string): string {
  return fileURLToPath(new URL(`../../dist/scripts/${name}`, import.meta.url));
}

function run(...args: readonly string[]): { exitCode: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = runToEnd(process.execPath, [...args], { encoding: "utf8" });
  return { exitCode: status, stdout, stderr };
}

const CLI = built("cli.bundle.cjs");
const COMMANDS = [...run(CLI, "--help").stdout.matchAll(/^ {2}(\w+) +\S/gm)].map(([, name]) => name ?? "");

test("the command line lists its commands", () => {
  expect(COMMANDS).toEqual(expect.arrayContaining(["emulate", "run", "sweep", "table"]));
  expect(run(CLI, "-h")).toEqual(run(CLI, "--help"));
});

const ALL: readonly (readonly [name: string, ...command: string[]])[] = [
  ...COMMANDS.map((name) => [`flipside ${name}`, CLI, name] as const),
  ["npm run bench", built("bench.js")],
  ["npm run busy-starts", built("busy-starts.js")],
  ["npm run loaders", built("loaders.js")],
  ["npm run hostile", built("hostile.js")],
  ["npm run build:firmware", built("build-firmware.js")],
];

test.each(ALL)("%s refuses an option that it does not know in one sentence", (_, ...command) => {
  const { exitCode, stdout, stderr } = run(...command, "--no-such-option");
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toMatch(/^flipside: .*--no-such-option.*\n$/);
});

test.each(["serve", "ctl"])("the help of flipside %s has no more than 80 columns", (name) => {
  const lines = run(CLI, name, "--help").stdout.split("\n");
  expect(lines.filter(({ length }) => length > 80)).toEqual([]);
});

test("flipside ctl gives its help whatever else is said", () => {
  const { stdout } = run(CLI, "ctl", "--help");
  for (const args of [
    ["frob", "-h"],
    ["load", "1", "no-such-file", "surplus", "--help"],
  ]) {
    expect(run(CLI, "ctl", ...args)).toEqual({ exitCode: 0, stdout, stderr: "" });
  }
});

test.each([["flipside", CLI], ...ALL])("the help of %s fits lines of 80 characters", (_, ...command) => {
  const { stdout } = run(...command, "--help");
  expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
});

test.each(ALL)("%s takes -h and --help, which it tells of", (_, ...command) => {
  const { exitCode, stdout, stderr } = run(...command, "--help");
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toMatch(/^ {2}-h, --help +this text$/m);
  expect(run(...command, "-h")).toEqual({ exitCode, stdout, stderr });
});

test.each([
  ["--only", "nothing"],
  ["--against", "nowhere"],
  ["--against", ".", "--only", "halt"],
])("npm run bench %s %s measures nothing and prints nothing but what is wrong", (...args) => {
  const { exitCode, stdout, stderr } = run(built("bench.js"), ...args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toMatch(/^flipside: [^\n]+\n$/);
});
