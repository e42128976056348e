/** The map holds every source file, and links in the pages lead somewhere; citations.test.ts has the names they cite. */
import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, it } from "vitest";
import { outputOf } from "./run-to-end.ts";
import { filesUnder, ROOT, sourceFiles, textOf } from "./sources.ts";

const PAGES = [
  "README.md",
  "SECURITY.md",
  "CHANGELOG.md",
  ...filesUnder("docs").filter((path) => path.endsWith(".md")),
];

/** What stands in a page outside its blocks of code. */
function proseOf(page: string): string {
  return textOf(page).replace(/^```[\s\S]*?^```$/gm, "");
}

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** Links of a page to files of ours, with what they lead to. */
function linksOf(page: string): readonly (readonly [link: string, target: string, anchor?: string])[] {
  const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
  return links
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : posix.join(posix.dirname(page), path);
      return anchor === undefined ? [link, target] : [link, target, anchor];
    });
}

it.each(PAGES)("every link of %s leads to a file, and to a heading of it", (page) => {
  const astray = linksOf(page).filter(
    ([, target, anchor]) =>
      !existsSync(join(ROOT, target)) || (anchor !== undefined && !anchorsOf(target).includes(anchor)),
  );
  expect(astray).toEqual([]);
});

it("every link of a page that the package ships leads to a file that it ships, too", () => {
  const pack = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const [tarball] = JSON.parse(outputOf("npm", pack, ROOT)) as [
    { readonly files: readonly { readonly path: string }[] },
  ];
  const shipped = tarball.files.map(({ path }) => path);
  const pages = shipped.filter((path) => path.endsWith(".md"));
  expect(pages).toEqual(expect.arrayContaining(PAGES));
  const astray = pages.flatMap((page) =>
    linksOf(page).flatMap(([link, target]) => (shipped.includes(target) ? [] : [`${page}: ${link}`])),
  );
  expect(astray).toEqual([]);
});

describe("docs/map.md", () => {
  /** By its sections, each named for a folder. */
  const mapped = textOf("docs/map.md")
    .split(/^## /m)
    .slice(1)
    .flatMap((section) => {
      const folder = section.slice(0, section.indexOf("\n"));
      return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => `${folder}/${name}`);
    });

  it("has every source file", () => {
    expect(sourceFiles().filter((path) => !mapped.includes(path))).toEqual([]);
  });

  it("has each once, and none that is not there", () => {
    const there = new Set(sourceFiles());
    expect(mapped.filter((path, index) => mapped.indexOf(path) !== index)).toEqual([]);
    expect(mapped.filter((path) => !there.has(path))).toEqual([]);
  });
});
