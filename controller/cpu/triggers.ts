/**
 * The trigger module of a hart: four address triggers, their CSRs, and what they match. Pure: state is words of the hart.
 *
 * Source: The RISC-V Debug Specification 1.0, chapter "Sdtrig". Each trigger is an `mcontrol` (type 2) or an `mcontrol6`
 * (type 6), or disabled. It compares addresses, fires before the instruction, and raises a breakpoint exception: fields
 * that would ask for something else read 0. They are the guest's own (dmode is 0), and a debugger's breakpoints are none of
 * them.
 *
 * A trigger is *armed* where some mode and some access is enabled, whether it would fire now or not: tcontrol.mte changes at
 * every trap, and what keeps execution away from the fast paths stays as it is meanwhile.
 */

import type { AccessWatcher } from "./access-guard.ts";
import { Access, NO_ZONES, type Zones, zonesFrom } from "./access-zones.ts";
import { type AddressRange, isWithin } from "./address-range.ts";
import { Hart, Mode } from "./hart.ts";

/** How many there are, a power of two: tselect has as many bits as it takes. */
export const TRIGGERS = 4;

/** Where triggers are armed, by what they look at. */
export interface ArmedRanges {
  readonly load: readonly AddressRange[];
  readonly store: readonly AddressRange[];
  readonly execute: readonly AddressRange[];
}

const enum Csr {
  TSELECT = 0x7a0,
  TDATA1,
  TDATA2,
  TDATA3,
  TINFO,
  TCONTROL,
}

const enum Type {
  MCONTROL = 2,
  MCONTROL6 = 6,
  DISABLED = 15,
}

/** Values of the field match, which is bits 10:7 of tdata1. */
const enum Match {
  EQUAL = 0,
  NAPOT = 1,
  /** At or above tdata2, and below it. */
  GE = 2,
  LT = 3,
}

const TYPE_SHIFT = 28;
/** What a trigger reads as that is disabled; its word of the hart is 0. */
const DISABLED = Type.DISABLED << TYPE_SHIFT;
/** What a trigger looks at: in both types tdata1 has the bits of {@link Access}. */
const ACCESS_BITS = Access.ALL;
/** The modes in which a trigger is enabled. */
const M_BIT = 1 << 6;
const U_BIT = 1 << 3;
const MATCH_SHIFT = 7;
const SIZE_SHIFT = 16;
/** Of mcontrol the whole field, of mcontrol6 the sizes that this hart has: any, 8, 16 and 32 bits. */
const SIZE_MASK = 3;
const MCONTROL_HIT = 1 << 20;
/** mcontrol6 has three bits of size, two of which are enough, and tells "fired before" in the lower bit of hit. */
const MCONTROL6_SIZE_MASK = 7;
const MCONTROL6_HIT0 = 1 << 22;
/** The largest NAPOT range is half of all addresses (maskmax6 = 31): bit 30 of tdata2 or one below it is 0. */
const NAPOT_LOW_BITS = 0x7fff_ffff;
const NAPOT_TOP_BIT = 1 << 30;
/** Version 1 of Sdtrig; the types that a trigger can have. */
const TINFO = (1 << 24) | (1 << Type.MCONTROL) | (1 << Type.MCONTROL6) | (1 << Type.DISABLED);
const MTE = 1 << 3;
const MPTE = 1 << 7;
const ALL_ADDRESSES = 0xffff_ffff;
const NOWHERE: AddressRange = { first: 1, last: 0 };

export function isTriggerCsr(csr: number): boolean {
  return csr >= Csr.TSELECT && csr <= Csr.TCONTROL;
}

/** "When any trap into M-mode is taken": mpte is set to mte, mte to 0. */
export function disableTriggers(hart: Int32Array): void {
  hart[Hart.TCONTROL] = ((hart[Hart.TCONTROL] as number) & MTE) === 0 ? 0 : MPTE;
}

/** "When mret is executed": mte is set to mpte. */
export function restoreTriggers(hart: Int32Array): void {
  const mpte = (hart[Hart.TCONTROL] as number) & MPTE;
  hart[Hart.TCONTROL] = mpte === 0 ? 0 : MPTE | MTE;
}

/**
 * The legal value of tdata1 for one that is written; 0: disabled.
 * @param modes the bits of those that the hart has
 */
function legalControl(value: number, tdata2: number, modes: number): number {
  const common = value & (ACCESS_BITS | modes);
  const match = legalMatch(value >>> TYPE_SHIFT, (value >>> MATCH_SHIFT) & 15, tdata2);
  const control = (value & (15 << TYPE_SHIFT)) | common | (match << MATCH_SHIFT);
  switch (value >>> TYPE_SHIFT) {
    case Type.MCONTROL:
      return control | (value & (MCONTROL_HIT | (SIZE_MASK << SIZE_SHIFT)));
    case Type.MCONTROL6: {
      const size = (value >>> SIZE_SHIFT) & MCONTROL6_SIZE_MASK;
      return control | (value & MCONTROL6_HIT0) | (size > SIZE_MASK ? 0 : size << SIZE_SHIFT);
    }
    default:
      return 0;
  }
}

/** mcontrol has no NAPOT: its maskmax, which would say how large, is 0. */
function legalMatch(type: Type, match: Match, tdata2: number): Match {
  if (match === Match.GE || match === Match.LT) return match;
  const isNapot = match === Match.NAPOT && type === Type.MCONTROL6;
  return isNapot && (tdata2 & NAPOT_LOW_BITS) !== NAPOT_LOW_BITS ? Match.NAPOT : Match.EQUAL;
}

function matchOf(tdata1: number): Match {
  return (tdata1 >>> MATCH_SHIFT) & 15;
}

/** What a trigger matches with this tdata1 and tdata2. */
function rangeOf(tdata1: number, tdata2: number): AddressRange {
  const address = tdata2 >>> 0;
  switch (matchOf(tdata1)) {
    case Match.NAPOT: {
      const low = (tdata2 ^ (tdata2 + 1)) >>> 0;
      return { first: (address & ~low) >>> 0, last: (address | low) >>> 0 };
    }
    case Match.GE:
      return { first: address, last: ALL_ADDRESSES };
    case Match.LT:
      return address === 0 ? NOWHERE : { first: 0, last: address - 1 };
    default:
      return { first: address, last: address };
  }
}

function isSame(a: readonly AddressRange[], b: readonly AddressRange[]): boolean {
  return (
    a.length === b.length && a.every(({ first, last }, i) => first === b[i]?.first && last === b[i]?.last)
  );
}

export class Triggers implements AccessWatcher {
  readonly forbids = false;
  /** Loads or stores are looked at somewhere. */
  watchesData = false;
  /** Of the last one that fired: the first address of the access that it matched. */
  address = 0;
  readonly #hart: Int32Array;
  readonly #modes: number;
  readonly #changed: (was: ArmedRanges, now: ArmedRanges) => void;
  readonly #ranges: AddressRange[] = new Array<AddressRange>(TRIGGERS).fill(NOWHERE);
  #armed: ArmedRanges = { execute: [], load: [], store: [] };

  /**
   * @param hasUser the hart has user mode
   * @param changed called when triggers are armed elsewhere than before
   */
  constructor(hart: Int32Array, hasUser: boolean, changed: (was: ArmedRanges, now: ArmedRanges) => void) {
    this.#hart = hart;
    this.#modes = M_BIT | (hasUser ? U_BIT : 0);
    this.#changed = changed;
  }

  /** Where they are armed. */
  get armed(): ArmedRanges {
    return this.#armed;
  }

  /**
   * Loads and stores; what executes is told by {@link ArmedRanges}. The same for both modes: which one counts is that
   * which executes, and with mstatus.MPRV loads and stores are made as in the other.
   */
  zones(): Zones {
    const { load, store } = this.#armed;
    if (!this.watchesData) return NO_ZONES;
    return zonesFrom(
      [...load, ...store].flatMap(({ first, last }) => [first, last + 1]),
      (address) =>
        (isWithin(load, address) ? Access.LOAD : 0) | (isWithin(store, address) ? Access.STORE : 0),
    );
  }

  read(csr: number): number {
    const hart = this.#hart;
    switch (csr) {
      case Csr.TSELECT:
        return hart[Hart.TSELECT] as number;
      case Csr.TDATA1:
        return this.#selected(Hart.TDATA1) || DISABLED;
      case Csr.TDATA2:
        return this.#selected(Hart.TDATA2);
      case Csr.TINFO:
        return TINFO;
      case Csr.TCONTROL:
        return hart[Hart.TCONTROL] as number;
      default: // tdata3 is textra32, of whose fields there is none: no S, no contexts.
        return 0;
    }
  }

  write(csr: number, value: number): void {
    const hart = this.#hart;
    const index = hart[Hart.TSELECT] as number;
    switch (csr) {
      case Csr.TSELECT:
        hart[Hart.TSELECT] = value & (TRIGGERS - 1);
        break;
      case Csr.TDATA1:
        hart[Hart.TDATA1 + index] = legalControl(value, this.#selected(Hart.TDATA2), this.#modes);
        this.refresh();
        break;
      case Csr.TDATA2: {
        const isNapot = matchOf(this.#selected(Hart.TDATA1)) === Match.NAPOT;
        const isTooLarge = isNapot && (value & NAPOT_LOW_BITS) === NAPOT_LOW_BITS;
        hart[Hart.TDATA2 + index] = isTooLarge ? value & ~NAPOT_TOP_BIT : value;
        this.refresh();
        break;
      }
      case Csr.TCONTROL:
        hart[Hart.TCONTROL] = value & (MTE | MPTE);
        break;
      default:
    }
  }

  /** The words of the hart say something else than before. */
  refresh(): void {
    const hart = this.#hart;
    for (let index = 0; index < TRIGGERS; index++) {
      const tdata1 = hart[Hart.TDATA1 + index] as number;
      const isEnabled = (tdata1 & this.#modes) !== 0;
      this.#ranges[index] = isEnabled ? rangeOf(tdata1, hart[Hart.TDATA2 + index] as number) : NOWHERE;
    }
    const was = this.#armed;
    const now = {
      execute: this.#rangesFor(Access.FETCH),
      load: this.#rangesFor(Access.LOAD),
      store: this.#rangesFor(Access.STORE),
    };
    this.watchesData = now.load.length + now.store.length > 0;
    const same =
      isSame(was.execute, now.execute) && isSame(was.load, now.load) && isSame(was.store, now.store);
    if (same) return;
    this.#armed = now;
    this.#changed(was, now);
  }

  /**
   * Whether any trigger fires on an access now, which is to be done before anything of the access is: it becomes a
   * breakpoint exception. Those that fire set their hit bits; {@link address} is the first one's.
   * @param accesses bits of {@link Access}: an AMO has two of them
   * @param bytes of the access, or of the instruction; 0 where there is none that could be fetched
   */
  fires(accesses: number, address: number, bytes: number): boolean {
    const hart = this.#hart;
    const enabled = this.#enabledNow();
    let fired = false;
    for (let index = 0; index < TRIGGERS; index++) {
      const tdata1 = hart[Hart.TDATA1 + index] as number;
      const mayFire = (tdata1 & enabled) !== 0 && (tdata1 & accesses) !== 0;
      if (!mayFire || !hasSize(tdata1, bytes)) continue;
      // Of an instruction its address is compared, of a load or store that of each byte.
      const compared = accesses === Access.FETCH ? 1 : bytes;
      const matched = firstWithin(this.#ranges[index] as AddressRange, address, compared);
      if (matched < 0) continue;
      if (!fired) this.address = matched | 0;
      fired = true;
      const isMcontrol = tdata1 >>> TYPE_SHIFT === Type.MCONTROL;
      hart[Hart.TDATA1 + index] = tdata1 | (isMcontrol ? MCONTROL_HIT : MCONTROL6_HIT0);
    }
    return fired;
  }

  /** The bit of the mode that executes; none in machine mode without mte. */
  #enabledNow(): number {
    if (this.#hart[Hart.MODE] === Mode.USER) return U_BIT;
    return ((this.#hart[Hart.TCONTROL] as number) & MTE) === 0 ? 0 : M_BIT;
  }

  #selected(words: Hart.TDATA1 | Hart.TDATA2): number {
    return this.#hart[words + (this.#hart[Hart.TSELECT] as number)] as number;
  }

  #rangesFor(access: Access): AddressRange[] {
    return this.#ranges.filter(
      ({ first, last }, index) =>
        first <= last && ((this.#hart[Hart.TDATA1 + index] as number) & access) !== 0,
    );
  }
}

/** Sizes 1, 2 and 3 are 8, 16 and 32 bits. */
function hasSize(tdata1: number, bytes: number): boolean {
  const size = (tdata1 >>> SIZE_SHIFT) & SIZE_MASK;
  return size === 0 || bytes === 1 << (size - 1);
}

/** The first of so many bytes from `address` on that is in the range; -1 if none is. */
function firstWithin({ first, last }: AddressRange, address: number, bytes: number): number {
  for (let at = 0; at < bytes; at++) {
    const each = (address + at) >>> 0;
    if (each >= first && each <= last) return each;
  }
  return -1;
}
