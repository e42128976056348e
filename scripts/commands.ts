/** The commands of the command line, each a module of its own that is loaded only when it is called: start-up time is a figure. */

/** Carries a command out and returns one of the exit codes of exit-codes.ts. */
export type Command = (args: readonly string[]) => Promise<number>;

export interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
  /** It ends by itself at a signal that asks it to, when it is done with what it began. */
  readonly takesSignals?: boolean;
  /** It only shows, and may do so for ever: it ends when nobody looks any more. */
  readonly endsWithReader?: boolean;
}

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
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
