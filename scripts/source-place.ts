/** Where code came from, as a person finds it: symbol, file and line. */
import { relative } from "node:path";
import type { SourceFrame } from "../controller/bare/dwarf/debug-info.ts";
import type { CodePlace } from "../controller/bare/symbolizer.ts";
import { hex32, visibleText } from "../emulator/base/text.ts";

/** "src/main.c:7", as the terminal finds it from here, if it is below here; "" where nothing is said. */
export function sourceOf(frame: SourceFrame | undefined): string {
  if (frame === undefined || frame.path === "") return "";
  const below = relative(process.cwd(), frame.path);
  const path = below.startsWith("..") ? frame.path : below;
  return `${visibleText(path)}${frame.line === 0 ? "" : `:${frame.line}`}`;
}

/** In one line: "0x80000034 main+0x10 (src/main.c:7)", with as much of it as is known. */
export function describePlace({ address, symbol, frames }: CodePlace): string {
  const source = sourceOf(frames[0]);
  const name = symbol === "" ? "" : ` ${visibleText(symbol)}`;
  return `${hex32(address)}${name}${source === "" ? "" : ` (${source})`}`;
}
