/** Where in somebody's own module something happened: the file and line that its author knows. Pure. */
import { fileURLToPath } from "node:url";

/** A place in a program's text; both count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export function formatPlace({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

/** A line of a stack as V8 writes it: "    at name (file:///x.mjs:1:2)", or without a name. */
const FRAME = /^\s+at (?:.*\()?(.+):(\d+):(\d+)\)?$/;

/** The innermost place of a stack that is neither Node's nor flipside's own. */
export function placeIn(stack: string | undefined, ownDirectory: string): Place | undefined {
  const places = (stack ?? "").split("\n").flatMap((line) => {
    const [, url, row, column] = FRAME.exec(line) ?? [];
    return url === undefined ? [] : [{ url, line: Number(row), column: Number(column) }];
  });
  return innermost(places, ownDirectory);
}

/** The first of places, innermost first, that is neither Node's nor flipside's own. */
export function innermost(
  places: readonly { readonly url: string; readonly line: number; readonly column: number }[],
  ownDirectory: string,
): Place | undefined {
  for (const { url, line, column } of places) {
    const file = fileOf(url);
    if (file?.startsWith("/") === true && !file.startsWith(ownDirectory)) return { file, line, column };
  }
  return undefined;
}

function fileOf(url: string): string | undefined {
  if (!url.startsWith("file:")) return url;
  try {
    return fileURLToPath(url);
  } catch {
    // Nobody can open it.
    return undefined;
  }
}
