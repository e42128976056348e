/**
 * What a firmware can do beside becoming ready: what the register CAPABILITIES, a device file, or neither says of it.
 *
 * Invariants: {@link Capabilities} is closed under what one implies, so that whoever asks for one needs to look at no
 * other; firmware that says nothing is taken to have everything of the reference firmware's.
 */

/**
 * Fetches and completes host commands; the reference's command set; its inject command; a record that outlasts a cut; updates
 * regions by itself, at the host's Firmware Image Download and Firmware Commit.
 */
export const CAPABILITIES = ["queue", "commands", "inject", "record", "update"] as const;
export type Capability = (typeof CAPABILITIES)[number];

/** Bits of the register, docs/hardware.md. */
export const enum CapabilityBit {
  /** The other bits count. */
  DECLARED = 1 << 0,
  QUEUE = 1 << 1,
  COMMANDS = 1 << 2,
  INJECT = 1 << 3,
  RECORD = 1 << 4,
  UPDATE = 1 << 5,
}

const BITS: Readonly<Record<Capability, CapabilityBit>> = {
  queue: CapabilityBit.QUEUE,
  commands: CapabilityBit.COMMANDS,
  inject: CapabilityBit.INJECT,
  record: CapabilityBit.RECORD,
  update: CapabilityBit.UPDATE,
};

const IMPLIED: Readonly<Record<Capability, readonly Capability[]>> = {
  queue: [],
  commands: ["queue"],
  inject: ["queue"],
  record: ["commands", "queue"],
  update: ["queue"],
};
/** What the reference firmware can do, which says nothing. */
const REFERENCE: readonly Capability[] = ["queue", "commands", "inject", "record"];

const KNOWN_BITS = Object.values(BITS).reduce((mask, bit) => mask | bit, CapabilityBit.DECLARED);

export interface Capabilities {
  /** What it can do, in the order of {@link CAPABILITIES}. */
  readonly can: ReadonlySet<Capability>;
  /** Who says so: the register, the configuration (a device file), or nobody. */
  readonly saidBy: "register" | "configuration" | "nobody";
  /** What is wrong with the register's value, as one sentence; undefined where nothing is. */
  readonly remark: string | undefined;
}

/**
 * @param word what firmware has stored into CAPABILITIES, 0 for nothing
 * @param configured what the configuration says; undefined where it says nothing
 */
export function capabilitiesOf(word: number, configured: readonly Capability[] | undefined): Capabilities {
  const remark = remarkOn(word >>> 0);
  if ((word & CapabilityBit.DECLARED) !== 0) {
    const said = CAPABILITIES.filter((capability) => (word & BITS[capability]) !== 0);
    return { can: closed(said), saidBy: "register", remark };
  }
  if (configured !== undefined) return { can: closed(configured), saidBy: "configuration", remark };
  return { can: new Set(REFERENCE), saidBy: "nobody", remark };
}

function closed(said: readonly Capability[]): ReadonlySet<Capability> {
  const all = new Set(said.flatMap((capability) => [capability, ...IMPLIED[capability]]));
  return new Set(CAPABILITIES.filter((capability) => all.has(capability)));
}

function remarkOn(word: number): string | undefined {
  if (word === 0) return undefined;
  const shown = `CAPABILITIES is 0x${word.toString(16)}`;
  if ((word & CapabilityBit.DECLARED) === 0)
    return `${shown}, without bit 0 (DECLARED): none of its bits counts`;
  const reserved = (word & ~KNOWN_BITS) >>> 0;
  return reserved === 0 ? undefined : `${shown}: its bits 0x${reserved.toString(16)} mean nothing`;
}
