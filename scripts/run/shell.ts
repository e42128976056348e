/** What every run has around it, of an ELF file or of a device file's board: a terminal, an engine, a clock, and an end. */
import type { RunReport } from "../../controller/bare/run-report.ts";
import type { MachineOptions } from "../../controller/machine.ts";
import { chooseEngine } from "../../controller/translator/select.ts";
import { formatStats } from "../../controller/translator/stats.ts";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { requireWritable, writeOutput, writeReport } from "../input.ts";
import { parseEngine } from "../options.ts";
import { Console, type Output } from "./console.ts";
import { openStandardInput } from "./input.ts";
import {
  type Dump,
  type ExitCodeMeaning,
  exitCodeOf,
  parseClock,
  parseExitCode,
  parseMaxInstructions,
  type RunValues,
} from "./said.ts";
import { standardOutput } from "./serial-output.ts";

/** Programs of threads beside the hart's. */
export interface RunThreads {
  /** Reads what the hart cannot wait for. */
  readonly input: URL;
  /** Translates beside the hart. */
  readonly translator: URL;
}

/** What every machine is given. */
export interface ShellOptions {
  readonly clock: "live" | "virtual";
  readonly epochNs?: bigint;
  readonly line: Console;
  readonly nowNs: () => number;
  readonly engine?: NonNullable<MachineOptions["engine"]>;
}

/** A file of what memory holds at the end. */
export interface MemoryOutput {
  readonly what: string;
  readonly file: string;
  readonly content: () => string | Uint8Array;
}

const NS_PER_MS = 1_000_000n;

export class RunShell {
  readonly maxInstructions: number;
  readonly options: ShellOptions;
  readonly #values: RunValues;
  readonly #serial: Output;
  readonly #engine: ReturnType<typeof chooseEngine>;
  readonly #meaning: ExitCodeMeaning;

  /** @param engine what executes where the command line does not say */
  constructor(values: RunValues, threads: RunThreads, engine = "auto") {
    this.#values = values;
    this.maxInstructions = parseMaxInstructions(values["max-instructions"]);
    // A program may have no end of its own: without a limit it ends with its reader.
    this.#serial = standardOutput(this.maxInstructions === Number.POSITIVE_INFINITY);
    this.#engine = chooseEngine(parseEngine(values.engine ?? engine), threads.translator);
    this.#meaning = parseExitCode(values["exit-code"]);
    const clock = parseClock(values.clock);
    const open = () => openStandardInput(threads.input);
    this.options = {
      ...this.#engine.options,
      clock,
      // Under the virtual clock each run is the same.
      ...(clock === "live" && { epochNs: BigInt(Date.now()) * NS_PER_MS }),
      line: new Console(this.#serial, open, clock === "live" ? monotonicNs : undefined),
      nowNs: monotonicNs,
    };
  }

  /** Runs, after a look whether all that is to be written can be: that is refused before the program runs. */
  run<R extends RunReport>(outputs: readonly MemoryOutput[], run: (maxInstructions: number) => R): R {
    for (const output of outputs) requireWritable(output.file, output.what);
    if (this.#values.json !== undefined) requireWritable(this.#values.json);
    try {
      return run(this.maxInstructions);
    } finally {
      // Also before a run that is given up.
      this.#serial.flush();
    }
  }

  /** Writes what was asked for, and says what is to be said. The command's exit code. */
  async conclude(
    report: RunReport,
    outputs: readonly MemoryOutput[],
    sentences: () => readonly string[] | Promise<readonly string[]>,
  ): Promise<number> {
    for (const output of outputs) writeOutput(output.what, output.file, output.content());
    const exitCode = exitCodeOf(report, this.#meaning);
    if (this.#values.json !== undefined) writeReport(this.#values.json, "run", { ...report, exitCode });
    const translator = this.#engine.translator();
    if (this.#values.stats === true && translator !== undefined) {
      for (const line of formatStats(translator.stats())) process.stderr.write(`${line}\n`);
    }
    for (const sentence of await sentences()) process.stderr.write(`flipside: ${sentence}\n`);
    return exitCode;
  }
}

/** @param read throws where there is no such memory, which is found out at once */
export function dumpOutputs(
  dumps: readonly Dump[],
  read: (what: string, address: number, byteCount: number) => Uint8Array,
): readonly MemoryOutput[] {
  return dumps.map(({ address, byteCount, file }) => {
    const content = () => read("the dump", address, byteCount);
    content();
    return { what: "the dump", file, content };
  });
}
