import { describe, expect, it } from "vitest";
import { referenceImages } from "../../../../supervisor/reference-images.ts";
import { imageLibrary } from "../../../../supervisor/sweep/flipside/image-library.ts";

describe("the images that a sweep derives", () => {
  it("leave those that they are derived of as they were, and are the same of a Buffer as of an array", () => {
    const given = referenceImages().map((bytes) => Buffer.from(bytes)) as [Buffer, Buffer];
    const [a, b] = given.map((bytes) => Uint8Array.from(bytes)) as [Uint8Array, Uint8Array];
    const ofBuffers = imageLibrary(...given);
    expect(given.map((bytes) => Uint8Array.from(bytes))).toEqual([a, b]);
    for (const [name, { bytes }] of imageLibrary(a, b)) {
      expect(Buffer.compare(ofBuffers.get(name)?.bytes ?? new Uint8Array(), bytes), name).toBe(0);
    }
  });
});
