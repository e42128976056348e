/** The README's example, as a test. */
import { readFileSync } from "node:fs";
import { startDevice } from "flipside";
import { expect, it } from "vitest";

const image = (name: string): Uint8Array =>
  readFileSync(new URL(`../../controller/firmware/images/${name}`, import.meta.url));

it("fails over to the other region when the firmware executes an illegal instruction", async () => {
  const images = [image("controller-1.1.0.img"), image("controller-1.0.0.img")];
  await using device = await startDevice({ images });
  await device.standby();

  const failover = device.nextFailover();
  await device.inject("illegal-instruction");
  const { fromRegion, toRegion, failure } = await failover;

  expect({ fromRegion, toRegion, evidence: failure.evidence }).toEqual({
    fromRegion: 0,
    toRegion: 1,
    evidence: "panic",
  });
  expect(failure.message).toMatch(/^the firmware gave up at 0x/);
});
