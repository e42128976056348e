/** Images as large as regions may be, in a real supervisor process. */
import { expect, it } from "vitest";
import { encodeImage } from "../../controller/image/encode.ts";
import { startDevice } from "../../supervisor/index.ts";

const MIB = 1024 * 1024;

it("images that are larger together than any frame of one image start", async () => {
  const images = [1, 2].map((major) => {
    const body = new Uint8Array(9 * MIB);
    // jal x0, 0
    body[0] = 0x6f;
    return encodeImage({ body, version: { major, minor: 0, revision: 0, build: 0 } });
  });
  const device = await startDevice({
    images,
    memory: { regionBytes: 16 * MIB },
    limits: { readyMs: 60_000 },
    log: { level: "silent", fd: 2 },
  });
  try {
    const { regions } = await device.status();
    expect(regions.map(({ version }) => version)).toEqual(["1.0.0", "2.0.0"]);
  } finally {
    await device.stop();
  }
});
