import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeImage, type ImageSource, ImageSourceError } from "../../../controller/image/encode.ts";
import {
  type ImageFaultName,
  isSignature,
  parseImage,
  TRAILER_BYTES,
} from "../../../controller/image/format.ts";
import { ImageKeyError, imageKey, imageKeys } from "../../../controller/image/keys.ts";
import { type ImageRequirements, NO_REQUIREMENTS, verifyImage } from "../../../controller/image/verify.ts";

const body = Uint8Array.from({ length: 300 }, (_, i) => (i * 31) & 0xff);
const version = { major: 1, minor: 2, revision: 3, build: 4 };
const keys = generateKeyPairSync("ed25519");
const otherKeys = generateKeyPairSync("ed25519");

function signedBy(...publicKeys: readonly KeyObject[]): ImageRequirements {
  return { ...NO_REQUIREMENTS, keys: publicKeys.map(imageKey) };
}

/** The image at the start of an erased region of `regionBytes`. */
function inRegion(image: Uint8Array, regionBytes = 4096): Uint8Array {
  const region = new Uint8Array(regionBytes).fill(0xff);
  region.set(image);
  return region;
}

function faultOf(region: Uint8Array, withKeys = false): ImageFaultName | "none" {
  const result = verifyImage(region, withKeys ? signedBy(keys.publicKey) : NO_REQUIREMENTS);
  return result.ok ? "none" : result.fault.name;
}

const sources: fc.Arbitrary<ImageSource> = fc.record(
  {
    body: fc.uint8Array({ minLength: 4, maxLength: 500 }),
    version: fc.record({
      major: fc.nat(0xff),
      minor: fc.nat(0xff),
      revision: fc.nat(0xffff),
      build: fc.nat(0xffff_ffff),
    }),
    headerBytes: fc.integer({ min: 8, max: 128 }).map((words) => words * 4),
    securityCounter: fc.nat(0xffff_ffff),
    romFixed: fc.boolean(),
  },
  { requiredKeys: ["body", "version"] },
);

describe("an image that was made", () => {
  it("has the layout of MCUboot's image.h, byte for byte", () => {
    const image = encodeImage({ body, version, headerBytes: 64, securityCounter: 9, romFixed: true });
    const expected = [
      "3db8f396", // magic
      "00000020", // load address: the window
      "4000", // header bytes
      "0c00", // protected TLV bytes
      "2c010000", // body bytes
      "00010000", // ROM_FIXED
      "01020300", // version
      "04000000", // build
      "00000000",
      "ff".repeat(32),
      Buffer.from(body).toString("hex"),
      "08690c00", // protected TLV area of 12 bytes
      "5000040009000000", // security counter 9
    ].join("");
    const digest = createHash("sha256").update(Buffer.from(expected, "hex")).digest("hex");
    expect(Buffer.from(image).toString("hex")).toBe(`${expected}0769280010002000${digest}`);
  });

  it("reads back as what it was made of", () => {
    fc.assert(
      fc.property(sources, (source) => {
        const image = encodeImage(source);
        const result = verifyImage(inRegion(image));
        if (!result.ok) throw new Error(result.fault.message);
        const read = result.image;
        expect(read.version).toEqual(source.version);
        expect(read.headerBytes).toBe(source.headerBytes ?? 32);
        expect(read.securityCounter).toBe(source.securityCounter);
        expect(read.imageBytes).toBe(image.length);
        expect(image.slice(read.headerBytes, read.headerBytes + read.bodyBytes)).toEqual(source.body);
        expect(read.sha256).toEqual(image.slice(read.digest.offset, read.digest.offset + 32));
      }),
    );
  });

  it("is usable in a region of its size and a trailer's, and one byte less is too little", () => {
    const image = encodeImage({ body, version });
    expect(faultOf(inRegion(image, image.length + TRAILER_BYTES))).toBe("none");
    expect(faultOf(inRegion(image, image.length + TRAILER_BYTES - 1))).toBe("too-large");
  });

  it("is verified in shared memory too", () => {
    const image = encodeImage({ body, version, signingKey: keys.privateKey });
    const shared = new Uint8Array(new SharedArrayBuffer(4096));
    shared.set(image);
    expect(faultOf(shared, true)).toBe("none");
  });

  it.each([
    ["a version part out of range", { body, version: { ...version, major: 256 } }],
    ["a header that is no multiple of 4", { body, version, headerBytes: 34 }],
    ["a header too short", { body, version, headerBytes: 28 }],
    ["a header too long", { body, version, headerBytes: 65_536 }],
    ["a body without code", { body: new Uint8Array(2), version }],
    ["a security counter beyond 32 bits", { body, version, securityCounter: 2 ** 32 }],
    ["a public key to sign with", { body, version, signingKey: keys.publicKey }],
  ])("is refused for %s", (_, source) => {
    expect(() => encodeImage(source)).toThrow(ImageSourceError);
  });
});

describe("bytes that are no usable image", () => {
  it("any flipped bit up to the end of the digest is found", () => {
    const image = encodeImage({ body: body.slice(0, 40), version, securityCounter: 1 });
    const sound = parseImage(inRegion(image));
    if (!sound.ok) throw new Error(sound.fault.message);
    const end = sound.image.digest.offset + 32;
    for (let offset = 0; offset < end; offset += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const damaged = inRegion(image, 1024);
        damaged[offset] = (damaged[offset] ?? 0) ^ (1 << bit);
        expect(faultOf(damaged), `bit ${bit} of byte ${offset}`).not.toBe("none");
      }
    }
  });

  it("end in a named result, whatever they are", () => {
    const requirements = signedBy(keys.publicKey);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const result = verifyImage(bytes, requirements);
        expect(result.ok).toBe(false);
      }),
    );
  });

  it("end in a named result when they nearly are an image, and never reach beyond the array", () => {
    const requirements = signedBy(keys.publicKey);
    const edits = fc.array(fc.tuple(fc.nat(459), fc.nat(255)), { maxLength: 6 });
    const base = encodeImage({ body, version, securityCounter: 3, signingKey: keys.privateKey });
    fc.assert(
      fc.property(edits, fc.nat(base.length + 20), (changes, length) => {
        const bytes = inRegion(base, 600).slice(0, length);
        for (const [offset, value] of changes) {
          if (offset < bytes.length) bytes[offset] = value;
        }
        const parsed = parseImage(bytes);
        if (parsed.ok) expect(parsed.image.imageBytes).toBeLessThanOrEqual(bytes.length);
        const verified = verifyImage(bytes, requirements);
        expect(verified.ok || verified.fault.message.length > 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  /** An image with `edit` done to its header; digest and TLVs are not repaired. */
  function withHeader(edit: (view: DataView) => void): Uint8Array {
    const region = inRegion(encodeImage({ body, version }));
    edit(new DataView(region.buffer));
    return region;
  }

  const huge = 0xffff_ffff;
  it.each<[ImageFaultName, string, Uint8Array]>([
    ["blank", "an erased region", new Uint8Array(4096).fill(0xff)],
    ["no-image", "a region of zeros", new Uint8Array(4096)],
    ["no-image", "less than a header", new Uint8Array(31)],
    ["bad-header", "a header size below 32", withHeader((v) => v.setUint16(8, 28, true))],
    ["bad-header", "a misaligned header", withHeader((v) => v.setUint16(8, 34, true))],
    ["bad-header", "an empty body", withHeader((v) => v.setUint32(12, 0, true))],
    ["unsupported-image", "encryption", withHeader((v) => v.setUint32(16, 0x4, true))],
    ["unsupported-image", "compression", withHeader((v) => v.setUint32(16, 0x400, true))],
    ["unsupported-image", "RAM load", withHeader((v) => v.setUint32(16, 0x20, true))],
    ["unsupported-image", "a non-bootable image", withHeader((v) => v.setUint32(16, 0x10, true))],
    ["unsupported-image", "the highest flag", withHeader((v) => v.setUint32(16, 0x8000_0000, true))],
    ["wrong-address", "another fixed address", withHeader((v) => v.setUint32(16, 0x100, true))],
    ["too-large", "a body beyond the region", withHeader((v) => v.setUint32(12, huge, true))],
    ["bad-tlv", "a missing protected area", withHeader((v) => v.setUint16(10, 12, true))],
    ["bad-tlv", "no TLV area behind the body", withHeader((v) => v.setUint32(12, 296, true))],
    ["digest-mismatch", "a changed version", withHeader((v) => v.setUint8(20, 7))],
  ])("%s: %s", (name, _, region) => {
    expect(faultOf(region)).toBe(name);
  });

  it("a TLV that reaches beyond its area, and an area without a digest, are named", () => {
    const image = encodeImage({ body, version });
    const parsed = parseImage(inRegion(image));
    if (!parsed.ok) throw new Error(parsed.fault.message);
    const digestOffset = parsed.image.digest.offset;
    const longer = inRegion(image);
    longer[digestOffset - 2] = 33;
    expect(faultOf(longer)).toBe("bad-tlv");
    // Of a type that is skipped, so that only its length can be what is wrong.
    longer[digestOffset - 4] = 0xa0;
    for (const length of [33, 34, 36, 40, 0xffff]) {
      new DataView(longer.buffer).setUint16(digestOffset - 2, length, true);
      expect(faultOf(longer)).toBe("bad-tlv");
    }
    const otherType = inRegion(image);
    otherType[digestOffset - 4] = 0xa0;
    expect(faultOf(otherType)).toBe("no-digest");
    const twice = new Uint8Array(image.length + 36);
    twice.set(image);
    twice.set(image.subarray(digestOffset - 4), image.length);
    new DataView(twice.buffer).setUint16(digestOffset - 6, 4 + 2 * 36, true);
    expect(faultOf(inRegion(twice))).toBe("bad-tlv");
  });

  it("a security counter that the digest does not cover does not count", () => {
    const image = encodeImage({ body, version });
    const counter = [0x50, 0, 4, 0, 9, 0, 0, 0];
    const longer = new Uint8Array(image.length + counter.length);
    longer.set(image);
    longer.set(counter, image.length);
    const parsed = parseImage(inRegion(image));
    if (!parsed.ok) throw new Error(parsed.fault.message);
    new DataView(longer.buffer).setUint16(parsed.image.hashedBytes + 2, 40 + counter.length, true);
    const result = verifyImage(inRegion(longer));
    expect(result.ok && result.image.securityCounter).toBe(undefined);
  });
});

describe("signatures", () => {
  const signed = inRegion(encodeImage({ body, version, signingKey: keys.privateKey }));

  it("are asked for only where keys are set", () => {
    const unsigned = inRegion(encodeImage({ body, version }));
    expect(faultOf(unsigned)).toBe("none");
    expect(faultOf(unsigned, true)).toBe("no-signature");
    expect(faultOf(signed)).toBe("none");
    expect(faultOf(signed, true)).toBe("none");
  });

  it("by a key that is not configured do not count", () => {
    const foreign = inRegion(encodeImage({ body, version, signingKey: otherKeys.privateKey }));
    expect(faultOf(foreign, true)).toBe("unknown-key");
  });

  it("that were changed, in any byte, do not hold", () => {
    const parsed = parseImage(signed);
    if (!parsed.ok) throw new Error(parsed.fault.message);
    const place = parsed.image.signing.find(isSignature);
    if (place === undefined) throw new Error("the image has no signature");
    for (let i = 0; i < 64; i += 1) {
      const damaged = signed.slice();
      damaged[place.offset + i] = (damaged[place.offset + i] ?? 0) ^ 0x10;
      expect(faultOf(damaged, true)).toBe("signature-mismatch");
    }
  });

  it("by another key before do not count either", () => {
    const image = encodeImage({ body, version, signingKey: otherKeys.privateKey });
    const parsed = parseImage(inRegion(image));
    if (!parsed.ok) throw new Error(parsed.fault.message);
    const digest = image.subarray(parsed.image.digest.offset, parsed.image.digest.offset + 32);
    const second = [
      ...[0x01, 0, 32, 0, ...imageKey(keys.publicKey).hashes.sha256],
      ...[0x24, 0, 64, 0, ...sign(null, digest, keys.privateKey)],
    ];
    const longer = new Uint8Array([...image, ...second]);
    const areaBytes = image.length - parsed.image.hashedBytes + second.length;
    new DataView(longer.buffer).setUint16(parsed.image.hashedBytes + 2, areaBytes, true);
    expect(faultOf(inRegion(longer), true)).toBe("none");
  });

  it("a key is read from PEM, private or public, and others are refused", () => {
    const pem = keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    expect(imageKey(pem).hashes).toEqual(imageKey(keys.publicKey).hashes);
    const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 });
    expect(() => imageKey(rsa.publicKey)).toThrow(ImageKeyError);
    expect(() => imageKey("no key")).toThrow(ImageKeyError);
  });

  it("the keys of a configuration are read in order, none is none, and a bad one is named", () => {
    const pem = (key: KeyObject) => key.export({ type: "spki", format: "pem" }).toString();
    const good = [pem(keys.publicKey), pem(otherKeys.publicKey)];
    expect(imageKeys([])).toEqual([]);
    expect(imageKeys(good).map(({ publicBytes }) => publicBytes)).toEqual(
      [keys, otherKeys].map(({ publicKey }) => imageKey(publicKey).publicBytes),
    );
    const rsa = pem(generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey);
    expect(() => imageKeys([...good, rsa])).toThrow(
      new ImageKeyError(
        "keys[2] cannot verify images: the key is of type rsa of 1024 bits: it must be Ed25519, ECDSA P-256 or P-384, RSA-2048 or RSA-3072",
      ),
    );
    expect(() => imageKeys(["no key"])).toThrow(
      new ImageKeyError("keys[0] cannot verify images: the key is no PEM text of a key"),
    );
  });
});
