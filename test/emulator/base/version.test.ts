import fc from "fast-check";
import { expect, it } from "vitest";
import { compareVersions, formatVersion, NO_VERSION, parseVersion } from "../../../emulator/base/version.ts";

const versions = fc.record({
  major: fc.nat(0xff),
  minor: fc.nat(0xff),
  revision: fc.nat(0xffff),
  build: fc.nat(0xffff_ffff),
});

it("a version reads back from its text", () => {
  fc.assert(
    fc.property(versions, (version) => {
      expect(parseVersion(formatVersion(version))).toEqual(version);
    }),
  );
});

it("versions are ordered by major, minor, revision, build", () => {
  const ascending = ["0.0.1", "0.0.1+1", "0.1.0", "0.255.65535", "1.0.0", "1.0.0+4294967295", "255.0.0"];
  const read = ascending.map((text) => parseVersion(text) ?? NO_VERSION);
  for (const [i, a] of read.entries()) {
    for (const [j, b] of read.entries()) expect(Math.sign(compareVersions(a, b))).toBe(Math.sign(i - j));
  }
});

it.each(["", "1.", "256", "1.2.65536", "1.2.3+4294967296", "v1.2.3", "1.2.3.4", "-1", "1.2.3+"])(
  "%j is no version",
  (text) => {
    expect(parseVersion(text)).toBeUndefined();
  },
);
