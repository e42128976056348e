/**
 * An accident of flipside itself (an error that nothing expects) in words: what it was, where in the sources, and how to
 * report it.
 *
 * Invariants: nothing of a bundle is quoted, whose lines are thousands of characters long: places are those of the
 * sources, by the map beside it, or none; whatever was thrown, and whatever files are missing, there is a text.
 */
import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { errorMessage, inWords, visibleText } from "./text.ts";

const MAX_FRAMES = 12;
const MAX_CAUSES = 4;

/** A line of a stack: what is called, and where. */
const FRAME = /^\s+at (?:(.*?) \()?(?:async )?((?:file:\/\/)?\/[^()]+?):(\d+):(\d+)\)?$/;

interface Package {
  readonly root: string;
  readonly version: string;
  /** Where to report; undefined where the package does not say. */
  readonly bugsUrl: string | undefined;
}

/** Lines: a sentence with the error's name, where it came from, and how to report it. */
export function describeAccident(thrown: unknown): string {
  const own = findPackage();
  return [
    `an accident of flipside itself: ${nameAndMessage(thrown)}`,
    ...placesOf(thrown, own),
    ...causesOf(thrown, own),
    reportLine(own),
  ].join("\n");
}

function nameAndMessage(thrown: unknown): string {
  const message = visibleText(errorMessage(thrown));
  return thrown instanceof Error ? `${inWords(thrown.name)}: ${message}` : message;
}

function causesOf(thrown: unknown, own: Package | undefined): string[] {
  const lines: string[] = [];
  let { cause } = thrown instanceof Error ? thrown : { cause: undefined };
  for (let depth = 0; depth < MAX_CAUSES && cause instanceof Error; depth++) {
    lines.push(`caused by ${nameAndMessage(cause)}`, ...placesOf(cause, own));
    ({ cause } = cause);
  }
  return lines;
}

function reportLine(own: Package | undefined): string {
  const where = own?.bugsUrl ?? "to whom you have flipside from, as an issue of its repository";
  const what = `flipside ${own?.version ?? "of an unknown version"}, Node ${process.version}, ${process.platform} ${process.arch}`;
  return `It is no fault of what flipside was given. Please report it (${where}) with the command and these lines: ${what}`;
}

/** It is made when somebody asks, of whatever the error is by then. */
function stackOf(thrown: unknown): string {
  try {
    return thrown instanceof Error && typeof thrown.stack === "string" ? thrown.stack : "";
  } catch {
    return "";
  }
}

function placesOf(thrown: unknown, own: Package | undefined): string[] {
  const places = stackOf(thrown)
    .split("\n")
    .flatMap((line) => placeOf(line, own) ?? []);
  return places.slice(0, MAX_FRAMES).map((place) => `    at ${visibleText(place, 300)}`);
}

/** Of a line of a stack; undefined of one that names no file. */
function placeOf(line: string, own: Package | undefined): string | undefined {
  const [, called, url, lineText, columnText] = FRAME.exec(line) ?? [];
  if (url === undefined) return undefined;
  const file = url.startsWith("file:") ? fileURLToPath(url) : url;
  const mapped = sourceOf(file, Number(lineText), Number(columnText));
  const place = mapped === undefined ? shownFile(file, own) : `${shownFile(mapped.file, own)}:${mapped.line}`;
  const at = mapped === undefined && !isBundle(file) ? `${place}:${lineText}` : place;
  return called === undefined || called === "" ? at : `${called} (${at})`;
}

function shownFile(file: string, own: Package | undefined): string {
  const shown = own === undefined ? file : relative(own.root, file);
  return shown.startsWith("..") ? file : shown;
}

function isBundle(file: string): boolean {
  return file.endsWith(".cjs");
}

/** Where a place of generated code comes from; undefined where no map tells. Lines and columns count from 1. */
function sourceOf(file: string, line: number, column: number): { file: string; line: number } | undefined {
  try {
    const map = new SourceMap(JSON.parse(readFileSync(`${file}.map`, "utf8")));
    const entry = map.findEntry(line - 1, column - 1);
    if (!("originalSource" in entry) || entry.originalSource === undefined) return undefined;
    return { file: join(dirname(file), entry.originalSource), line: entry.originalLine + 1 };
  } catch {
    return undefined;
  }
}

/** That this code is of, whichever of its files it is in. */
function findPackage(): Package | undefined {
  let root = dirname(fileURLToPath(import.meta.url));
  for (let up = dirname(root); up !== root; up = dirname(root)) {
    const found = readPackage(root);
    if (found !== undefined) return found;
    root = up;
  }
  return undefined;
}

function readPackage(root: string): Package | undefined {
  try {
    const { name, version, bugs } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const bugsUrl: unknown = bugs?.url;
    return name === "flipside"
      ? { root, version: String(version), bugsUrl: typeof bugsUrl === "string" ? bugsUrl : undefined }
      : undefined;
  } catch {
    return undefined;
  }
}
