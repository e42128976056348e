/**
 * Findings that are known already (`--expect FILE`): a run that finds these, all of them and no others, is as it should be.
 *
 * Invariants: a finding that is not in the file fails, and so does one in it that was looked for and did not come: it was
 * mended, or is hidden by something else. Of what was not looked for nothing is said.
 */
import { JsonTextError, type JsonValue, parseJsonText } from "../supervisor/device-file/json-text.ts";
import { readText } from "./input.ts";
import { UsageError } from "./options.ts";

/** What a finding is known by in another run. */
export interface Known {
  /** Of a sweep the case's id, of a soak the kind of fault. */
  readonly id: string;
  /** Of a sweep the verdict, of a soak the rule that did not hold. */
  readonly cause: string;
}

export interface Comparison<F> {
  /** Found and expected. */
  readonly known: readonly F[];
  /** Found, and not expected. */
  readonly unexpected: readonly F[];
  /** Expected, looked for and not found. */
  readonly vanished: readonly Known[];
}

const FORMAT = 1;
/** The last is for people. */
const MEMBERS: ReadonlySet<string> = new Set(["id", "cause", "note"]);

/** Throws {@link UsageError}. */
export function readExpectations(file: string): readonly Known[] {
  const what = `the expected findings (--expect ${file})`;
  const value = parse(what, readText("the file of --expect", file));
  const { format, expected } = fieldsOf(value);
  if (format !== FORMAT) {
    throw new UsageError(
      `${what} must have "format": ${FORMAT}, and have ${JSON.stringify(format) ?? "none"}`,
    );
  }
  if (!Array.isArray(expected)) throw new UsageError(`${what} must have a list "expected"`);
  const known = expected.map((entry, at) => knownOf(`expected[${at}] of ${what}`, entry));
  for (const [at, { id, cause }] of known.entries()) {
    const first = known.findIndex((other) => other.id === id && other.cause === cause);
    if (first < at) throw new UsageError(`expected[${at}] of ${what} is the same as expected[${first}]`);
  }
  return known;
}

function parse(what: string, text: string): JsonValue {
  try {
    return parseJsonText(text);
  } catch (error) {
    if (error instanceof JsonTextError) throw new UsageError(`${what} are no JSON: ${error.message}`);
    throw error;
  }
}

function fieldsOf(value: JsonValue): Readonly<Record<string, JsonValue>> {
  return value instanceof Map ? Object.fromEntries(value) : {};
}

function knownOf(what: string, entry: JsonValue): Known {
  const fields = fieldsOf(entry);
  const { id, cause } = fields;
  if (typeof id !== "string" || typeof cause !== "string") {
    throw new UsageError(`${what} must be an object with the texts "id" and "cause"`);
  }
  const stranger = Object.keys(fields).find((name) => !MEMBERS.has(name));
  if (stranger !== undefined) {
    throw new UsageError(`${what} has "${stranger}": it may have ${[...MEMBERS].join(", ")}`);
  }
  return { id, cause };
}

/**
 * @param knownBy what a finding is known by
 * @param lookedFor whether this run would have come upon it
 */
export function compareFindings<F>(
  expected: readonly Known[],
  found: readonly F[],
  knownBy: (finding: F) => Known,
  lookedFor: (known: Known) => boolean,
): Comparison<F> {
  const isSame = (a: Known, b: Known): boolean => a.id === b.id && a.cause === b.cause;
  const isExpected = (finding: F): boolean => expected.some((known) => isSame(known, knownBy(finding)));
  return {
    known: found.filter(isExpected),
    unexpected: found.filter((finding) => !isExpected(finding)),
    vanished: expected.filter(
      (known) => lookedFor(known) && !found.some((finding) => isSame(known, knownBy(finding))),
    ),
  };
}

/** One line for each that vanished. */
export function describeVanished({ id, cause }: Known): string {
  return `${id}: "${cause}" was expected and did not come: it was mended, or something else hides it`;
}
