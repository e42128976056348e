/** The JSON Schema in the package and what reads a device file: each accepts what the other accepts. */
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readDeviceFile } from "../../../supervisor/device-file/device-file.ts";
import { parseJsonText } from "../../../supervisor/device-file/json-text.ts";
import { deviceFileSchema } from "../../../supervisor/device-file/schema.ts";

interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly multipleOf?: number;
  readonly pattern?: string;
  readonly items?: Schema;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly default?: unknown;
}

const SCHEMA = deviceFileSchema() as Schema;
const isValid = new Ajv2020({ strict: true, allErrors: true }).compile(SCHEMA);

/** What is wrong with it, to the reader. */
function mistakes(document: unknown): readonly string[] {
  const told: string[] = [];
  readDeviceFile(parseJsonText(JSON.stringify(document)), (path, mistake) =>
    told.push(`${path}: ${mistake}`),
  );
  return told;
}

const NOISE: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, true, false, "", "1", 0, -1, 1, 0.5, 4096, 1e300, [], {}),
  fc.jsonValue({ maxDepth: 2 }),
);

/** Values of a schema; with `wrong` also others: beyond a bound, of another type, with a name too much. */
function valuesOf(schema: Schema, wrong: boolean): fc.Arbitrary<unknown> {
  const right = rightOf(schema, wrong);
  return wrong ? fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: NOISE }) : right;
}

function rightOf(schema: Schema, wrong: boolean): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((each) => valuesOf(each, wrong)));
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case "integer":
      return integers(schema, wrong);
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "string":
      if (schema.pattern !== undefined) return likePattern(schema.pattern, wrong);
      return fc.string({ minLength: wrong ? 0 : 1 });
    case "array":
      return lists(schema, wrong);
    case "object":
      return objects(schema, wrong);
    default:
      throw new Error(`the test knows no ${schema.type}`);
  }
}

/** Texts of which some match; with `wrong` others, too. */
function likePattern(pattern: string, wrong: boolean): fc.Arbitrary<string> {
  const isAddress = pattern.startsWith("^0[xX]");
  const [head, ...pieces] = isAddress
    ? ["0x", "0", "12", "aF", "8000", "_", "_0000", "g"]
    : ["rv32ic", "rv32", "i", "m", "a", "c", "_zba", "_zcb", "b", "f", "_", "zca"];
  const texts = fc
    .array(fc.constantFrom(...pieces), { minLength: isAddress ? 1 : 0, maxLength: 6 })
    .map((drawn) => `${head}${drawn.join("")}`);
  return wrong ? texts : texts.filter((text) => new RegExp(pattern, "u").test(text));
}

function integers(
  { minimum = 0, maximum = 0, multipleOf = 1 }: Schema,
  wrong: boolean,
): fc.Arbitrary<number> {
  const steps = Math.floor((maximum - minimum) / multipleOf);
  const inside = fc.nat({ max: steps }).map((step) => minimum + step * multipleOf);
  if (!wrong) return inside;
  const around = fc
    .tuple(fc.constantFrom(minimum, maximum), fc.constantFrom(-multipleOf, -1, 0, 1, multipleOf, 0.5))
    .map(([bound, offset]) => bound + offset);
  return fc.oneof({ weight: 4, arbitrary: inside }, { weight: 1, arbitrary: around });
}

function lists(
  { items = {}, maxItems = 4, uniqueItems = false }: Schema,
  wrong: boolean,
): fc.Arbitrary<unknown> {
  const members = valuesOf(items, wrong);
  if (uniqueItems && !wrong) return fc.uniqueArray(members, { maxLength: maxItems });
  return fc.array(members, { maxLength: wrong ? maxItems + 1 : maxItems });
}

function objects({ properties = {}, required = [] }: Schema, wrong: boolean): fc.Arbitrary<unknown> {
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, member]) => [name, valuesOf(member, wrong)]),
  );
  const known = fc.record(members, { requiredKeys: [...required] });
  if (!wrong) return known;
  const stray = fc.record({ name: fc.constantFrom("ram", "toString", "formats"), value: NOISE });
  return fc.oneof(
    { weight: 12, arbitrary: known },
    {
      weight: 1,
      arbitrary: fc.tuple(known, stray).map(([object, { name, value }]) => ({ ...object, [name]: value })),
    },
    { weight: 1, arbitrary: fc.record(members, { requiredKeys: [] }) },
  );
}

/** The least that a schema accepts: members that must be there, and nothing else. */
function least(schema: Schema): unknown {
  const { anyOf, enum: choices, type, minimum = 0, properties = {}, required = [] } = schema;
  if (anyOf?.[0] !== undefined) return least(anyOf[0]);
  if (choices !== undefined) return choices[0];
  if (type === "integer") return minimum;
  if (type === "string") return "x";
  if (type === "array") return [];
  return Object.fromEntries(required.map((name) => [name, least(properties[name] ?? {})]));
}

/** {@link least}, and the member at `path`. */
function withMember(schema: Schema, [name, ...rest]: readonly string[], value: unknown): unknown {
  const inner = schema.properties?.[name ?? ""];
  if (name === undefined || inner === undefined) return value;
  return { ...(least(schema) as object), [name]: withMember(inner, rest, value) };
}

describe("the schema of a device file", () => {
  it("accepts what is read without a mistake, and nothing else", () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.oneof(valuesOf(SCHEMA, false), valuesOf(SCHEMA, true)), (document) => {
        const valid = isValid(JSON.parse(JSON.stringify(document)));
        if (valid) accepted += 1;
        expect(mistakes(document).length === 0).toBe(valid);
      }),
      { numRuns: 1_000 },
    );
    // Both sorts came by.
    expect(accepted).toBeGreaterThan(100);
    expect(accepted).toBeLessThan(900);
  });

  /** Every member, with its path. */
  function* membersOf(schema: Schema, path = ""): Generator<readonly [string, Schema]> {
    for (const [name, member] of Object.entries(schema.properties ?? {})) {
      yield [`${path}${name}`, member];
      yield* membersOf(member, `${path}${name}.`);
    }
  }

  it.each([...membersOf(SCHEMA)])(
    "describes %s, and what it is by default is one of what it may be",
    (path, member) => {
      expect(member.description).toMatch(/\.$/);
      if (member.default === undefined) return;
      const document = withMember(SCHEMA, path.split("."), member.default);
      expect(isValid(document)).toBe(true);
      expect(mistakes(document)).toEqual([]);
    },
  );

  it("is the one in the package", async () => {
    const text = `${JSON.stringify(deviceFileSchema(), null, 2)}\n`;
    await expect(text).toMatchFileSnapshot("../../../flipside.schema.json");
  });
});
