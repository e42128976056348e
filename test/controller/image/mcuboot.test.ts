/** Images as imgtool makes them, and as MCUboot judges them: what it refuses does not run here. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ImageFaultName,
  isSignature,
  parseImage,
  TLV_INFO_MAGIC,
  TLV_PROTECTED_INFO_MAGIC,
  Tlv,
  TRAILER_BYTES,
} from "../../../controller/image/format.ts";
import { imageKey } from "../../../controller/image/keys.ts";
import { type ImageRequirements, NO_REQUIREMENTS, verifyImage } from "../../../controller/image/verify.ts";
import { PAYLOAD, VECTOR_KEYS, VECTORS } from "./vectors/imgtool.ts";

const REGION_BYTES = 4096;

function inRegion(image: Uint8Array): Uint8Array {
  const region = new Uint8Array(REGION_BYTES).fill(0xff);
  region.set(image);
  return region;
}

function keys(...names: readonly (string | KeyObject)[]): ImageRequirements {
  const sources = names.map((name) => (typeof name === "string" ? (VECTOR_KEYS[name] ?? "") : name));
  return { ...NO_REQUIREMENTS, keys: sources.map(imageKey) };
}

function faultOf(image: Uint8Array, requirements = NO_REQUIREMENTS): ImageFaultName | "none" {
  const result = verifyImage(inRegion(image), requirements);
  return result.ok ? "none" : result.fault.name;
}

const vector = (name: string) =>
  VECTORS.find((other) => other.name === name) ?? expect.fail(`no vector ${name}`);

const UNSUPPORTED: readonly (readonly [name: string, says: string])[] = [
  ["encrypted", "encrypted"],
  ["encrypted-256", "encrypted"],
  ["compressed", "compressed"],
  ["big-endian", "big-endian"],
  ["ram-load", "loaded into RAM"],
  ["non-bootable", "not bootable"],
];
const supported = VECTORS.filter(({ name }) => !UNSUPPORTED.some(([other]) => other === name));
const signed = supported.filter(({ key }) => key !== undefined);

describe("all that imgtool signs for direct-XIP is read and verified", () => {
  it.each(supported)("$name", ({ image, key }) => {
    const result = verifyImage(inRegion(image), key === undefined ? NO_REQUIREMENTS : keys(key));
    if (!result.ok) throw new Error(result.fault.message);
    const { headerBytes, bodyBytes, hashedBytes, imageBytes } = result.image;
    expect(result.image.version).toEqual({ major: 1, minor: 2, revision: 3, build: 4 });
    expect(image.slice(headerBytes, headerBytes + bodyBytes)).toEqual(Uint8Array.from(PAYLOAD));
    expect(imageBytes).toBe(image.length);
    expect(result.image.signed).toBe(key !== undefined);
    expect(Buffer.from(result.image.sha256).toString("hex")).toBe(
      createHash("sha256").update(image.subarray(0, hashedBytes)).digest("hex"),
    );
  });

  it.each(signed)(
    "$name with another kind of key, or changed in any byte, does not run",
    ({ image, key = "" }) => {
      const others = Object.keys(VECTOR_KEYS).filter((name) => name !== key);
      expect(faultOf(image, keys(...others))).toBe("unknown-key");
      expect(faultOf(image, keys(...others, key))).toBe("none");
      const parsed = parseImage(inRegion(image));
      const place = parsed.ok ? parsed.image.signing.find(isSignature) : undefined;
      if (place === undefined) throw new Error("there is no signature");
      for (let at = place.offset; at < place.offset + place.length; at += 7) {
        const changed = image.slice();
        changed[at] = (changed[at] ?? 0) ^ 0x41;
        expect(faultOf(changed, keys(key)), `byte ${at}`).toBe("signature-mismatch");
      }
      const changed = image.slice();
      changed[40] = (changed[40] ?? 0) ^ 1;
      expect(faultOf(changed, keys(key))).toBe("digest-mismatch");
    },
  );

  it("noise in place of a signature, of any length, is a signature that does not hold", () => {
    const noise = fc.uint8Array({ maxLength: 120 });
    fc.assert(
      fc.property(fc.constantFrom("ecdsa-p256", "ecdsa-p384"), noise, (name, signature) => {
        const key = imageKey(VECTOR_KEYS[name] ?? "");
        const algorithm = name === "ecdsa-p256" ? "sha256" : "sha384";
        const named = tlv(Tlv.KEY_HASH, key.hashes[algorithm]);
        const image = imageOf({ digest: algorithm, tlvs: () => [named, tlv(Tlv.ECDSA, signature)] });
        return faultOf(image, keys(name)) === "signature-mismatch";
      }),
    );
  });

  it.each(UNSUPPORTED)("but not %s images, which are refused by name", (name, says) => {
    const result = verifyImage(inRegion(vector(name).image));
    expect(result).toMatchObject({ ok: false, fault: { name: "unsupported-image" } });
    expect(result.ok ? "" : result.fault.message).toContain(says);
  });
});

const maker = generateKeyPairSync("ed25519");
const second = generateKeyPairSync("ed25519");
const stranger = generateKeyPairSync("ed25519");

function tlv(type: number, value: Uint8Array | readonly number[]): number[] {
  return [type & 0xff, type >> 8, value.length & 0xff, value.length >> 8, ...value];
}

function area(magic: number, entries: readonly number[]): number[] {
  return tlv(magic, [...entries]).map((byte, at) =>
    at === 2 ? (entries.length + 4) & 0xff : at === 3 ? (entries.length + 4) >> 8 : byte,
  );
}

interface Parts {
  readonly headerBytes?: number;
  /** Of the header, behind what makes it one. */
  readonly flags?: number;
  readonly digest?: "sha256" | "sha384" | "sha512" | "none";
  readonly protectedTlvs?: readonly (readonly number[])[];
  /** Behind the digest. */
  readonly tlvs?: (digest: Uint8Array, hashed: Uint8Array) => readonly (readonly number[])[];
  readonly bodyBytes?: number;
}

const DIGEST_TLVS = { sha256: Tlv.SHA256, sha384: Tlv.SHA384, sha512: Tlv.SHA512 };

/** An image of any TLVs, whose digest is right. */
function imageOf(parts: Parts): Uint8Array {
  const { headerBytes = 32, flags = 0, digest: algorithm = "sha256", bodyBytes = 16 } = parts;
  const inner = (parts.protectedTlvs ?? []).flat();
  const protectedArea = inner.length === 0 ? [] : area(TLV_PROTECTED_INFO_MAGIC, inner);
  const header = new DataView(new ArrayBuffer(headerBytes));
  header.setUint32(0, 0x96f3_b83d, true);
  header.setUint16(8, headerBytes, true);
  header.setUint16(10, protectedArea.length, true);
  header.setUint32(12, bodyBytes, true);
  header.setUint32(16, flags, true);
  header.setUint8(20, 1);
  const hashed = Uint8Array.from([
    ...new Uint8Array(header.buffer),
    ...new Uint8Array(bodyBytes),
    ...protectedArea,
  ]);
  const digest = createHash(algorithm === "none" ? "sha256" : algorithm)
    .update(hashed)
    .digest();
  const entries = algorithm === "none" ? [] : tlv(DIGEST_TLVS[algorithm], digest);
  const others = (parts.tlvs?.(digest, hashed) ?? []).flat();
  return Uint8Array.from([...hashed, ...area(TLV_INFO_MAGIC, [...entries, ...others])]);
}

type Pair = typeof maker;
const named = ({ publicKey }: Pair) => tlv(Tlv.KEY_HASH, imageKey(publicKey).hashes.sha256);
const good = ({ privateKey }: Pair, digest: Uint8Array) => tlv(Tlv.ED25519, sign(null, digest, privateKey));
const bad = tlv(Tlv.ED25519, new Uint8Array(64).fill(7));
const both = keys(maker.publicKey, second.publicKey);

describe("which signature decides is MCUboot's rule: a key's name is used up by one signature, and the last one verified counts", () => {
  it.each<[ImageFaultName | "none", string, (digest: Uint8Array) => number[][]]>([
    ["none", "a good one", (digest) => [named(maker), good(maker, digest)]],
    [
      "signature-mismatch",
      "a good one followed by a bad one by the same key",
      (digest) => [named(maker), good(maker, digest), named(maker), bad],
    ],
    [
      "signature-mismatch",
      "a bad one followed by a good one under one name",
      (digest) => [named(maker), bad, good(maker, digest)],
    ],
    [
      "none",
      "a good one followed by a bad one under one name",
      (digest) => [named(maker), good(maker, digest), bad],
    ],
    [
      "none",
      "a bad one followed by a good one, each under its name",
      (digest) => [named(maker), bad, named(second), good(second, digest)],
    ],
    [
      "signature-mismatch",
      "a good one followed by a bad one by another configured key",
      (digest) => [named(maker), good(maker, digest), named(second), bad],
    ],
    [
      "none",
      "a good one followed by one by a key that is not configured",
      (digest) => [named(maker), good(maker, digest), named(stranger), good(stranger, digest)],
    ],
    [
      "unknown-key",
      "a good one whose name is followed by a stranger's",
      (digest) => [named(maker), named(stranger), good(maker, digest)],
    ],
    ["unknown-key", "a good one without a name", (digest) => [good(maker, digest)]],
    ["unknown-key", "a good one in front of its name", (digest) => [good(maker, digest), named(maker)]],
    [
      "none",
      "a good one with one of another kind between it and its name",
      (digest) => [named(maker), tlv(Tlv.ECDSA, [1, 2]), good(maker, digest)],
    ],
    [
      "bad-tlv",
      "one of a wrong length by a configured key, whatever follows",
      (digest) => [named(maker), tlv(Tlv.ED25519, [1]), named(maker), good(maker, digest)],
    ],
    [
      "none",
      "one of a wrong length by a key that is not configured",
      (digest) => [named(stranger), tlv(Tlv.ED25519, [1]), named(maker), good(maker, digest)],
    ],
    [
      "unknown-key",
      "a good one under the first bytes of its key's hash",
      (digest) => [named(maker).slice(0, 8).with(2, 4), good(maker, digest)],
    ],
    [
      "unknown-key",
      "a good one under an empty name",
      (digest) => [tlv(Tlv.KEY_HASH, []), good(maker, digest)],
    ],
    [
      "bad-tlv",
      "a good one followed by a bad one under the first bytes of its key's hash",
      (digest) => [named(maker), good(maker, digest), named(maker).slice(0, 8).with(2, 4), bad],
    ],
    [
      "bad-tlv",
      "a good one behind a name that is longer than a hash",
      (digest) => [tlv(Tlv.KEY_HASH, new Uint8Array(33)), named(maker), good(maker, digest)],
    ],
    [
      "bad-tlv",
      "a good one behind a key in full, where it is named by hash",
      (digest) => [
        tlv(Tlv.PUBLIC_KEY, imageKey(maker.publicKey).publicBytes),
        named(maker),
        good(maker, digest),
      ],
    ],
    [
      "bad-tlv",
      "a good one behind a key that is longer than any of its kind",
      (digest) => [
        tlv(Tlv.PUBLIC_KEY, new Uint8Array(89)),
        tlv(Tlv.PUBLIC_KEY, imageKey(maker.publicKey).publicBytes),
        good(maker, digest),
      ],
    ],
    ["no-signature", "none", () => [named(maker)]],
  ])("%s: %s", (fault, _, tlvs) => {
    expect(faultOf(imageOf({ tlvs }), both)).toBe(fault);
  });

  it("a signature in the protected TLVs is one like any other: a bad one behind which no good one comes decides", () => {
    const protectedTlvs = [named(maker), bad];
    expect(faultOf(imageOf({ protectedTlvs }), both)).toBe("signature-mismatch");
    const tlvs = (digest: Uint8Array) => [named(maker), good(maker, digest)];
    expect(faultOf(imageOf({ protectedTlvs, tlvs }), both)).toBe("none");
  });

  it("a pure signature is over the image, one that is not over its digest, and neither passes for the other", () => {
    const name = tlv(Tlv.KEY_HASH, imageKey(maker.publicKey).hashes.sha512);
    const image = (isPure: boolean, overImage: boolean) =>
      imageOf({
        digest: "sha512",
        tlvs: (digest, hashed) => [
          ...(isPure ? [tlv(Tlv.PURE_SIGNATURE, [1])] : []),
          name,
          good(maker, overImage ? hashed : digest),
        ],
      });
    expect(faultOf(image(true, true), both)).toBe("none");
    expect(faultOf(image(false, false), both)).toBe("none");
    expect(faultOf(image(true, false), both)).toBe("signature-mismatch");
    expect(faultOf(image(false, true), both)).toBe("signature-mismatch");
  });
});

describe("a second digest makes an image unusable, wherever it stands", () => {
  const other = tlv(Tlv.SHA256, new Uint8Array(32).fill(9));
  it.each<[string, Parts]>([
    ["in the protected TLVs, of another value", { protectedTlvs: [other] }],
    ["in the protected TLVs, of another kind", { protectedTlvs: [tlv(Tlv.SHA512, new Uint8Array(64))] }],
    ["beside the first", { tlvs: () => [other] }],
    ["beside the first, of the same value", { tlvs: (digest) => [tlv(Tlv.SHA256, digest)] }],
  ])("%s", (_, parts) => {
    expect(faultOf(imageOf(parts))).toBe("bad-tlv");
  });
});

describe("where a security counter is required, exactly one must be there, and protected", () => {
  const counter = tlv(Tlv.SECURITY_COUNTER, [5, 0, 0, 0]);
  const required: ImageRequirements = { ...NO_REQUIREMENTS, securityCounter: true };

  it.each<[ImageFaultName | "none", string, Parts]>([
    ["none", "one", { protectedTlvs: [counter] }],
    ["no-security-counter", "none", {}],
    ["no-security-counter", "only one outside the protected TLVs", { tlvs: () => [counter] }],
    [
      "no-security-counter",
      "a second one outside the protected TLVs",
      { protectedTlvs: [counter], tlvs: () => [counter] },
    ],
    ["bad-tlv", "two", { protectedTlvs: [counter, counter] }],
    ["bad-tlv", "one of 8 bytes", { protectedTlvs: [tlv(Tlv.SECURITY_COUNTER, new Uint8Array(8))] }],
  ])("%s: %s", (fault, _, parts) => {
    expect(faultOf(imageOf(parts), required)).toBe(fault);
  });

  it("else an image without one is usable, and one with two is not", () => {
    expect(faultOf(imageOf({}))).toBe("none");
    expect(faultOf(imageOf({ protectedTlvs: [counter, tlv(Tlv.SECURITY_COUNTER, [9, 0, 0, 0])] }))).toBe(
      "bad-tlv",
    );
  });
});

describe("no image reaches into the last 40 bytes of its region, where MCUboot keeps its trailer", () => {
  const overhead = imageOf({ bodyBytes: 4 }).length - 4;
  const ofBytes = (imageBytes: number) => imageOf({ bodyBytes: imageBytes - overhead });

  it("in a region", () => {
    expect(TRAILER_BYTES).toBe(40);
    expect(faultOf(ofBytes(REGION_BYTES - 40))).toBe("none");
    for (const bytes of [REGION_BYTES - 39, REGION_BYTES - 4, REGION_BYTES]) {
      expect(faultOf(ofBytes(bytes))).toBe("too-large");
    }
  });

  it("in a file, whatever is behind it", () => {
    const image = ofBytes(1000);
    const usable = (fileBytes: number, regionBytes: number) => {
      const file = new Uint8Array(fileBytes).fill(0xff);
      file.set(image);
      return verifyImage(file, NO_REQUIREMENTS, regionBytes).ok;
    };
    expect(usable(1000, 1040)).toBe(true);
    expect(usable(1040, 1040)).toBe(true);
    expect(usable(1000, 1039)).toBe(false);
    expect(usable(1041, 1040)).toBe(false);
  });
});

describe("what MCUboot boots and does not run here is refused by name, as docs/table.md says", () => {
  it.each<[ImageFaultName, string, Parts]>([
    ["bad-header", "a header of 34 bytes", { headerBytes: 34 }],
    ["bad-header", "a body of 3 bytes", { bodyBytes: 3 }],
    ["unsupported-image", "a flag that nobody knows", { flags: 0x40 }],
    ["wrong-address", "linked for another address", { flags: 0x100 }],
    [
      "no-digest",
      "pure and without a digest",
      { digest: "none", tlvs: () => [tlv(Tlv.PURE_SIGNATURE, [1])] },
    ],
  ])("%s: %s", (fault, _, parts) => {
    expect(faultOf(imageOf(parts))).toBe(fault);
  });

  it("but a TLV that nobody asks for may have any length", () => {
    const tlvs = () =>
      [Tlv.KEY_HASH, Tlv.PUBLIC_KEY, Tlv.ED25519, Tlv.ECDSA, 0x21, 0x40, 0xffa0].map((type) =>
        tlv(type, [1]),
      );
    expect(faultOf(imageOf({ tlvs }))).toBe("none");
  });
});
