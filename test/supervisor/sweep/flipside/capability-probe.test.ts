import { expect, it } from "vitest";
import { STANDARD_RULES } from "../../../../supervisor/sweep/flipside/rules.ts";
import { Workbench } from "../../../../supervisor/sweep/run/workbench.ts";
import { declaringImage } from "../../../declaring-firmware.ts";
import { IMAGE_A, IMAGE_B } from "../bench.ts";

function capabilities(a: Uint8Array, b: Uint8Array): readonly string[] {
  const bench = new Workbench(a, b, STANDARD_RULES, 1);
  return [...bench.rig.capabilities.can];
}

it("a sweep knows what both versions can do before it runs any case", () => {
  expect(capabilities(IMAGE_A, IMAGE_B)).toEqual(["queue", "commands", "inject", "record"]);
  expect(capabilities(declaringImage(0x1f, 2), declaringImage(0x03, 1))).toEqual(["queue"]);
  expect(capabilities(declaringImage(0x03, 2), declaringImage(0x01, 1))).toEqual([]);
});
