import fc from "fast-check";
import { expect, it } from "vitest";
import { type JsonValue, parseJsonText } from "../../../supervisor/device-file/json-text.ts";

/** As JSON.parse gives it. */
function plain(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  const object: Record<string, unknown> = {};
  for (const [name, inner] of value) {
    Object.defineProperty(object, name, { value: plain(inner), enumerable: true });
  }
  return object;
}

function outcome(parse: () => unknown): unknown {
  try {
    return { value: parse() };
  } catch {
    return "refused";
  }
}

/** JSON, and JSON with a character taken out, put in or exchanged. */
const TEXTS = fc
  .tuple(
    fc.json({ depthSize: "small" }),
    fc.nat(),
    fc.constantFrom("keep", "drop", "add", "change"),
    fc.constantFrom(...'{}[],:"\\0123456789.eE+-truefalsn \t\n\u0001é'),
  )
  .map(([text, at, what, character]) => {
    const place = at % (text.length + 1);
    if (what === "keep") return text;
    const before = text.slice(0, place);
    const after = text.slice(what === "add" ? place : place + 1);
    return what === "drop" ? before + after : before + character + after;
  });

it("reads what JSON.parse reads, and refuses what it refuses", () => {
  fc.assert(
    fc.property(TEXTS, (text) => {
      const expected = outcome(() => JSON.parse(text));
      const read = outcome(() => plain(parseJsonText(text)));
      // A change may have made two names the same.
      if (read === "refused" && expected !== "refused") {
        expect(() => parseJsonText(text)).toThrow("stands there twice");
      } else expect(read).toEqual(expected);
    }),
    { numRuns: 2_000 },
  );
});

it.each([
  ['{\n  "format": 1,\n  "format": 1\n}', 'line 3, column 3: "format" stands there twice'],
  ['{ "format": 1, }', 'line 1, column 16: there is "}" where the name of a member in quotes must be'],
  ['{\n"a": 01}', 'line 2, column 7: there is "1" where "," or "}" must be'],
  ["{", "line 1, column 2: the file ends where the name of a member in quotes must be"],
  ["", "line 1, column 1: the file ends where a value must be"],
  ["1 2", 'line 1, column 3: there is "2" where the end must be'],
  ["// no", 'line 1, column 1: there is "/" where a value must be'],
  ['{"a": "b\n"}', "line 1, column 7: a text is not ended"],
  ["[".repeat(100), "line 1, column 34: it is nested deeper than 32"],
])("says where %j is wrong", (text, message) => {
  expect(() => parseJsonText(text)).toThrow(message);
});

it("takes a member called __proto__ for a member", () => {
  const value = parseJsonText('{"__proto__": {"format": 1}}');
  expect(value instanceof Map && [...value.keys()]).toEqual(["__proto__"]);
});
