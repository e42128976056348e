/**
 * Physical memory protection: 16 entries of grain 0, with Smepmp. Its registers are words of the hart's state.
 *
 * Source: The RISC-V Instruction Set Manual, volume II, "Physical Memory Protection" and "Smepmp Extension". An access
 * that is aligned never straddles entries, as these begin and end at words. One that is not is made, and checked, byte by
 * byte; an instruction half-word by half-word.
 */
import { Access, ALL_ZONES, NO_ZONES, type Zones, zonesFrom } from "./access-zones.ts";
import { Hart, Mode } from "./hart.ts";

export const PMP_ENTRIES = 16;
const ENTRIES_PER_WORD = 4;

/** Fields of an entry's configuration; R, W and X are the bits of {@link Access}. */
export const enum PmpConfig {
  R = 1 << 0,
  W = 1 << 1,
  X = 1 << 2,
  TOR = 1 << 3,
  NA4 = 2 << 3,
  NAPOT = 3 << 3,
  A = 3 << 3,
  L = 1 << 7,
}

/** mseccfg of Smepmp: machine mode lockdown, machine mode whitelist policy, rule locking bypass. */
export const enum Mseccfg {
  MML = 1 << 0,
  MMWP = 1 << 1,
  RLB = 1 << 2,
}

const RIGHTS = Access.ALL;
const FIELDS = PmpConfig.L | PmpConfig.A | RIGHTS;

const NONE = 0;
const LOAD = Access.LOAD;
const STORE = Access.STORE;
const FETCH = Access.FETCH;

/** Rights of machine mode and of user mode while MML is set, by L, X, W, R (Smepmp, the truth table). */
const MML_RIGHTS: readonly (readonly [machine: number, user: number])[] = [
  [NONE, NONE],
  [NONE, LOAD],
  [LOAD | STORE, LOAD],
  [NONE, LOAD | STORE],
  [NONE, FETCH],
  [NONE, LOAD | FETCH],
  [LOAD | STORE, LOAD | STORE],
  [NONE, LOAD | STORE | FETCH],
  [NONE, NONE],
  [LOAD, NONE],
  [FETCH, FETCH],
  [LOAD | STORE, NONE],
  [FETCH, NONE],
  [LOAD | FETCH, NONE],
  [LOAD | FETCH, FETCH],
  [LOAD, LOAD],
];

/** A rule that machine mode could execute from: none may be added while MML is set (Smepmp, 4b). */
function isExecutableByMachine(config: number): boolean {
  if ((config & PmpConfig.L) === 0) return false;
  const [machine, user] = MML_RIGHTS[8 | (config & RIGHTS)] ?? [NONE, NONE];
  return ((machine | user) & FETCH) !== 0;
}

export function configOf(hart: Int32Array, entry: number): number {
  const word = hart[Hart.PMPCFG + Math.floor(entry / ENTRIES_PER_WORD)] as number;
  return (word >>> (8 * (entry % ENTRIES_PER_WORD))) & 0xff;
}

function isSet(hart: Int32Array, bit: Mseccfg): boolean {
  return ((hart[Hart.MSECCFG] as number) & bit) !== 0;
}

function isLocked(hart: Int32Array, entry: number): boolean {
  return !isSet(hart, Mseccfg.RLB) && (configOf(hart, entry) & PmpConfig.L) !== 0;
}

/** Writes a pmpcfg register: each of its four entries is written or, where that is not allowed, stays as it is. */
export function writePmpConfig(hart: Int32Array, register: number, value: number): void {
  for (let at = 0; at < ENTRIES_PER_WORD; at++) {
    const entry = register * ENTRIES_PER_WORD + at;
    const shift = 8 * at;
    const config = legalConfig(hart, (value >>> shift) & FIELDS);
    if (isLocked(hart, entry) || config === undefined) continue;
    const word = hart[Hart.PMPCFG + register] as number;
    hart[Hart.PMPCFG + register] = (word & ~(0xff << shift)) | (config << shift);
  }
}

/** What an entry may be given; undefined: nothing. */
function legalConfig(hart: Int32Array, config: number): number | undefined {
  if (isSet(hart, Mseccfg.MML)) {
    return isSet(hart, Mseccfg.RLB) || !isExecutableByMachine(config) ? config : undefined;
  }
  // W without R is reserved while MML is clear.
  return (config & PmpConfig.R) === 0 ? config & ~PmpConfig.W : config;
}

/** Writes a pmpaddr register, unless it or the range of the entry behind it is locked. */
export function writePmpAddress(hart: Int32Array, entry: number, value: number): void {
  if (isLocked(hart, entry)) return;
  const next = entry + 1;
  const isBase = next < PMP_ENTRIES && (configOf(hart, next) & PmpConfig.A) === PmpConfig.TOR;
  if (isBase && isLocked(hart, next)) return;
  hart[Hart.PMPADDR + entry] = value;
}

/** Writes mseccfg: MML and MMWP stay once they are set; RLB cannot be set any more once a rule is locked without it. */
export function writeMseccfg(hart: Int32Array, value: number): void {
  const old = hart[Hart.MSECCFG] as number;
  let wanted = (value | (old & (Mseccfg.MML | Mseccfg.MMWP))) & (Mseccfg.MML | Mseccfg.MMWP | Mseccfg.RLB);
  for (let entry = 0; entry < PMP_ENTRIES; entry++) if (isLocked(hart, entry)) wanted &= ~Mseccfg.RLB;
  hart[Hart.MSECCFG] = wanted;
}

/** Addresses that an entry matches: from `first` up to before `behind`, none where these are the same. */
function matchOf(hart: Int32Array, entry: number): readonly [first: number, behind: number] {
  const address = (hart[Hart.PMPADDR + entry] as number) >>> 0;
  switch (configOf(hart, entry) & PmpConfig.A) {
    case PmpConfig.TOR: {
      const base = entry === 0 ? 0 : (hart[Hart.PMPADDR + entry - 1] as number) >>> 0;
      return [base * 4, Math.max(base, address) * 4];
    }
    case PmpConfig.NA4:
      return [address * 4, address * 4 + 4];
    case PmpConfig.NAPOT: {
      const words = 2 * 2 ** trailingOnes(address);
      const first = Math.floor(address / words) * words * 4;
      return [first, first + words * 4];
    }
    default:
      return [0, 0];
  }
}

function trailingOnes(value: number): number {
  return value === 0xffff_ffff ? 32 : 31 - Math.clz32(~value & (value + 1));
}

/** What a mode may do where an entry with this configuration matches. */
function rightsOf(config: number, mode: Mode, mml: boolean): number {
  if (!mml) return mode === Mode.MACHINE && (config & PmpConfig.L) === 0 ? RIGHTS : config & RIGHTS;
  const index = ((config & PmpConfig.L) === 0 ? 0 : 8) | (config & RIGHTS);
  const [machine, user] = MML_RIGHTS[index] ?? [NONE, NONE];
  return mode === Mode.MACHINE ? machine : user;
}

/** What a mode may do where no entry matches. */
function defaultRights(hart: Int32Array, mode: Mode): number {
  if (mode === Mode.USER || isSet(hart, Mseccfg.MMWP)) return NONE;
  return isSet(hart, Mseccfg.MML) ? LOAD | STORE : RIGHTS;
}

/** No entry matches anything: so it is behind a reset, which a failover waits for. */
function areAllOff(hart: Int32Array): boolean {
  let bits = 0;
  for (let register = 0; register < PMP_ENTRIES / ENTRIES_PER_WORD; register++)
    bits |= hart[Hart.PMPCFG + register] as number;
  return bits === 0;
}

/** The accesses that `mode` may not make. */
export function forbiddenZones(hart: Int32Array, mode: Mode): Zones {
  const rest = RIGHTS & ~defaultRights(hart, mode);
  if (rest === 0 && areAllOff(hart)) return NO_ZONES;
  const mml = isSet(hart, Mseccfg.MML);
  const entries = Array.from({ length: PMP_ENTRIES }, (_, entry) => entry)
    .map((entry) => ({
      match: matchOf(hart, entry),
      forbidden: RIGHTS & ~rightsOf(configOf(hart, entry), mode, mml),
    }))
    .filter(({ match: [first, behind] }) => first < behind);
  if (entries.every(({ forbidden }) => forbidden === rest)) {
    if (rest === 0) return NO_ZONES;
    if (rest === RIGHTS) return ALL_ZONES;
  }
  return zonesFrom(
    entries.flatMap(({ match }) => match),
    (address) =>
      entries.find(({ match: [first, behind] }) => address >= first && address < behind)?.forbidden ?? rest,
  );
}
