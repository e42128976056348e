/** A device with keys runs only what is signed with one of them; the command line gives it keys. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_LIMITS, DEFAULT_MEMORY_CONFIG, DEFAULT_RECOVERY, type Status, startDevice } from "flipside";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeImage, type ImageSource } from "../../controller/image/encode.ts";
import { parseImage } from "../../controller/image/format.ts";
import { emulateCommand } from "../../scripts/emulate.ts";
import { serveCommand } from "../../scripts/serve.ts";
import type { DeviceConfig } from "../../supervisor/core/config.ts";
import { Guardian } from "../../supervisor/process/guardian.ts";
import { run } from "../scripts/captured.ts";

const maker = generateKeyPairSync("ed25519");
const stranger = generateKeyPairSync("ed25519");
const keys = [maker.publicKey.export({ type: "spki", format: "pem" }).toString()];

/** The reference firmware, which is not signed. */
function unsigned(version: string): Uint8Array {
  return readFileSync(new URL(`../../controller/firmware/images/controller-${version}.img`, import.meta.url));
}

function signed(version: string, signingKey: KeyObject): Uint8Array {
  return remade(version, { signingKey });
}

function withCounter(version: string, securityCounter?: number): Uint8Array {
  return remade(version, securityCounter === undefined ? {} : { securityCounter });
}

function remade(version: string, changes: Partial<ImageSource>): Uint8Array {
  const bytes = unsigned(version);
  const parsed = parseImage(bytes, Number.POSITIVE_INFINITY);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  const { headerBytes, bodyBytes, version: imageVersion } = parsed.image;
  const body = bytes.subarray(headerBytes, headerBytes + bodyBytes);
  return encodeImage({ body, headerBytes, version: imageVersion, romFixed: true, ...changes });
}

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "flipside-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

type Images = Pick<DeviceConfig, "images" | "keys" | "requireSecurityCounter">;

/** Images that startDevice would refuse: what a device does with one that it finds in its memory. */
function guarded(images: Images, flashFile: string): Guardian {
  return new Guardian({
    ...images,
    memory: DEFAULT_MEMORY_CONFIG,
    limits: DEFAULT_LIMITS,
    recovery: DEFAULT_RECOVERY,
    engine: "auto",
    log: { level: "silent", fd: 2 },
    flashFile: join(directory, flashFile),
  });
}

describe("a device with a key", () => {
  let device: Guardian;

  /** Asks until the condition holds; the test's own time limit ends a wait that never does. */
  async function until(holds: (status: Status) => boolean): Promise<Status> {
    for (;;) {
      const status = await device.call("status", null);
      if (holds(status)) return status;
    }
  }

  beforeAll(async () => {
    device = guarded(
      { images: [unsigned("1.1.0"), signed("1.0.0", maker.privateKey)], keys },
      "device.flash",
    );
    await device.start();
  });
  afterAll(() => device.stop());

  it("runs the image that is signed, not the higher one that is not, and says why", async () => {
    const { primary, regions } = await until(({ ready }) => ready);
    expect(primary).toBe(1);
    expect(regions).toMatchObject([
      { version: "", state: "invalid", unusableBecause: "the image is not signed" },
      { version: "1.0.0", state: "accepted", unusableBecause: "" },
    ]);
  });

  it("refuses to load an image that is not signed with it, and the scrub does not find it usable either", async () => {
    // A standby on its way reads every region, too, and would hide what the scrub found.
    await device.call("standby", null);
    await expect(device.call("load", { region: 0, image: unsigned("1.2.0") })).rejects.toThrow(
      "region 0 cannot be used: the image is not signed",
    );
    await expect(
      device.call("load", { region: 0, image: signed("1.2.0", stranger.privateKey) }),
    ).rejects.toThrow("region 0 cannot be used: the image is signed with a key that is not configured");
    const { uptimeMs: loadedMs } = await device.call("status", null);
    const { regions, primary } = await until(
      ({ uptimeMs }) => uptimeMs > loadedMs + 3 * DEFAULT_LIMITS.scrubMs,
    );
    expect(primary).toBe(1);
    expect(regions[0]).toMatchObject({
      state: "invalid",
      unusableBecause: "the image is signed with a key that is not configured",
    });
  });

  it("loads and runs an image that is signed with it", async () => {
    await device.call("load", { region: 0, image: signed("1.2.0", maker.privateKey) });
    await device.call("designate", { region: 0 });
    const { regions } = await until(({ ready, primary }) => ready && primary === 0);
    expect(regions[0]).toMatchObject({ version: "1.2.0", unusableBecause: "" });
  });
});

it("a device that asks for security counters runs no image without one, and says why", async () => {
  const images = [withCounter("1.1.0"), withCounter("1.0.0", 0)];
  const device = guarded({ images, requireSecurityCounter: true }, "counters.flash");
  const { primary, regions } = await device.start();
  expect(primary).toBe(1);
  expect(regions[0]?.unusableBecause).toBe("the image has no security counter, which is asked for");
  await device.stop();
});

describe("startDevice", () => {
  it.each([
    ["keys", "the image is signed with a key that is not configured", { keys }],
    [
      "requireSecurityCounter",
      "the image has no security counter, which is asked for",
      { requireSecurityCounter: true },
    ],
  ])("with %s refuses an image that would not run; without, it runs", async (_, why, options) => {
    const images = [signed("1.1.0", stranger.privateKey), signed("1.0.0", maker.privateKey)];
    await expect(startDevice({ images, ...options })).rejects.toMatchObject({
      kind: "usage",
      message: `images[0] cannot be run: ${why}`,
    });
    await using device = await startDevice({ images });
    expect((await device.status()).primary).toBe(0);
  });

  it("refuses a key that cannot be used, and says which", async () => {
    const images = [signed("1.0.0", maker.privateKey)];
    await expect(startDevice({ images, keys: [...keys, "no key"] })).rejects.toMatchObject({
      name: "ImageKeyError",
      message: "keys[1] cannot verify images: the key is no PEM text of a key",
    });
  });
});

describe("--require-security-counter", () => {
  it.each([
    ["emulate", emulateCommand],
    ["serve", serveCommand],
  ] as const)("of %s refuses a named image that has none", async (_, command) => {
    const file = join(directory, "none.img");
    writeFileSync(file, withCounter("1.1.0"));
    const dir = command === serveCommand ? ["--dir", join(directory, "served")] : [];
    expect(await run(command, "--require-security-counter", "--image-a", file, ...dir)).toMatchObject({
      exitCode: 2,
      refusal: "--image-a cannot be run: the image has no security counter, which is asked for",
    });
  });
});

describe("--key", () => {
  const path = (name: string): string => join(directory, name);
  beforeAll(() => {
    writeFileSync(path("maker.pem"), keys[0] ?? "");
    writeFileSync(path("broken.pem"), "no key");
    writeFileSync(path("a.img"), signed("1.1.0", maker.privateKey));
    writeFileSync(path("b.img"), signed("1.0.0", stranger.privateKey));
  });

  it.each([
    ["emulate", emulateCommand],
    ["serve", serveCommand],
  ] as const)("of %s that holds no key ends in one sentence", async (_, command) => {
    const dir = command === serveCommand ? ["--dir", path("served")] : [];
    const refused = (file: string) => run(command, "--key", path("maker.pem"), "--key", path(file), ...dir);
    expect(await refused("broken.pem")).toMatchObject({
      exitCode: 2,
      refusal: `${path("broken.pem")}: the key is no PEM text of a key`,
    });
    expect(await refused("none.pem")).toMatchObject({
      exitCode: 2,
      refusal: expect.stringContaining("the key cannot be read"),
    });
  });

  it("of emulate ends the soak before it begins when an image is not signed with it", async () => {
    const given = ["--key", path("maker.pem"), "--image-a", path("a.img")];
    expect(await run(emulateCommand, ...given, "--image-b", path("b.img"))).toMatchObject({
      exitCode: 2,
      refusal: "--image-b cannot be run: the image is signed with a key that is not configured",
    });
    expect(await run(emulateCommand, ...given)).toMatchObject({
      exitCode: 2,
      refusal: "--image-b cannot be run: the image is not signed",
    });
  });
});
