/** What is known of regions: who hashes them, what a reading shows, and for how long it holds. */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import type { RegionFacts } from "../../../controller/boot/boot-rom.ts";
import { inspectRegion } from "../../../controller/boot/inspection.ts";
import { encodeImage } from "../../../controller/image/encode.ts";
import { imageKey } from "../../../controller/image/keys.ts";
import { NO_REQUIREMENTS } from "../../../controller/image/verify.ts";
import { UnreadableBlocks } from "../../../emulator/flash/unreadable-blocks.ts";
import { Control, controlWords } from "../../../emulator/memory/control.ts";
import { createMemory, DEFAULT_MEMORY_CONFIG, planLayout } from "../../../emulator/memory/layout.ts";
import { type HashRegion, RegionReader, readingsOf, withReadings } from "../../../supervisor/device/facts.ts";
import { VECTOR_KEYS, VECTORS } from "../../controller/image/vectors/imgtool.ts";
import { textOf } from "../../sources.ts";

const layout = planLayout({ ...DEFAULT_MEMORY_CONFIG, regionBytes: 65_536 });
const IMAGE = encodeImage({
  version: { major: 2, minor: 1, revision: 0, build: 0 },
  body: new Uint8Array(1000).fill(0x13),
  securityCounter: 3,
});

const IMAGE_REGION = new Uint8Array(layout.config.regionBytes).fill(0xff);
IMAGE_REGION.set(IMAGE);

class Regions {
  readonly memory = createMemory(layout);
  readonly control = controlWords(this.memory, layout);
  hashes = 0;

  bytes(region: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, layout.regions[region], layout.config.regionBytes);
  }

  write(region: number, bytes: Uint8Array): void {
    Atomics.add(this.control, Control.STORE_EPOCH + region, 1);
    this.bytes(region).fill(0xff).set(bytes);
  }

  /** @param meanwhile happens while the other thread hashes */
  reader(
    meanwhile: (hashes: number) => void = () => undefined,
    requirements = NO_REQUIREMENTS,
  ): RegionReader {
    const hash: HashRegion = async (region, byteCount, algorithm) => {
      const digest = createHash(algorithm).update(this.bytes(region).subarray(0, byteCount)).digest();
      meanwhile(++this.hashes);
      return digest;
    };
    return new RegionReader(this.memory, layout, requirements, hash);
  }
}

describe("a reading", () => {
  it("shows of any region what the boot ROM's shows", async () => {
    const regions = new Regions();
    const rotten = IMAGE.slice();
    rotten[100] = 0;
    for (const bytes of [IMAGE, rotten, new Uint8Array(0), new Uint8Array(100)]) {
      regions.write(1, bytes);
      const { facts, storeEpoch } = await regions.reader().read(1);
      expect(facts).toEqual(inspectRegion(regions.bytes(1), NO_REQUIREMENTS));
      expect(storeEpoch).toBe(regions.control[Control.STORE_EPOCH + 1]);
    }
  });

  it("shows, as the boot ROM's does, where the image cannot be read", async () => {
    const withEcc = planLayout({ ...layout.config, ecc: true });
    const memory = createMemory(withEcc);
    const bytes = new Uint8Array(memory.buffer, withEcc.regions[1], withEcc.config.regionBytes);
    bytes.fill(0xff).set(IMAGE);
    const blocks = new UnreadableBlocks(memory, withEcc);
    const state = blocks.of(1, (...word) => blocks.store(...word));
    const hash: HashRegion = async (_region, byteCount, algorithm) =>
      createHash(algorithm).update(bytes.subarray(0, byteCount)).digest();
    const reader = new RegionReader(memory, withEcc, NO_REQUIREMENTS, hash);
    for (const start of [0, 256, Math.floor(IMAGE.length / 256) * 256]) {
      if (state !== undefined) state.faulty = [{ start, end: start + 256 }];
      const { facts } = await reader.read(1);
      expect(facts).toEqual(inspectRegion(bytes, NO_REQUIREMENTS, start));
      expect(facts).toMatchObject({ usable: false, fault: { name: "unreadable" } });
    }
    if (state !== undefined) state.faulty = [];
    expect((await reader.read(1)).facts.usable).toBe(true);
  });

  it("verifies each kind of signature as the boot ROM does, and a changed one too", async () => {
    const keys = Object.values(VECTOR_KEYS).map(imageKey);
    for (const requirements of [
      { keys, securityCounter: false },
      { keys, securityCounter: true },
    ]) {
      for (const { name, image } of VECTORS) {
        for (const bytes of [image, image.with(-9, ~(image.at(-9) ?? 0) & 0xff)]) {
          const regions = new Regions();
          regions.write(1, bytes);
          const { facts } = await regions.reader(undefined, requirements).read(1);
          expect(facts, name).toEqual(inspectRegion(regions.bytes(1), requirements));
        }
      }
    }
  });

  it("is done again where the region was stored to meanwhile", async () => {
    const regions = new Regions();
    regions.write(0, new Uint8Array(IMAGE.map((byte, at) => (at === 100 ? 0 : byte))));
    const reader = regions.reader((hashes) => {
      if (hashes === 1) regions.write(0, IMAGE);
    });
    const { facts, storeEpoch } = await reader.read(0);
    expect(facts.usable).toBe(true);
    expect(storeEpoch).toBe(2);
  });

  it("has an end where the region never stands still, and then it does not hold", async () => {
    const regions = new Regions();
    regions.write(0, IMAGE);
    const reading = await regions.reader(() => regions.write(0, IMAGE)).read(0);
    expect(regions.hashes).toBe(3);
    const known: RegionFacts[] = [inspectRegion(new Uint8Array(64), NO_REQUIREMENTS)];
    expect(withReadings(known, [reading], regions.control)).toEqual(known);
  });

  it("counts for its region alone, and only while the store epoch stands", () => {
    const regions = new Regions();
    const [old, fresh] = [
      inspectRegion(new Uint8Array(64), NO_REQUIREMENTS),
      inspectRegion(IMAGE_REGION, NO_REQUIREMENTS),
    ];
    const readings = readingsOf({ regions: [fresh, fresh], storeEpochs: [0, 0] });
    regions.write(1, IMAGE);
    expect(withReadings([old, old], readings, regions.control)).toEqual([fresh, old]);
  });
});

describe("the supervisor's main thread, for which a failover waits", () => {
  /** What a module loads, itself and all that is loaded with it. */
  function loadedBy(path: string, found = new Set<string>()): ReadonlySet<string> {
    if (found.has(path)) return found;
    found.add(path);
    for (const [, source = ""] of textOf(path).matchAll(/^(?:import|export) (?!type )[^;]*?"(\.[^"]+)";/gm))
      loadedBy(posix.join(posix.dirname(path), source), found);
    return found;
  }
  const loaded = [...loadedBy("supervisor/process/parent-link.ts")];

  it("loads what it should", () => {
    expect(loaded).toContain("supervisor/device/facts.ts");
    expect(loaded).toContain("controller/image/verify.ts");
  });

  it("loads nothing that hashes a region", () => {
    expect(loaded).not.toContain("controller/boot/inspection.ts");
    expect(loaded).not.toContain("emulator/worker.ts");
    const hashing = loaded.filter((path) => /\b(verifyImage|createHash|hashOf)\(/.test(textOf(path)));
    // The hash of a key, and where verifyImage stands.
    expect(hashing.sort()).toEqual(["controller/image/keys.ts", "controller/image/verify.ts"]);
  });
});
