/**
 * The mutants in controller/firmware/mutants: versions of firmware with a planted bug, and the right variants of them.
 * What each does is in its source, and in one table in controller/firmware/mutants/README.md.
 *
 * Invariant: nothing here or there was written from what is to find it. A class says in words what a user should be told.
 */

/** What is wrong with a version, as a user should be told it. */
export const FIRMWARE_FAULT_CLASSES = [
  "fails-by-itself",
  "never-ready",
  "never-confirms",
  "confirms-before-ready",
  "loses-data",
  "ignores-injected-faults",
  "serves-nothing",
  "breaks-queue-protocol",
  "wrong-results",
  "declares-what-it-does-not-do",
] as const;
export type FirmwareFaultClass = (typeof FIRMWARE_FAULT_CLASSES)[number];

/** What a version is made from: the reference firmware, controller/firmware/plain, or that without a queue. */
export type FirmwareBase = "reference" | "plain" | "quiet";

/** A version with a planted bug, or a right variant of one. */
export interface FirmwareMutant {
  /** The image's: controller/firmware/mutants/images/NAME.img. */
  readonly name: string;
  readonly base: FirmwareBase;
  /** File in controller/firmware/mutants. */
  readonly source: string;
  /** Macros: RIGHT, and what the source asks for. */
  readonly macros: Readonly<Record<string, string | number>>;
  readonly version: string;
  /** undefined: a right variant, which must be held to be good. */
  readonly fault: FirmwareFaultClass | undefined;
  /** Images in regions A and B, paths below controller/firmware: the version beside one that has no such bug. */
  readonly imageA: string;
  readonly imageB: string;
}

/** A bug in one source, and where it stands: in the version of region A, or in those of both. */
interface Planted {
  readonly source: string;
  readonly fault: FirmwareFaultClass;
  /** "reference" unless set. */
  readonly base?: FirmwareBase;
  /** In both where it shows after a roll-back, to whichever region, and where versions share what it stores. */
  readonly inBoth?: true;
  /** The same source with other macros: name and macros of each; one named for the source unless set. */
  readonly variants?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The source has no right variant. */
  readonly onlyWrong?: true;
}

const REASONS = {
  "power-on": "BOOT_POWER_ON",
  failover: "BOOT_FAILOVER",
  restart: "BOOT_RESTART",
  activation: "BOOT_ACTIVATION",
} as const;

const atEach = (
  name: string,
  reasons: readonly (keyof typeof REASONS)[],
): Readonly<Record<string, Readonly<Record<string, string>>>> =>
  Object.fromEntries(reasons.map((reason) => [`${name}-${reason}`, { REASON: REASONS[reason] }]));

const PLANTED: readonly Planted[] = [
  { source: "record-after-completion.c", fault: "loses-data" },
  { source: "record-at-ticks.c", fault: "loses-data" },
  { source: "torn-record-believed.c", fault: "loses-data", inBoth: true },
  { source: "torn-record-thrown-away.c", fault: "loses-data" },
  { source: "forgets-at-power-on.c", fault: "loses-data" },
  { source: "wipes-record-at-roll-back.c", fault: "loses-data", inBoth: true },
  { source: "torn-record-panics.c", fault: "fails-by-itself" },
  {
    source: "crash-at-start.c",
    fault: "fails-by-itself",
    variants: atEach("crash-at", ["power-on", "failover", "restart", "activation"]),
  },
  {
    source: "crash-at-start.c",
    fault: "fails-by-itself",
    inBoth: true,
    onlyWrong: true,
    variants: { "crash-at-roll-back": { REASON: "BOOT_ROLL_BACK" } },
  },
  { source: "hang-after-roll-back.c", fault: "fails-by-itself", inBoth: true },
  {
    source: "crash-with-waiting-commands.c",
    fault: "fails-by-itself",
    variants: atEach("crash-with-waiting-commands-at", ["power-on", "failover"]),
  },
  { source: "panic-after-cut.c", fault: "fails-by-itself" },
  { source: "crash-when-idle.c", fault: "fails-by-itself" },
  { source: "no-kick-when-idle.c", fault: "fails-by-itself" },
  { source: "kicks-too-early.c", fault: "fails-by-itself" },
  { source: "stray-store-at-roll-back.c", fault: "fails-by-itself", inBoth: true },
  { source: "rewinds-queue.c", fault: "fails-by-itself" },
  { source: "trusts-ram.c", fault: "fails-by-itself" },
  { source: "never-ready.c", fault: "never-ready" },
  { source: "never-ready-after-cut.c", fault: "never-ready" },
  { source: "withdraws-ready.c", fault: "never-ready" },
  {
    source: "confirms-untested.c",
    fault: "confirms-before-ready",
    variants: { "confirms-untested": { FAILS: "0" }, "confirms-untested-and-fails": { FAILS: "1" } },
  },
  { source: "never-confirms.c", fault: "never-confirms" },
  { source: "ignores-faults.c", fault: "ignores-injected-faults" },
  { source: "skips-exceptions.S", fault: "ignores-injected-faults" },
  { source: "serves-nothing.c", fault: "serves-nothing" },
  { source: "drops-waiting-commands.c", fault: "serves-nothing", onlyWrong: true },
  { source: "completes-twice.c", fault: "breaks-queue-protocol" },
  { source: "answers-another-command.c", fault: "breaks-queue-protocol" },
  { source: "wrong-parity.c", fault: "wrong-results" },
  { source: "plain-torn-slot-panics.c", base: "plain", fault: "fails-by-itself" },
  { source: "plain-crash-after-cut.c", base: "quiet", fault: "fails-by-itself", onlyWrong: true },
  { source: "plain-never-kicks.c", base: "quiet", fault: "fails-by-itself" },
  { source: "plain-never-ready.c", base: "quiet", fault: "never-ready" },
  { source: "plain-never-confirms.c", base: "quiet", fault: "never-confirms" },
  { source: "plain-undeclared.c", base: "plain", fault: "declares-what-it-does-not-do" },
  { source: "plain-declares-too-much.c", base: "plain", fault: "declares-what-it-does-not-do" },
  { source: "plain-declares-a-queue.c", base: "quiet", fault: "declares-what-it-does-not-do" },
];

/** Between the versions of each family, so that it can stand in either region; the sibling of one in A is older. */
const MUTANT_VERSION = "1.0.5";
const SIBLING_VERSION = "1.0.4";

const FAMILY_IMAGES: Readonly<Record<FirmwareBase, string>> = {
  reference: "images/controller",
  plain: "plain/images/plain",
  quiet: "plain/images/quiet",
};

const pathOf = (name: string): string => `mutants/images/${name}.img`;

function versionsOf(
  planted: Planted,
  name: string,
  macros: Readonly<Record<string, string | number>>,
  fault: FirmwareFaultClass | undefined,
): FirmwareMutant[] {
  const { base = "reference", inBoth = false, source } = planted;
  const sibling = `${name}-sibling`;
  const mutant = {
    name,
    base,
    source,
    macros,
    version: MUTANT_VERSION,
    fault,
    imageA: pathOf(name),
    imageB: inBoth ? pathOf(sibling) : `${FAMILY_IMAGES[base]}-1.0.0.img`,
  };
  return inBoth ? [mutant, { ...mutant, name: sibling, version: SIBLING_VERSION }] : [mutant];
}

function mutantsOf(planted: Planted): FirmwareMutant[] {
  const stem = planted.source.replace(/\.[cS]$/, "");
  const wrong = Object.entries(planted.variants ?? { [stem]: {} }).flatMap(([name, macros]) =>
    versionsOf(planted, name, { RIGHT: 0, ...macros }, planted.fault),
  );
  const right =
    planted.onlyWrong === true ? [] : versionsOf(planted, `${stem}-right`, { RIGHT: 1 }, undefined);
  return [...wrong, ...right];
}

/** All images that are built. */
export const FIRMWARE_IMAGES: readonly FirmwareMutant[] = PLANTED.flatMap(mutantsOf);

/** The pairs that a sweep takes, each once. */
export const FIRMWARE_MUTANTS: readonly FirmwareMutant[] = FIRMWARE_IMAGES.filter(
  (mutant) => mutant.version === MUTANT_VERSION,
);
