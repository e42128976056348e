/**
 * Puts the declarations of each public entry into one file that imports nothing: what an entry exports, and of what is
 * behind it only what those exports speak of. Part of `npm run build`; no other declaration is in the package.
 *
 * Reads what tsc writes, in which every statement has lines of its own. Invariants: a name stands for one thing in a file (two things of one name end the build); only
 * what an entry exports is exported by its file; a type that comes from a module of Node's or of another package
 * ends the build, so that nobody has to install it.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** File in dist/types, without its ending, and the declaration that it is made from. */
const ENTRIES = {
  index: "supervisor/index.d.ts",
  rules: "supervisor/sweep/index.d.ts",
  scenarios: "supervisor/sweep/scenarios.d.ts",
  device: "supervisor/module/device.d.ts",
} as const;

/** `Symbol.asyncDispose`, of which ES2023 knows nothing. */
const HEAD = '/// <reference lib="esnext.disposable" />\n';

/** What a name of a file stands for: declared here, or a name of another file. */
type Binding =
  | { readonly kind: "own"; readonly texts: readonly string[] }
  | { readonly kind: "from"; readonly file: string; readonly name: string };

interface Declarations {
  readonly names: ReadonlyMap<string, Binding>;
  /** By the name under which it is exported. */
  readonly exports: ReadonlyMap<string, Binding>;
}

const DECLARED =
  /^(?:export )?(?:declare )?(?:abstract )?(?:const )?(interface|type|class|enum|function|const) ([\w$]+)/;
/** These end with the brace that closes them, all else with a semicolon. */
const BRACED: ReadonlySet<string | undefined> = new Set(["interface", "class", "enum"]);

/** Statements, each with the one comment that belongs to it. */
function statementsOf(text: string): string[] {
  const statements: string[] = [];
  let begun = "";
  for (const line of text.split("\n")) {
    begun += `${line}\n`;
    const code = codeOf(begun).trim();
    if (code === "" || code.includes("/*") || !isWhole(code)) continue;
    statements.push(withoutOtherComments(begun));
    begun = "";
  }
  return statements;
}

function isWhole(code: string): boolean {
  if (code.endsWith(";")) return depthOf(code) === 0;
  return code.endsWith("}") && depthOf(code) === 0 && BRACED.has(DECLARED.exec(code)?.[1]);
}

function depthOf(code: string): number {
  return (code.match(/[{([]/g)?.length ?? 0) - (code.match(/[})\]]/g)?.length ?? 0);
}

/** The comment of its file may stand before its own. */
function withoutOtherComments(statement: string): string {
  const [leading = ""] = /^(?:\s*\/\*\*[\s\S]*?\*\/\s*)+/.exec(statement) ?? [];
  const own = leading.slice(Math.max(0, leading.lastIndexOf("/**")));
  return own.trimStart() + statement.slice(leading.length).trimStart();
}

/** Without comments and texts, in which names stand for nothing. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "").replace(/"(?:[^"\\]|\\.)*"/g, '""');
}

/** Names in braces as they are called here, by what they are called where they come from. */
function listed(braces: string): (readonly [from: string, here: string])[] {
  return braces
    .split(",")
    .map((part) => part.trim().replace(/^type /, ""))
    .filter((part) => part !== "")
    .map((part) => {
      const [from = "", here = from] = part.split(" as ");
      return [from.trim(), here.trim()] as const;
    });
}

const read = new Map<string, Declarations>();

function declarationsOf(file: string): Declarations {
  const known = read.get(file);
  if (known !== undefined) return known;
  const names = new Map<string, Binding>();
  const exports = new Map<string, Binding>();
  const from = (specifier: string, name: string): Binding => {
    if (!specifier.startsWith(".")) return { kind: "from", file: specifier, name };
    return { kind: "from", file: resolve(dirname(file), specifier.replace(/\.[jt]s$/, ".d.ts")), name };
  };
  for (const statement of statementsOf(readFileSync(file, "utf8"))) {
    const code = codeOf(statement);
    const [, word, braces, specifier] =
      /^(import|export) (?:type )?\{([^}]*)\}(?: from "([^"]+)")?/m.exec(statement) ?? [];
    if (braces !== undefined && !DECLARED.test(code.trimStart())) {
      for (const [theirs, here] of listed(braces)) {
        const binding = specifier === undefined ? names.get(theirs) : from(specifier, theirs);
        if (binding !== undefined) (word === "import" ? names : exports).set(here, binding);
      }
      continue;
    }
    const [, , name] = DECLARED.exec(code.trimStart()) ?? [];
    if (name === undefined) continue;
    const before = names.get(name);
    const texts = [...(before?.kind === "own" ? before.texts : []), statement];
    names.set(name, { kind: "own", texts });
    if (/^export /m.test(code)) exports.set(name, { kind: "own", texts });
  }
  const declarations = { names, exports };
  read.set(file, declarations);
  return declarations;
}

/** Identifiers that may stand for a declaration: a member's own name does not. */
function referencesOf(text: string): Set<string> {
  const code = codeOf(text).replace(/([{;,(]\s*(?:readonly |static |get |set )*)[\w$]+(\??[:(])/g, "$1$2");
  return new Set(code.match(/[A-Za-z_$][\w$]*/g) ?? []);
}

class Rollup {
  readonly #entry: string;
  readonly #texts: string[] = [];
  /** Where a name is declared; each may be in one file only. */
  readonly #declaredIn = new Map<string, string>();

  constructor(entry: string) {
    this.#entry = entry;
  }

  text(): string {
    const exported: string[] = [];
    for (const [name, binding] of declarationsOf(this.#entry).exports) {
      const declared = binding.kind === "own" ? this.#take(this.#entry, name) : this.#follow(binding);
      exported.push(declared === name ? name : `${declared} as ${name}`);
    }
    return `${HEAD}${this.#texts.join("\n")}\nexport { ${exported.sort().join(", ")} };\n`;
  }

  /** The name under which it stands in this file. */
  #follow({ file, name }: Extract<Binding, { readonly kind: "from" }>): string {
    if (!file.startsWith("/")) throw new Error(`${this.#entry} speaks of ${name} of "${file}": it must not`);
    const binding = declarationsOf(file).exports.get(name);
    if (binding === undefined) throw new Error(`${file} exports no ${name}`);
    return binding.kind === "own" ? this.#take(file, name) : this.#follow(binding);
  }

  #take(file: string, name: string): string {
    const before = this.#declaredIn.get(name);
    if (before === file) return name;
    if (before !== undefined)
      throw new Error(`${name} is declared in ${before} and in ${file}: one name for one thing`);
    const { names } = declarationsOf(file);
    const binding = names.get(name);
    if (binding?.kind !== "own") throw new Error(`${file} declares no ${name}`);
    this.#declaredIn.set(name, file);
    for (const text of binding.texts) {
      if (/\bimport\(/.test(codeOf(text)))
        throw new Error(`${file}: the type of ${name} must be written out`);
      this.#texts.push(
        text.replace(/^export (?:declare )?/m, "declare ").replace(/^declare (interface|type) /m, "$1 "),
      );
      for (const reference of referencesOf(text)) this.#refer(file, names, reference);
    }
    return name;
  }

  #refer(file: string, names: ReadonlyMap<string, Binding>, name: string): void {
    const binding = names.get(name);
    if (binding?.kind === "own") this.#take(file, name);
    if (binding?.kind !== "from") return;
    const declared = this.#follow(binding);
    if (declared !== name) throw new Error(`${file} calls ${declared} ${name}: one name for one thing`);
  }
}

const dist = fileURLToPath(new URL("../", import.meta.url));
mkdirSync(`${dist}types`, { recursive: true });
for (const [name, entry] of Object.entries(ENTRIES)) {
  writeFileSync(`${dist}types/${name}.d.ts`, new Rollup(`${dist}${entry}`).text());
}
