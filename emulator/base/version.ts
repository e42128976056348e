/**
 * The version of an image, as MCUboot's `image_version`: ordered by major, minor, revision, build, and written
 * "major.minor.revision+build". It stands in the image's header and in the management table.
 */
export interface ImageVersion {
  /** 0 to 255. */
  readonly major: number;
  /** 0 to 255. */
  readonly minor: number;
  /** 0 to 65535. */
  readonly revision: number;
  /** 32 bits, unsigned. */
  readonly build: number;
}

/** The version that a region without an image has in the table. */
export const NO_VERSION: ImageVersion = { major: 0, minor: 0, revision: 0, build: 0 };

/** Whether every part fits its field. */
export function versionFits(version: ImageVersion): boolean {
  const fits = (value: number, max: number) => Number.isInteger(value) && value >= 0 && value <= max;
  return (
    fits(version.major, 0xff) &&
    fits(version.minor, 0xff) &&
    fits(version.revision, 0xffff) &&
    fits(version.build, 0xffff_ffff)
  );
}

/** Negative, 0 or positive as `a` is lower than, equal to or higher than `b`. */
export function compareVersions(a: ImageVersion, b: ImageVersion): number {
  if (a.major !== b.major) return a.major - b.major;
  if (a.minor !== b.minor) return a.minor - b.minor;
  if (a.revision !== b.revision) return a.revision - b.revision;
  return a.build - b.build;
}

/** "1.2.3", and "1.2.3+4" where there is a build number. */
export function formatVersion(version: ImageVersion): string {
  const text = `${version.major}.${version.minor}.${version.revision}`;
  return version.build === 0 ? text : `${text}+${version.build}`;
}

/** Reads "1", "1.2", "1.2.3" or "1.2.3+4"; undefined when it is none of them or a part is out of range. */
export function parseVersion(text: string): ImageVersion | undefined {
  const match = /^(\d{1,3})(?:\.(\d{1,3})(?:\.(\d{1,5})(?:\+(\d{1,10}))?)?)?$/.exec(text);
  if (match === null) return undefined;
  const [major, minor, revision, build] = match.slice(1).map((part) => Number(part ?? 0));
  const version = { major: major ?? 0, minor: minor ?? 0, revision: revision ?? 0, build: build ?? 0 };
  return versionFits(version) ? version : undefined;
}
