/**
 * JSON (RFC 8259) as a person writes it: what is wrong is told with its line, and a member that stands there twice is
 * wrong, too, where JSON.parse would drop the first without a word.
 *
 * Pure: text in, values out. Objects are maps, so that no name of a member means anything to JavaScript.
 */

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | ReadonlyMap<string, JsonValue>;

/** The text is no JSON; `message` is one sentence, with line and column (from 1). */
export class JsonTextError extends Error {
  override readonly name = "JsonTextError";
}

/** No file of ours is nested deeper, and recursion has a bound. */
const MAX_DEPTH = 32;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: a string in JSON holds no control character unescaped
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const BLANK = /[ \t\n\r]*/y;
const WORDS: readonly (readonly [string, JsonValue])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

/** Throws {@link JsonTextError}. */
export function parseJsonText(text: string): JsonValue {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonValue {
    this.#skipBlank();
    if (depth > MAX_DEPTH) this.#fail(`it is nested deeper than ${MAX_DEPTH}`);
    const next = this.#text[this.#at];
    if (next === "{") return this.#object(depth);
    if (next === "[") return this.#list(depth);
    if (next === '"') return this.#string();
    for (const [word, value] of WORDS) if (this.#take(word)) return value;
    const number = this.#match(NUMBER);
    return number === undefined ? this.#expected("a value") : Number(number);
  }

  end(): void {
    this.#skipBlank();
    if (this.#at < this.#text.length) this.#expected("the end");
  }

  #object(depth: number): ReadonlyMap<string, JsonValue> {
    const members = new Map<string, JsonValue>();
    this.#items("{", "}", () => {
      const at = this.#at;
      if (this.#text[at] !== '"') this.#expected("the name of a member in quotes");
      const name = this.#string();
      if (members.has(name)) this.#fail(`${JSON.stringify(name)} stands there twice`, at);
      this.#skipBlank();
      if (!this.#take(":")) this.#expected('":"');
      members.set(name, this.value(depth + 1));
    });
    return members;
  }

  #list(depth: number): readonly JsonValue[] {
    const members: JsonValue[] = [];
    this.#items("[", "]", () => void members.push(this.value(depth + 1)));
    return members;
  }

  #items(open: string, close: string, item: () => void): void {
    this.#take(open);
    this.#skipBlank();
    if (this.#take(close)) return;
    for (;;) {
      this.#skipBlank();
      item();
      this.#skipBlank();
      if (this.#take(close)) return;
      if (!this.#take(",")) this.#expected(`"," or "${close}"`);
    }
  }

  #string(): string {
    const literal = this.#match(STRING);
    if (literal === undefined)
      this.#fail("a text is not ended, or holds a control character or an escape that JSON does not know");
    return JSON.parse(literal) as string;
  }

  #skipBlank(): void {
    this.#match(BLANK);
  }

  #take(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #expected(what: string): never {
    const [found] = [...this.#text.slice(this.#at, this.#at + 2)];
    const shown = found === undefined ? "the file ends" : `there is ${JSON.stringify(found)}`;
    this.#fail(`${shown} where ${what} must be`);
  }

  #fail(what: string, at = this.#at): never {
    const before = this.#text.slice(0, at).split("\n");
    const column = (before.at(-1)?.length ?? 0) + 1;
    throw new JsonTextError(`line ${before.length}, column ${column}: ${what}`);
  }
}
