#!/usr/bin/env node
/**
 * The command line. Each command is a module of its own, loaded only when it is called: start-up time is a figure.
 */
import { readFileSync } from "node:fs";
import { platformFault, thisPlatform } from "../emulator/base/platform.ts";
import { COMMANDS } from "./commands.ts";
import { codeWithoutOutput, EXIT_HELD, EXIT_USAGE, UnableError } from "./exit-codes.ts";
import { UsageError } from "./options.ts";
import { exitCodeOf } from "./program.ts";
import { takeSignals } from "./scratch.ts";
import { guardOutput, isOutputLost, readerGone } from "./standard-output.ts";
import { fitHelp } from "./terminal.ts";

function help(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(9)} ${summary}`);
  return `flipside: a storage controller with two firmware regions that always comes back\n\nusage: flipside COMMAND [options]\n\n${rows.join("\n")}\n\nflipside COMMAND --help tells each command's options, flipside --version this version.\n`;
}

/** As the package has it. */
function version(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
}

async function main(args: readonly string[]): Promise<number> {
  const fault = platformFault(thisPlatform());
  if (fault !== undefined) throw new UnableError(fault);
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(fitHelp(help()));
    return name === undefined ? EXIT_USAGE : EXIT_HELD;
  }
  if (name === "--version") {
    process.stdout.write(`${version()}\n`);
    return EXIT_HELD;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    throw new UsageError(
      `there is no command "${name}": it must be one of ${Object.keys(COMMANDS).join(", ")}`,
    );
  }
  // The kernel lets no signal end the first process of a container that does not take it.
  if (process.pid === 1 && command.takesSignals !== true) takeSignals();
  if (command.endsWithReader === true) {
    readerGone.addEventListener("abort", () => process.exit(EXIT_HELD));
  }
  return (await command.load())(rest);
}

/** Standard output that could not be written is no success. */
function codeWith(code: number): number {
  return isOutputLost() ? codeWithoutOutput(code) : code;
}

guardOutput();
void exitCodeOf(() => main(process.argv.slice(2))).then((code) => {
  process.exitCode = codeWith(code);
  // What is still being written may fail after this.
  process.once("exit", () => {
    process.exitCode = codeWith(code);
  });
});
