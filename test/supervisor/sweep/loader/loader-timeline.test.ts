/** What a replay tells of slots' trailers. */
import { describe, expect, it } from "vitest";
import type { Disturbance } from "../../../../supervisor/sweep/explore/case-id.ts";
import { LoaderBench } from "../../../../supervisor/sweep/run/loader-bench.ts";
import { loaderProfile } from "./support/loaders.ts";

const PROFILE = loaderProfile("overwrite");

function replayed(path: readonly Disturbance[], trailerBytes = 4096, scenario = "update"): readonly string[] {
  const loader = { ...PROFILE, trailerBytes };
  return new LoaderBench({ loader, engine: "translator", seed: 1 }).replay(scenario, path).lines;
}

/** The diff of a slot, without its indentation. */
function trailerOf(slot: string, lines: readonly string[]): readonly string[] {
  const from = lines.findIndex((line) => line.startsWith(`       trailer of ${slot}, `));
  if (from < 0) return [];
  const end = lines.findIndex((line, at) => at > from && !line.startsWith("         "));
  return lines.slice(from, end).map((line) => line.trim());
}

const BLANK = new Array<string>(16).fill("ff").join(" ");
/** As controller/firmware/loaders/trailer.c has them: "done", "test", "okay". */
const DONE = new Array<string>(4).fill("64 6f 6e 65").join(" ");
const TEST = new Array<string>(4).fill("74 65 73 74").join(" ");
const OKAY = new Array<string>(4).fill("6f 6b 61 79").join(" ");

/** Where the flags of the primary slot say that the copy is done. */
const DONE_AT = "0x7fa00";
const UNCUT = replayed([]);
const DONE_ITEM = Number(/^ *(\d+) {2}program nor 0x7fa00\.\./m.exec(UNCUT.join("\n"))?.[1]);

describe("a replay", () => {
  it("tells what has changed in the trailers since the beginning, where nothing is disturbed", () => {
    expect(trailerOf("primary", UNCUT)).toEqual([
      "trailer of primary, at the beginning (-) and at the end (+):",
      `- ${DONE_AT}  ${BLANK}`,
      `+ ${DONE_AT}  ${DONE}`,
      "1 more line alike",
    ]);
    expect(trailerOf("secondary", UNCUT)).toEqual([]);
  });

  it.each(["cut", "reset"])("tells what has changed since the disturbance: a %s", (kind) => {
    const lines = replayed([{ at: DONE_ITEM, kind }]);
    expect(trailerOf("primary", lines)).toContain(`- ${DONE_AT}  ${BLANK}`);
    const [title, before, after] = trailerOf("secondary", lines);
    expect(title).toBe("trailer of secondary, before the disturbance (-) and at the end (+):");
    expect([before?.slice(-BLANK.length), after?.slice(-BLANK.length)]).toEqual([TEST, BLANK]);
  });

  it("tells of a torn unit what it was before, and what it is left", () => {
    const first = loaderProfile("direct-xip");
    const bench = new LoaderBench({ loader: first, engine: "translator", seed: 1 });
    const uncut = bench.replay("first-start", []).lines.join("\n");
    const at = Number(/^ *(\d+) {2}program nor 0x7fc00\.\./m.exec(uncut)?.[1]);
    const { lines } = bench.replay("first-start", [{ at, kind: "seeded" }]);
    const [, before, after] = trailerOf("primary", lines);
    expect(before).toBe(`- 0x7fc00  ${BLANK}`);
    expect(after).toMatch(/^\+ 0x7fc00 {2}/);
    expect([BLANK, OKAY]).not.toContain(after?.slice(-BLANK.length));
  });

  it("counts from the first disturbance, where there are more", () => {
    const lines = replayed([
      { at: DONE_ITEM, kind: "seeded" },
      { at: 1, kind: "cut" },
    ]);
    expect(trailerOf("primary", lines)).toContain(`- ${DONE_AT}  ${BLANK}`);
  });

  it("looks at so many bytes at the end of a slot as the device file says", () => {
    expect(trailerOf("primary", replayed([], 0x600))).toContain(`- ${DONE_AT}  ${BLANK}`);
    expect(trailerOf("primary", replayed([], 0x5e0))).toEqual([]);
  });
});
