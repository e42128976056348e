/** A boot loader of one's own, as a test of the project that it belongs to. */
import { fileURLToPath } from "node:url";
import { sweep } from "flipside";
import { expect, it } from "vitest";

const device = fileURLToPath(new URL("../../controller/firmware/loaders/direct-xip.json", import.meta.url));

it("comes back from whatever cut before there was an update", async () => {
  const { cuts, findings, notSwept } = await sweep({
    device,
    scenarios: ["first-start", "nothing-to-start"],
  });

  expect(cuts).toBeGreaterThan(0);
  expect({ findings, notSwept }).toEqual({ findings: [], notSwept: [] });
});
