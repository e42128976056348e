#!/usr/bin/env node
/**
 * The command line. Each command is a module of its own, loaded only when it is called: start-up time is a figure.
 */
import { EXIT_FINDING, EXIT_HELD, EXIT_USAGE, UsageError } from "./options.ts";

/** Carries a command out and returns the exit code: 0 held, 1 a violation or finding, 2 usage or bad input. */
type Command = (args: readonly string[]) => Promise<number>;

const COMMANDS: Readonly<
  Record<string, { readonly summary: string; readonly load: () => Promise<Command> }>
> = {
  emulate: {
    summary: "soak a live controller: inject every kind of fault and check that it always comes back",
    load: async () => (await import("./emulate.ts")).emulateCommand,
  },
  sweep: {
    summary: "cut power at every point of every scenario, in virtual time, and judge what comes back",
    load: async () => (await import("./sweep.ts")).sweepCommand,
  },
  run: {
    summary: "run a bare-metal RV32 ELF in RAM",
    load: async () => (await import("./run.ts")).runCommand,
  },
  serve: {
    summary: "keep a controller running, with a socket to ask and command it",
    load: async () => (await import("./serve.ts")).serveCommand,
  },
  ctl: {
    summary: "ask or command a controller that is served",
    load: async () => (await import("./ctl.ts")).ctlCommand,
  },
  dump: {
    summary: "print a crash dump",
    load: async () => (await import("./dump.ts")).dumpCommand,
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
  return `flipside: a storage controller with two firmware regions that always comes back\n\nusage: flipside COMMAND [options]\n\n${rows.join("\n")}\n\nflipside COMMAND --help tells each command's options.\n`;
}

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(help());
    return name === undefined ? EXIT_USAGE : EXIT_HELD;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    throw new UsageError(
      `there is no command "${name}": it must be one of ${Object.keys(COMMANDS).join(", ")}`,
    );
  }
  return (await command.load())(rest);
}

/** Errors with names that a device ends with: findings, not accidents of this program. */
const FINDINGS: ReadonlySet<string> = new Set(["SupervisorGone", "ManagementLostError", "LinkError"]);

/** A reader that went away (`flipside … | head`) is no error of ours. */
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT_HELD);
  throw error;
});

function fail(error: unknown): number {
  const named = error instanceof Error && (error instanceof UsageError || FINDINGS.has(error.name));
  if (!named) throw error;
  process.stderr.write(`flipside: ${error.message}\n`);
  return error instanceof UsageError ? EXIT_USAGE : EXIT_FINDING;
}

void main(process.argv.slice(2))
  .catch(fail)
  .then((code) => {
    process.exitCode = code;
  });
