import { expect, it } from "vitest";
import { causesOf } from "../../scripts/sweep/summary.ts";
import type { Finding } from "../../supervisor/sweep/explore/explorer.ts";

function finding(scenario: string, verdict: string, message: string): Finding {
  return { replay: `v1:1:${scenario}`, verdict, scenario, cut: "", message };
}

it("findings of one verdict in the same words have one cause, whatever numbers they name; the most frequent is first", () => {
  const findings = [
    finding("a", "lost-data", "command 3 is lost"),
    finding("a", "failed-by-itself", "panic 0x107 at 0x20000400 in epoch 2"),
    finding("b", "failed-by-itself", "panic 0x107 at 0x20000402 in epoch 13"),
    finding("b", "bricked", "panic 0x107 at 0x20000402 in epoch 13"),
  ];
  const causes = causesOf(findings);
  expect(causes.map((cause) => cause.map(({ scenario, verdict }) => `${scenario} ${verdict}`))).toEqual([
    ["a failed-by-itself", "b failed-by-itself"],
    ["a lost-data"],
    ["b bricked"],
  ]);
});
