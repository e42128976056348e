/**
 * What the value of a member may be. Each shape is both at once: what the schema says of it, and what reads it, so that
 * the two cannot come to differ by one being forgotten.
 *
 * Invariant: a shape reads exactly what its schema accepts (test/supervisor/device-file asks a validator of JSON Schema).
 */
import type { WholeRange } from "../../emulator/memory/layout.ts";
import type { JsonValue } from "./json-text.ts";

/** In JSON Schema, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Is told each mistake: where it is, such as `memory.ramBytes`, and what is wrong. */
export type TellMistake = (path: string, mistake: string) => void;

export interface Shape<T> {
  readonly schema: JsonSchema;
  /** Undefined where it is none: that has been told. */
  read(value: JsonValue, path: string, tell: TellMistake): T | undefined;
}

export type ValueOf<S> = S extends Shape<infer T> ? T : never;

/** A whole number. */
export function whole({ min, max, multiple }: WholeRange): Shape<number> {
  return {
    schema: {
      type: "integer",
      minimum: min,
      maximum: max,
      ...(multiple === 1 ? {} : { multipleOf: multiple }),
    },
    read(value, path, tell) {
      const wrong = wrongWith(value, { min, max, multiple });
      if (wrong !== undefined) tell(path, `${shown(value)} is ${wrong}`);
      return wrong === undefined ? (value as number) : undefined;
    },
  };
}

function wrongWith(value: JsonValue, { min, max, multiple }: WholeRange): string | undefined {
  if (typeof value !== "number" || !Number.isInteger(value)) return "no whole number";
  if (value % multiple !== 0) return `no multiple of ${multiple}`;
  if (value < min) return `less than ${min}`;
  return value > max ? `more than ${max}` : undefined;
}

const ADDRESS_PATTERN = "^0[xX][0-9a-fA-F]{1,4}(_?[0-9a-fA-F]{4})?$";

/** A whole number from 0 to 2^32 - 1, also as a text such as "0x2000_0000". */
export const address: Shape<number> = addressShape();

function addressShape(): Shape<number> {
  const number = whole({ min: 0, max: 2 ** 32 - 1, multiple: 1 });
  const pattern = new RegExp(ADDRESS_PATTERN);
  return {
    schema: { anyOf: [number.schema, { type: "string", pattern: ADDRESS_PATTERN }] },
    read(value, path, tell) {
      if (typeof value !== "string") return number.read(value, path, tell);
      if (pattern.test(value)) return Number.parseInt(value.slice(2).replace("_", ""), 16);
      tell(path, `${shown(value)} is no number such as "0x2000_0000"`);
      return undefined;
    },
  };
}

/** What another shape says, or null. @param meaning what null stands for */
export function orNull<T>(shape: Shape<T>, meaning: string): Shape<T | null> {
  return {
    schema: { anyOf: [shape.schema, { type: "null", description: meaning }] },
    read: (value, path, tell) => (value === null ? null : shape.read(value, path, tell)),
  };
}

/** One of these. */
export function choice<const T extends string | number>(choices: readonly T[]): Shape<T> {
  return {
    schema: { enum: choices },
    read(value, path, tell) {
      const found = choices.find((each) => each === value);
      if (found === undefined) tell(path, `${shown(value)} is ${noneOf(choices)}`);
      return found;
    },
  };
}

function noneOf(choices: readonly (string | number)[]): string {
  const [only] = choices;
  return choices.length === 1 ? `not ${shown(only ?? null)}` : `none of ${choices.map(shown).join(", ")}`;
}

export const flag: Shape<boolean> = {
  schema: { type: "boolean" },
  read(value, path, tell) {
    if (typeof value === "boolean") return value;
    tell(path, `${shown(value)} is neither true nor false`);
    return undefined;
  },
};

/** A text that is not empty. @param what it is, such as "the path of a file" */
export function text(what: string): Shape<string> {
  return {
    schema: { type: "string", minLength: 1 },
    read(value, path, tell) {
      if (typeof value === "string" && value !== "") return value;
      tell(path, `${shown(value)} is not ${what}`);
      return undefined;
    },
  };
}

/**
 * A text of a form.
 * @param pattern regular expression for the texts that `judge` has nothing against
 * @param judge says what is wrong with a text; undefined where nothing is
 */
export function named(pattern: string, judge: (text: string) => string | undefined): Shape<string> {
  return {
    schema: { type: "string", pattern },
    read(value, path, tell) {
      if (typeof value !== "string") {
        tell(path, `${shown(value)} is no text`);
        return undefined;
      }
      const wrong = judge(value);
      if (wrong === undefined) return value;
      tell(path, `${shown(value)}: ${wrong}`);
      return undefined;
    },
  };
}

/** An object of any members, for somebody else to judge. @param what it is, such as "an object of options" */
export function anyObject(what: string): Shape<object> {
  return {
    schema: { type: "object" },
    read(value, path, tell) {
      if (value instanceof Map) return plainOf(value) as object;
      tell(path, `${shown(value)} is not ${what}`);
      return undefined;
    },
  };
}

/** As JSON.parse would give it. */
function plainOf(value: JsonValue): unknown {
  if (isList(value)) return value.map(plainOf);
  if (!(value instanceof Map)) return value;
  const members = value as ReadonlyMap<string, JsonValue>;
  return Object.fromEntries([...members].map(([name, member]) => [name, plainOf(member)]));
}

/** Some of one shape, each once where `distinct`. */
export function list<T>(shape: Shape<T>, max: number, distinct = false): Shape<readonly T[]> {
  return {
    schema: {
      type: "array",
      items: shape.schema,
      maxItems: max,
      ...(distinct ? { uniqueItems: true } : {}),
    },
    read(value, path, tell) {
      if (!isList(value)) {
        tell(path, `${shown(value)} is no list`);
        return undefined;
      }
      if (value.length > max) tell(path, `it has ${value.length} members, more than ${max}`);
      const twice = value.findIndex((each, index) => value.indexOf(each) !== index);
      if (distinct && twice >= 0)
        tell(`${path}[${twice}]`, `${shown(value[twice] ?? null)} stands there twice`);
      return value.flatMap((each, index) => shape.read(each, `${path}[${index}]`, tell) ?? []);
    },
  };
}

/** A member of an object. */
export interface Member<T> {
  readonly shape: Shape<T>;
  /** A sentence or two, for whoever writes the file. */
  readonly about: string;
  /** What it is where it is not said. */
  readonly standard?: unknown;
  readonly required?: true;
}

type Members = Readonly<Record<string, Member<unknown>>>;
/** What was said, and nothing else. */
type Said<M extends Members> = { readonly [K in keyof M]?: ValueOf<M[K]["shape"]> };

/** An object with these members and no others. */
export function object<const M extends Members>(members: M): Shape<Said<M>> {
  const required = Object.keys(members).filter((name) => members[name]?.required === true);
  return {
    schema: {
      type: "object",
      properties: Object.fromEntries(
        Object.entries(members).map(([name, member]) => [name, schemaOf(member)]),
      ),
      ...(required.length === 0 ? {} : { required }),
      additionalProperties: false,
    },
    read(value, path, tell) {
      if (!(value instanceof Map)) {
        tell(path, `${shown(value)} is no object`);
        return undefined;
      }
      const said: Record<string, unknown> = {};
      for (const [name, inner] of value as ReadonlyMap<string, JsonValue>) {
        const at = path === "" ? name : `${path}.${name}`;
        const member = Object.hasOwn(members, name) ? members[name] : undefined;
        if (member === undefined) tell(at, `there is no such member: it must be one of ${namesOf(members)}`);
        else said[name] = member.shape.read(inner, at, tell);
      }
      for (const name of required) {
        if (!value.has(name)) tell(path === "" ? name : `${path}.${name}`, "it is missing");
      }
      return said as Said<M>;
    },
  };
}

function namesOf(members: Members): string {
  return Object.keys(members).join(", ");
}

function schemaOf({ shape, about, standard }: Member<unknown>): JsonSchema {
  return { description: about, ...shape.schema, ...(standard === undefined ? {} : { default: standard }) };
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** A value in a sentence; what is long is named by its kind. */
function shown(value: JsonValue): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (isList(value)) return "a list";
  return value instanceof Map ? "an object" : String(value);
}
