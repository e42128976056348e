/** docs/control.md tells of every method of the control socket, and of every parameter that it takes. */
import { describe, expect, it } from "vitest";
import { SERVED_METHODS } from "../../../supervisor/process/protocol.ts";
import { PARAMETERS } from "../../../supervisor/process/served-requests.ts";
import { textOf } from "../../sources.ts";

/** By method, the text of its chapter. */
const CHAPTERS = new Map(
  textOf("docs/control.md")
    .split(/^### /m)
    .slice(1)
    .flatMap((chapter) => {
      const [heading = ""] = chapter.split("\n", 1);
      return heading.split(", ").map((method) => [method, chapter] as const);
    }),
);

describe("docs/control.md", () => {
  it.each(SERVED_METHODS)("tells of %s, and of all its parameters", (method) => {
    const chapter = CHAPTERS.get(method) ?? "";
    expect(chapter).not.toBe("");
    // Where one method is told of by another, that one is named.
    const parameters = PARAMETERS.get(method) ?? [];
    const text = chapter.includes("Parameters as `inject`") ? `${chapter}${CHAPTERS.get("inject")}` : chapter;
    expect(parameters.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });

  it("tells of no other", () => {
    const told = [...CHAPTERS.keys()].filter((heading) => !["Errors", "Limits"].includes(heading));
    expect(told.toSorted()).toEqual(SERVED_METHODS.toSorted());
  });
});
