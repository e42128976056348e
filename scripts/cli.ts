#!/usr/bin/env node
/**
 * The command line. Each command is a module of its own, loaded only when it is called: start-up time is a figure.
 */
import { readFileSync } from "node:fs";
import { platformFault, thisPlatform } from "../emulator/base/platform.ts";
import { codeWithoutOutput, EXIT_HELD, EXIT_USAGE, UnableError } from "./exit-codes.ts";
import { UsageError } from "./options.ts";
import { exitCodeOf } from "./program.ts";
import { takeSignals } from "./scratch.ts";
import { guardOutput, isOutputLost, readerGone } from "./standard-output.ts";
import { fitHelp } from "./terminal.ts";

/** Carries a command out and returns one of the exit codes of exit-codes.ts. */
type Command = (args: readonly string[]) => Promise<number>;

interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
  /** It ends by itself at a signal that asks it to, when it is done with what it began. */
  readonly takesSignals?: boolean;
  /** It only shows, and may do so for ever: it ends when nobody looks any more. */
  readonly endsWithReader?: boolean;
}

const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  emulate: {
    summary: "soak a live controller: inject every kind of fault and check that it always comes back",
    load: async () => (await import("./emulate.ts")).emulateCommand,
    takesSignals: true,
  },
  sweep: {
    summary: "cut power at every point of every scenario, in virtual time, and judge what comes back",
    load: async () => (await import("./sweep.ts")).sweepCommand,
    takesSignals: true,
  },
  run: {
    summary: "run a bare-metal RV32 ELF in RAM",
    load: async () => (await import("./run.ts")).runCommand,
  },
  serve: {
    summary: "keep a controller running, with a socket to ask and command it",
    load: async () => (await import("./serve.ts")).serveCommand,
    takesSignals: true,
  },
  ctl: {
    summary: "ask or command a controller that is served",
    load: async () => (await import("./ctl.ts")).ctlCommand,
    endsWithReader: true,
  },
  dump: {
    summary: "print a crash dump",
    load: async () => (await import("./dump.ts")).dumpCommand,
  },
  init: {
    summary: "write the skeleton of a firmware, to make your own of",
    load: async () => (await import("./init.ts")).initCommand,
  },
  image: {
    summary: "create, show or verify an MCUboot image",
    load: async () => (await import("./image.ts")).imageCommand,
  },
  table: {
    summary: "print a management table",
    load: async () => (await import("./table.ts")).tableCommand,
  },
};

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
