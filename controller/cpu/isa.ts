/**
 * The instruction set of a hart: which extensions of RV32I it has, as a set of bits, and how people write it.
 *
 * Invariant: what {@link formatIsa} writes {@link parseIsa} reads as the same set.
 *
 * Source: The RISC-V Instruction Set Manual, volume I, "ISA Extension Naming Conventions"; volume II, "misa".
 */

/** What a hart may have or not; the bits are nobody's but ours. RV32I, Zicsr and Zifencei every hart has. */
export const enum Extension {
  /** No extension's: RV32I, Zicsr, Zifencei, and machine mode. */
  BASE = 1 << 0,
  M = 1 << 1,
  A = 1 << 2,
  C = 1 << 3,
  ZBA = 1 << 4,
  ZBB = 1 << 5,
  ZBC = 1 << 6,
  ZBS = 1 << 7,
  ZCB = 1 << 8,
  /** The trigger module, triggers.ts. */
  SDTRIG = 1 << 16,
  /** satp is there, and Bare is all that it takes: it is 0 whatever is written. Supervisor mode itself no hart has. */
  SVBARE = 1 << 17,
}

/** A set of {@link Extension}. */
export type Extensions = number;

/** In the order in which they are written. */
const NAMES: readonly (readonly [name: string, extension: Extension])[] = [
  ["i", Extension.BASE],
  ["m", Extension.M],
  ["a", Extension.A],
  ["c", Extension.C],
  ["zba", Extension.ZBA],
  ["zbb", Extension.ZBB],
  ["zbc", Extension.ZBC],
  ["zbs", Extension.ZBS],
  ["zcb", Extension.ZCB],
  ["sdtrig", Extension.SDTRIG],
  ["svbare", Extension.SVBARE],
];

/**
 * Names that stand for something else than their own bit: B is three extensions, every hart has the next ones, Zca is C
 * without F, and who has Zcb has it, too.
 */
const ALIASES: readonly (readonly [name: string, extensions: Extensions])[] = [
  ["b", Extension.ZBA | Extension.ZBB | Extension.ZBS],
  ["zicsr", 0],
  ["zifencei", 0],
  ["zicntr", 0],
  ["zca", Extension.C],
  ["zcb", Extension.C | Extension.ZCB],
];

/** No hart is without it. */
const ALWAYS = "i";

const EXTENSIONS: ReadonlyMap<string, Extensions> = new Map<string, Extensions>([...NAMES, ...ALIASES]);

/** All that there is. */
export const ALL_EXTENSIONS: Extensions = NAMES.reduce((set, [, extension]) => set | extension, 0);
/** The storage controller's, where nobody says otherwise. */
export const CONTROLLER_EXTENSIONS: Extensions = Extension.BASE | Extension.M | Extension.A | Extension.C;

/** A text that is no instruction set of a hart here; `message` says what is wrong with it, to follow its name. */
export interface IsaError {
  readonly message: string;
}

/** What comes where an extension's name is asked for. */
export const ISA_EXAMPLE = "rv32imac_zba_zbb";

/** Reads `rv32imac_zba_zbb` and the like, in small letters. */
export function parseIsa(text: string): Extensions | IsaError {
  const match = /^rv(\d+)(.*)$/.exec(text);
  const [, width, names = ""] = match ?? [];
  if (width === undefined) return { message: `it must be like ${ISA_EXAMPLE}` };
  if (width !== "32") return { message: `the hart has 32 bits, not ${width}` };
  let extensions = 0;
  for (const name of namesIn(names)) {
    const found = EXTENSIONS.get(name);
    if (found === undefined) return { message: `the hart has no "${name}": it may have ${knownNames()}` };
    extensions |= found;
  }
  if ((extensions & Extension.BASE) === 0)
    return { message: `the hart has always "${ALWAYS}", which it leaves out` };
  return extensions;
}

/** What is wrong with the name of an instruction set; undefined where nothing is. */
export function isaFault(text: string): string | undefined {
  const read = parseIsa(text);
  return typeof read === "number" ? undefined : read.message;
}

/** Letters each by itself, but for names that begin with z, x or s and have more of them. */
function namesIn(text: string): readonly string[] {
  return text.split("_").flatMap((part) => {
    const [, letters = "", long = ""] = /^([a-rt-wy]*)(.*)$/.exec(part) ?? [];
    return long === "" ? [...letters] : [...letters, long];
  });
}

/** A regular expression for what {@link parseIsa} reads. */
export const ISA_PATTERN: string = isaPattern();

function isaPattern(): string {
  const names = [...EXTENSIONS.keys()];
  const letters = `[${names.filter((name) => name.length === 1).join("")}]*`;
  const part = `${letters}(?:${names.filter((name) => name.length > 1).join("|")})?`;
  return `^rv32(?=(?:.*_)?${letters}${ALWAYS})${part}(?:_${part})*$`;
}

function knownNames(): string {
  return [...EXTENSIONS.keys()].join(", ");
}

/**
 * The bits of an instruction's address that are 0 in every hart with these extensions, its lowest aside, which no jump sets:
 * without C a jump to an address that has them is an exception (volume I, "Control Transfer Instructions").
 */
export function alignmentBits(extensions: Extensions): number {
  return (extensions & Extension.C) === 0 ? 2 : 0;
}

/** As {@link parseIsa} reads it. */
export function formatIsa(extensions: Extensions): string {
  const names = NAMES.filter(([, extension]) => (extensions & extension) !== 0).map(([name]) => name);
  const long = names.filter((name) => name.length > 1).map((name) => `_${name}`);
  return `rv32${names.filter((name) => name.length === 1).join("")}${long.join("")}`;
}

/** The names of extensions in a sentence, such as `Zbb`. */
export function extensionNames(extensions: Extensions): readonly string[] {
  return NAMES.filter(([, extension]) => (extensions & extension) !== 0).map(
    ([name]) => name.slice(0, 1).toUpperCase() + name.slice(1),
  );
}

const MXL_32 = 1 << 30;
const misaBit = (letter: string): number => 1 << (letter.charCodeAt(0) - "a".charCodeAt(0));
const MISA: readonly (readonly [letter: string, extensions: Extensions])[] = [
  ...NAMES.filter(([name]) => name.length === 1),
  ...ALIASES.filter(([name]) => name.length === 1),
];

/** What misa tells: extensions of one letter, B where all of it is there. */
export function misaOf(extensions: Extensions): number {
  return MISA.filter(([, all]) => (extensions & all) === all).reduce(
    (misa, [letter]) => misa | misaBit(letter),
    MXL_32,
  );
}
