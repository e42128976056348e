/** The benchmark programs, run for a number of iterations by each engine, by QEMU, and as native code. */

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ElfFile, parseElf } from "../../controller/bare/elf.ts";
import type { EngineKind } from "../../controller/cpu/engine-kind.ts";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { removeScratch, scratchDirectory } from "../scratch.ts";

const FIRMWARE = fileURLToPath(new URL("../../../controller/firmware/", import.meta.url));
/** Where programs are: loops of a few lines, whole programs, and whole programs written after the tuning. */
export type Room = "bench" | "programs" | "programs-unseen";
const CLI = fileURLToPath(new URL("../cli.bundle.cjs", import.meta.url));
const QEMU = "qemu-system-riscv32";
/** Machine mode only, as reference: -bios none starts at the base of RAM. */
const QEMU_CPU = "rv32,f=false,d=false,h=false,s=false,u=false,mmu=false,pmp=false,sstc=false";

// With this variable set, Node 20 parses a certificate store before it runs anything: 100 ms that are not ours.
const { NODE_EXTRA_CA_CERTS: _, ...ENVIRONMENT } = process.env;

/** What a program took for a number of iterations. */
export interface Run {
  readonly seconds: number;
  /** 0 where nobody counts. */
  readonly instructions: number;
}

export const PROGRAMS = programsIn("bench");
export const WHOLE_PROGRAMS = programsIn("programs");
export const UNSEEN_PROGRAMS = programsIn("programs-unseen");

function programsIn(room: Room): readonly string[] {
  return readdirSync(join(FIRMWARE, room, "elf"))
    .map((file) => file.replace(".elf", ""))
    .sort();
}

function have(command: string): boolean {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

export const haveQemu = have(QEMU);
export const haveGcc = have("gcc");

/** One program, its iterations to be set; files lie in a directory of its own until {@link Program.close}. */
export class Program {
  readonly name: string;
  readonly iterations: number;
  readonly #room: Room;
  readonly #directory = scratchDirectory();
  readonly #elf: Uint8Array;
  readonly #iterationsAt: DataView;
  readonly #cli: string;

  /** @param cli command line of the build whose engines run it */
  constructor(name: string, cli: string = CLI, room: Room = "bench") {
    this.name = name;
    this.#cli = cli;
    this.#room = room;
    this.#elf = readProgram(name, room);
    this.#iterationsAt = findWord(this.#elf, "iterations");
    this.iterations = this.#iterationsAt.getUint32(0, true);
  }

  close(): void {
    removeScratch(this.#directory);
  }

  /** The time is the guest's: from its first instruction to its end. */
  runEngine(engine: EngineKind, iterations: number): Run {
    const report = join(this.#directory, "report.json");
    const args = [this.#cli, "run", this.#elfFor(iterations), "--engine", engine, "--json", report];
    this.#spawn(process.execPath, args);
    const { seconds, retiredInstructions } = JSON.parse(readFileSync(report, "utf8")) as {
      seconds: number;
      retiredInstructions: number;
    };
    return { seconds, instructions: retiredInstructions };
  }

  /** The time is the process's, from its start to its exit. */
  runWhole(engine: EngineKind, iterations: number): number {
    return this.#timed(process.execPath, [this.#cli, "run", this.#elfFor(iterations), "--engine", engine])
      .seconds;
  }

  /** The time is the process's: take the difference of two runs. */
  runQemu(iterations: number): Run {
    const args = ["-M", "virt", "-bios", "none", "-cpu", QEMU_CPU, "-nographic", "-monitor", "none"];
    return this.#timed(QEMU, [...args, "-kernel", this.#elfFor(iterations)]);
  }

  runNative(iterations: number): Run {
    const program = join(this.#directory, "native");
    const sources = [join(FIRMWARE, this.#room, `${this.name}.c`), join(FIRMWARE, "bench", "harness.c")];
    this.#spawn("gcc", ["-O2", "-DNATIVE", "-o", program, ...sources]);
    return this.#timed(program, [String(iterations)]);
  }

  #timed(command: string, args: readonly string[]): Run {
    return { seconds: timeOf(() => this.#spawn(command, args)), instructions: 0 };
  }

  /** Every program checks its own result: anything but a pass ends the benchmark. */
  #spawn(command: string, args: readonly string[]): void {
    const { status, error } = spawnSync(command, args, {
      stdio: ["ignore", "ignore", "inherit"],
      env: ENVIRONMENT,
    });
    if (status !== 0)
      throw new Error(`${this.name}: ${command} failed: ${error?.message ?? `exit code ${status}`}`);
  }

  #elfFor(iterations: number): string {
    const file = join(this.#directory, `${this.name}.elf`);
    this.#iterationsAt.setUint32(0, iterations, true);
    writeFileSync(file, this.#elf);
    return file;
  }
}

function readProgram(name: string, room: Room): Uint8Array {
  return Uint8Array.from(readFileSync(join(FIRMWARE, room, "elf", `${name}.elf`)));
}

function timeOf(action: () => void): number {
  const startNs = monotonicNs();
  action();
  return (monotonicNs() - startNs) / 1e9;
}

/** Seconds of a process of Node that does nothing. */
export function runBareNode(): number {
  return timeOf(() => {
    const { status } = spawnSync(process.execPath, ["-e", "0"], { stdio: "ignore", env: ENVIRONMENT });
    if (status !== 0) throw new Error(`node -e 0 failed: exit code ${status}`);
  });
}

/** A program that goes on for as long as anybody will wait. */
export function endlessProgram(name: string): ElfFile {
  const elf = readProgram(name, "bench");
  findWord(elf, "iterations").setUint32(0, 2 ** 32 - 1, true);
  const program = parseElf(elf);
  if ("error" in program) throw new Error(program.message);
  return program;
}

/** The initialised word behind a symbol, in the file's own bytes. */
function findWord(bytes: Uint8Array, symbol: string): DataView {
  const elf: ElfFile | { message: string } = parseElf(bytes);
  if ("message" in elf) throw new Error(elf.message);
  const address = elf.symbols.get(symbol) ?? -1;
  const part = elf.parts.find((s) => address >= s.address && address + 4 <= s.address + s.data.length);
  if (part === undefined || part.data.buffer !== bytes.buffer) throw new Error(`there is no word ${symbol}`);
  return new DataView(bytes.buffer, part.data.byteOffset + address - part.address, 4);
}
