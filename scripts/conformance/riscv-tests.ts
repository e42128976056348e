/**
 * The binaries of riscv-tests (`isa/rv32*-p-*`, built for physical memory), as they were found in a directory. Each ends
 * by HTIF: 1 in `tohost` passes, another tells the number of the test that failed.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type ElfFile, parseElf } from "../../controller/bare/elf.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import { readInput } from "../input.ts";
import { UsageError } from "../options.ts";

/** A suite's name is `rv32`, the mode that it runs in, and the extension that it is about. */
const BINARY = /^(rv32([usm])([a-z]+)-p)-([\w-]+)$/;
const MAX_BYTES = 2 ** 24;
/** What this hart has of the suites' extensions, in the modes that it has. */
const SUITES: readonly string[] = ["ui", "um", "ua", "uc", "uzba", "uzbb", "uzbc", "uzbs", "mi"];

export interface ForeignTest {
  /** Such as `rv32ui-p`. */
  readonly suite: string;
  /** Such as `rv32ui-p-add`. */
  readonly name: string;
  readonly elf: ElfFile;
}

export interface ForeignTests {
  readonly tests: readonly ForeignTest[];
  /** Suites that were found and are about what this hart does not have. */
  readonly leftOut: readonly string[];
}

/** Throws {@link UsageError} where there is no test to run. */
export function findTests(directory: string): ForeignTests {
  const found = namesIn(directory).flatMap((name) => {
    const [, suite = "", mode = "", extension = ""] = BINARY.exec(name) ?? [];
    return suite === "" ? [] : [{ suite, name, isOurs: SUITES.includes(mode + extension) }];
  });
  const ours = found.filter(({ isOurs }) => isOurs);
  if (ours.length === 0)
    throw new UsageError(`${directory} has no binary of riscv-tests for this hart, such as rv32ui-p-add`);
  const tests = ours.map(({ suite, name }) => ({ suite, name, elf: readElf(join(directory, name)) }));
  const others = found.filter(({ isOurs }) => !isOurs).map(({ suite }) => suite);
  return { tests, leftOut: [...new Set(others)] };
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    throw new UsageError(`--riscv-tests ${directory} cannot be read: ${errorMessage(error)}`);
  }
}

function readElf(file: string): ElfFile {
  const elf = parseElf(readInput("the ELF file", file, MAX_BYTES));
  if ("error" in elf) throw new UsageError(`${file} cannot be run: ${elf.message}`);
  if (elf.symbols.get("tohost") === undefined)
    throw new UsageError(`${file} cannot be run: it has no symbol tohost`);
  return elf;
}
