/**
 * Whether a value that was read is a crash dump: every field is there, of its type and in its range. Dumps are what
 * people mail, so none is believed: what passes can be printed and reckoned with, and takes no more than a dump takes.
 * What it says may still be untrue, and its texts may hold anything. Pure.
 */
import { Hart } from "../../controller/cpu/hart.ts";
import { parseVersion } from "../../emulator/base/version.ts";
import { EVENT_ENTRIES, EVENT_NAMES } from "../../emulator/memory/events.ts";
import { EVIDENCE_NAMES } from "../../emulator/memory/evidence.ts";
import { MAX_REGIONS, MIN_REGIONS } from "../../emulator/memory/map.ts";
import { DIGEST_WORDS, NO_REGION, type Table, tableFault } from "../../emulator/table/table.ts";
import { MAX_FRAME_BYTES } from "./image-frame.ts";
import { KEPT_STACK_BYTES } from "./kept-state.ts";

/** Of the last characters that the UART sent. */
export const DUMP_UART_BYTES = 4096;

/** What is wrong with a value, and where in it: ".failure.pc is no whole number from 0 to 1"; undefined if nothing. */
type Check = (value: unknown) => string | undefined;

const requireThat =
  (isRight: (value: unknown) => boolean, what: string): Check =>
  (value) =>
    isRight(value) ? undefined : ` is no ${what}`;

const whole = (min: number, max: number): Check =>
  requireThat(
    (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
    `whole number from ${min} to ${max}`,
  );
const text = (isRight: (value: string) => boolean, what: string): Check =>
  requireThat((value) => typeof value === "string" && isRight(value), what);
const oneOf = (names: readonly string[]): Check => text((name) => names.includes(name), "name that there is");

const list =
  (min: number, max: number, check: Check): Check =>
  (value) => {
    if (!Array.isArray(value)) return " is no list";
    if (value.length < min || value.length > max) return ` has ${value.length} entries, not ${min} to ${max}`;
    return value
      .map((entry, index) => within(`[${index}]`, check(entry)))
      .find((fault) => fault !== undefined);
  };

const fields =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return " is missing";
    return Object.entries(checks)
      .map(([name, check]) => within(`.${name}`, check((value as Readonly<Record<string, unknown>>)[name])))
      .find((fault) => fault !== undefined);
  };

function within(place: string, fault: string | undefined): string | undefined {
  return fault === undefined ? undefined : `${place}${fault}`;
}

const bytesUpTo = (max: number): Check =>
  requireThat((value) => value instanceof Uint8Array && value.length <= max, `list of at most ${max} bytes`);

const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined ? undefined : check(value);

const byte = whole(0, 0xff);
const word = whole(0, 0xffff_ffff);
const signedWord = whole(-(2 ** 31), 2 ** 31 - 1);
const region = whole(NO_REGION, MAX_REGIONS - 1);
const boolean = requireThat((value) => typeof value === "boolean", "boolean");
const timeNs = requireThat(Number.isFinite, "time");
const anyText = text(() => true, "text");

const record = fields({
  state: oneOf(["invalid", "valid", "accepted"]),
  triesLeft: byte,
  unconfirmedStarts: byte,
  confirmed: boolean,
  failures: word,
  lastFailure: fields({ evidence: byte, code: word, pc: word }),
  version: fields({ major: byte, minor: byte, revision: whole(0, 0xffff), build: word }),
  digest: list(DIGEST_WORDS, DIGEST_WORDS, signedWord),
});

const tableFields = fields({
  generation: word,
  active: region,
  previous: region,
  next: region,
  rebuilt: boolean,
  regions: list(MIN_REGIONS, MAX_REGIONS, record),
});

const table: Check = (value) => {
  const fault = tableFields(value);
  if (fault !== undefined) return fault;
  const impossible = tableFault(value as Table);
  return impossible === undefined ? undefined : ` is impossible: ${impossible}`;
};

const dump = fields({
  time: text((time) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(time), "time in ISO 8601"),
  bootEpoch: whole(0, Number.MAX_SAFE_INTEGER),
  failure: fields({
    evidence: oneOf(EVIDENCE_NAMES),
    evidenceCode: byte,
    code: word,
    pc: word,
    tval: word,
    faultNs: timeNs,
    detectedNs: timeNs,
    message: anyText,
  }),
  fromRegion: region,
  toRegion: region,
  version: text((version) => version === "" || parseVersion(version) !== undefined, "version"),
  hart: list(Hart.DUMPED_WORDS, Hart.DUMPED_WORDS, signedWord),
  stack: fields({
    address: word,
    bytes: bytesUpTo(KEPT_STACK_BYTES),
  }),
  uart: text(({ length }) => length <= DUMP_UART_BYTES, `text of at most ${DUMP_UART_BYTES} characters`),
  tableBefore: table,
  tableAfter: table,
  timeline: list(
    0,
    EVENT_ENTRIES,
    fields({ index: word, name: oneOf(EVENT_NAMES), region, bootEpoch: signedWord, timeNs }),
  ),
  image: optional(fields({ header: bytesUpTo(MAX_FRAME_BYTES), protectedTlvs: bytesUpTo(MAX_FRAME_BYTES) })),
});

/** What keeps a value from being a crash dump, as the end of a sentence that begins with "its"; undefined if nothing. */
export function dumpFault(value: unknown): string | undefined {
  return dump(value)?.replace(/^\./, "");
}
