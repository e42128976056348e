/**
 * `npm run conformance`: whether the hart does what the manual says, shown by programs of ours for each instruction, CSR
 * and rule (conformance/cases/), on each engine, and beside QEMU where it is installed; and by those of others.
 */
import { parseElf } from "../controller/bare/elf.ts";
import { LoadError } from "../controller/bare/run-report.ts";
import type { EngineKind } from "../controller/cpu/engine-kind.ts";
import { type Case, type CaseGroup, caseProgram, mistakeIn } from "./conformance/case.ts";
import { CASE_GROUPS } from "./conformance/cases/index.ts";
import { writeElf } from "./conformance/elf-writer.ts";
import { ENGINES, faultOf, runOnEngine } from "./conformance/engines.ts";
import { hasQemu, QEMU, runOnQemu } from "./conformance/qemu.ts";
import { findTests } from "./conformance/riscv-tests.ts";
import { Tally } from "./conformance/tally.ts";
import { EXIT_FINDING, EXIT_HELD, OTHER_EXIT_CODES } from "./exit-codes.ts";
import { HELP_OPTION, parseOptions, UsageError } from "./options.ts";
import { runProgram } from "./program.ts";
import { fitHelp } from "./terminal.ts";

const HELP = `npm run conformance -- [options]: whether the hart does what the RISC-V manual says.

Programs of ours, one for each instruction, CSR and rule, run on interpreter, translator and auto, and on
${QEMU} where it is installed; what they send must be what the manual says.

  --riscv-tests DIR  run the binaries of riscv-tests in DIR as well (rv32ui-p-add and the like), each on all engines
  --only ROW         of our programs only those of this row of the table, such as Zbb
  -h, --help         this text

Exit code: 0 everything is as it must be, 1 something is not,
${OTHER_EXIT_CODES}.
`;

const OPTIONS = {
  "riscv-tests": { type: "string" },
  only: { type: "string" },
  ...HELP_OPTION,
} as const;

function tell(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** What is wrong with a case on an engine. */
function findingOn(engine: EngineKind, { isa }: CaseGroup, one: Case, elf: Uint8Array): string | undefined {
  const file = parseElf(elf);
  if ("error" in file) throw new Error(file.message);
  const run = runOnEngine(file, engine, isa);
  return faultOf(run) ?? mistakeIn(one, run.sent);
}

function findingOnQemu({ qemuCpu }: CaseGroup, one: Case, elf: Uint8Array): string | undefined {
  const { sent, fault } = runOnQemu(elf, qemuCpu);
  return fault ?? mistakeIn(one, sent);
}

function runCases(tally: Tally, groups: readonly CaseGroup[], withQemu: boolean): void {
  for (const group of groups) {
    for (const one of group.cases) {
      const elf = writeElf({ code: caseProgram(one) });
      const add = (column: string, finding: string | undefined): void =>
        tally.add(group.name, column, finding && `${group.name}, ${one.name}, on ${column}: ${finding}`);
      for (const engine of ENGINES) add(engine, findingOn(engine, group, one, elf));
      if (withQemu && one.unlikeQemu === undefined) add("QEMU", findingOnQemu(group, one, elf));
    }
  }
}

function groupsOf(only: string | undefined): readonly CaseGroup[] {
  if (only === undefined) return CASE_GROUPS;
  const groups = CASE_GROUPS.filter(({ name }) => name === only);
  if (groups.length > 0) return groups;
  const names = CASE_GROUPS.map(({ name }) => name).join(", ");
  throw new UsageError(`--only is "${only}": it must be one of ${names}`);
}

function runForeign(tally: Tally, directory: string): void {
  const { tests, leftOut } = findTests(directory);
  for (const { suite, name, elf } of tests) {
    for (const engine of ENGINES) {
      const finding = foreignFinding(engine, elf);
      tally.add(suite, engine, finding && `${name} on ${engine}: ${finding}`);
    }
  }
  if (leftOut.length > 0) tell(`left out, being about what this hart does not have: ${leftOut.join(", ")}`);
}

function foreignFinding(engine: EngineKind, elf: Parameters<typeof runOnEngine>[0]): string | undefined {
  try {
    return faultOf(runOnEngine(elf, engine));
  } catch (error) {
    if (error instanceof LoadError) return error.message;
    throw error;
  }
}

function conformance(args: readonly string[]): number {
  const { values } = parseOptions(args, OPTIONS);
  if (values.help === true) {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  const groups = groupsOf(values.only);
  const withQemu = hasQemu();
  const tally = new Tally([...ENGINES, "QEMU"]);
  const foreign = values["riscv-tests"];
  if (foreign !== undefined) runForeign(tally, foreign);
  runCases(tally, groups, withQemu);
  tell(tally.table("of"));
  if (!withQemu) tell(`${QEMU} is not installed: what it says was not asked`);
  for (const finding of tally.findings) tell(`FINDING: ${finding}`);
  if (tally.findings.length > 0) return EXIT_FINDING;
  tell(`${tally.tried} runs: all as it must be`);
  return EXIT_HELD;
}

await runProgram(conformance);
