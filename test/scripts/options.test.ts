/** Command lines as they are read, and the one sentence for those that cannot be. */
import { expect, it } from "vitest";
import { ctlCommand } from "../../scripts/ctl.ts";
import { emulateCommand } from "../../scripts/emulate.ts";
import { parseOptions, shellQuoted } from "../../scripts/options.ts";
import { serveCommand } from "../../scripts/serve.ts";
import { sweepCommand } from "../../scripts/sweep.ts";
import { outputOf } from "../run-to-end.ts";
import { run } from "./captured.ts";

it.each<[string, Parameters<typeof run>[0], string[], string]>([
  [
    "a seed",
    emulateCommand,
    ["--seed", "-1"],
    '--seed is "-1": it must be a whole number from 0 to 4294967295',
  ],
  ["a seed of a sweep", sweepCommand, ["--seed", "-1"], '--seed is "-1": it must be a whole number'],
  ["a duration", emulateCommand, ["--duration", "-5"], '--duration is "-5": it must be a duration such as'],
  [
    "a fraction",
    emulateCommand,
    ["--duration", "-.5s"],
    '--duration is "-.5s": it must be a duration such as',
  ],
  ["a region", ctlCommand, ["designate", "-1"], 'the region is "-1": it must be a whole number from 0 to 3'],
  [
    "a log level",
    emulateCommand,
    ["--log", "loud"],
    '--log is "loud": it must be one of silent, fatal, error',
  ],
  ["its other name", emulateCommand, ["--log-level", "loud"], '--log-level is "loud": it must be one of'],
  [
    "that of serve",
    serveCommand,
    ["--log", "loud"],
    '--log is "loud": it must be one of silent, fatal, error',
  ],
  ["a word too many", emulateCommand, ["-1"], "there is one argument too many: -1"],
  ["no value", emulateCommand, ["--seed", "--stats"], "--seed needs a value, and another option follows it"],
  ["no option", emulateCommand, ["-x"], "Unknown option '-x'"],
])("%s that cannot be is told by its own name", async (_, command, args, sentence) => {
  const { exitCode, refusal, stdout } = await run(command, ...args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(refusal).toContain(sentence);
  expect(refusal).not.toMatch(/[\n\0]/);
});

it("a negative number is an option's value, one of several, or a word, as it stands", () => {
  const options = { size: { type: "string", multiple: true }, fast: { type: "boolean" } } as const;
  const { values, positionals } = parseOptions(
    ["--size", "-1", "--size=-2", "--fast", "-3", "x", "--", "-4", "--size", "-5"],
    options,
    9,
  );
  expect(values).toEqual({ size: ["-1", "-2"], fast: true });
  expect(positionals).toEqual(["-3", "x", "-4", "--size", "-5"]);
});

it("a word that is quoted for a shell is the same word behind it", () => {
  for (const word of ["", "plain", "--seed=1", "a b", "it's", "$HOME", "a;b", '"', "*", "\\", "ä\n"]) {
    expect(outputOf("sh", ["-c", `printf %s ${shellQuoted(word)}`])).toBe(word);
  }
  expect(shellQuoted("--image-a=images/a.img")).toBe("--image-a=images/a.img");
});
