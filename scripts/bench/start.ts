/** From the start of the command line's process to the first guest instruction. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { removeScratch, scratchDirectory } from "../scratch.ts";
import type { Section } from "./sections.ts";
import { median } from "./statistics.ts";

const STARTS = 11;

/** @param cli command line whose process is started; milliseconds of each start */
export function measureStarts(cli: string, count: number): number[] {
  const directory = scratchDirectory();
  const report = join(directory, "report.json");
  const args = [cli, "emulate", "--failovers", "1", "--faults", "illegal-instruction", "--json", report];
  // With this variable set, Node 20 parses a certificate store before it runs anything: 100 ms that are not ours.
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const startsMs = Array.from({ length: count }, () => {
    const startedNs = monotonicNs();
    execFileSync(process.execPath, args, { stdio: "ignore", env });
    const { firstInstructionNs } = JSON.parse(readFileSync(report, "utf8")) as { firstInstructionNs: number };
    return (firstInstructionNs - startedNs) / 1e6;
  });
  removeScratch(directory);
  return startsMs;
}

export function benchStart(): Section {
  const startsMs = measureStarts(fileURLToPath(new URL("../cli.bundle.cjs", import.meta.url)), STARTS);
  return {
    title: `start, ${STARTS} times`,
    figures: [
      {
        name: "command to first guest instruction, median",
        value: median(startsMs),
        unit: "ms",
        atMost: 250,
      },
      { name: "worst", value: Math.max(...startsMs), unit: "ms" },
    ],
  };
}
