/**
 * What comments and docs cite exists: files, sections of docs, and the names behind `{@link …}`.
 *
 * A name is looked for in the code of the file that cites it (its own, or imported); a member in the code of any file
 * that declares the name.
 */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const COMMENT = /\/\*[\s\S]*?\*\/|\/\/.*$/gm;

interface Text {
  readonly path: string;
  readonly text: string;
  /** Without comments; all of a page of docs. */
  readonly code: string;
}

const root = new URL("../", import.meta.url);
const folders = ["controller", "docs", "emulator", "scripts", "supervisor", "test"];
const paths = [
  "README.md",
  "SECURITY.md",
  "CHANGELOG.md",
  ...folders.flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" }).map(
      (path) => `${folder}/${path}`,
    ),
  ),
];
/** Every way to name a file by the end of its path. */
const pathEnds = new Set(
  paths.flatMap((path) => {
    const parts = path.split("/");
    return parts.map((_, from) => parts.slice(from).join("/"));
  }),
);
const texts = paths
  .filter((path) => /\.(ts|md)$/.test(path))
  .map((path): Text => {
    const text = readFileSync(new URL(path, root), "utf8");
    return { path, text, code: path.endsWith(".ts") ? text.replaceAll(COMMENT, "") : text };
  });
const sources = texts.filter(({ path }) => path.endsWith(".ts"));

function lineOf({ path, text }: Text, at: number): string {
  return `${path}:${text.slice(0, at).split("\n").length}`;
}

/** What of a text is prose: its comments, or all of a page of docs, at their offsets. */
function prose({ path, text }: Text): readonly { readonly at: number; readonly text: string }[] {
  if (path.endsWith(".md")) return [{ at: 0, text }];
  return [...text.matchAll(COMMENT)].map((match) => ({ at: match.index, text: match[0] }));
}

function citations(text: Text, pattern: RegExp): readonly { line: string; names: readonly string[] }[] {
  return prose(text).flatMap((part) =>
    [...part.text.matchAll(pattern)].map((match) => ({
      line: lineOf(text, part.at + match.index),
      names: match.slice(1),
    })),
  );
}

function isWordOf(code: string, word: string): boolean {
  return new RegExp(`\\b${word}\\b`).test(code);
}

it("every {@link} of a comment names what its file knows", () => {
  const dangling = sources.flatMap((source) =>
    citations(source, /\{@link\s+([\w.#]+)[^}]*\}/g)
      .filter(({ names: [name = ""] }) => {
        const [head = "", member] = name.replaceAll("#", "").split(".");
        if (!isWordOf(source.code, head)) return true;
        if (member === undefined) return false;
        const declares = new RegExp(`\\b(class|interface|enum|const|type) ${head}\\b`);
        return !sources.some(({ code }) => declares.test(code) && isWordOf(code, member));
      })
      .map(({ line, names }) => `${line} ${names[0]}`),
  );
  expect(dangling).toEqual([]);
});

it("every source file and page of docs that a comment or a page names is there", () => {
  const dangling = texts.flatMap((text) =>
    citations(text, /(?<![\w/.:*$-])((?:\.{1,2}\/)*(?:[\w-]+\/)*[\w-]+(?:\.[\w-]+)*\.(?:ts|md))\b/g)
      .filter(({ names: [name = ""] }) => !pathEnds.has(name.replace(/^(\.{1,2}\/)+/, "")))
      .map(({ line, names }) => `${line} ${names[0]}`),
  );
  expect(dangling).toEqual([]);
});

it("every section that is cited by its page and title is there", () => {
  const dangling = texts.flatMap((text) =>
    citations(text, /([\w-]+\.md)\)?,\s*(?:\*\s*)?"([^"]+)"/g)
      .filter(({ names: [page = "", title = ""] }) => {
        const cited = texts.find(({ path }) => path === `docs/${page}`);
        return (
          cited === undefined ||
          !cited.text.split("\n").some((line) => /^#+ /.test(line) && line.includes(title))
        );
      })
      .map(({ line, names }) => `${line} ${names.join(": ")}`),
  );
  expect(dangling).toEqual([]);
});
