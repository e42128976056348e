import { runToEnd } from "../../run-to-end.ts";
/** The tools that make ELF files, for tests that compare with them. Where they are missing, these tests are skipped. */

/** CI has all of them (.ci/run), and skips nothing. */
export function hasTools(...tools: readonly string[]): boolean {
  return process.env["CI"] === "true" || tools.every((tool) => runToEnd(tool, ["--version"]).status === 0);
}

export const hasToolchain = hasTools(
  "riscv64-unknown-elf-gcc",
  "riscv64-unknown-elf-objcopy",
  "ld.lld",
  "clang",
  "llvm-symbolizer",
);

export const GCC = ["riscv64-unknown-elf-gcc", "-march=rv32imac", "-mabi=ilp32", "-nostdlib", "-static"];

/** Runs a shell script in `cwd` and gives what it printed; throws with what it complained of. */
export function shell(cwd: string, script: string): string {
  const { status, stdout, stderr } = runToEnd("bash", ["-euc", script], { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${script}\n${stderr}`);
  return stdout;
}
