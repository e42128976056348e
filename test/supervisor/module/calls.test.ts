/** What somebody's module throws is told with its place, and what does not come back is known by its name. */
import { describe, expect, it } from "vitest";
import { Calls, CallsSeen, ModuleFailure } from "../../../supervisor/module/calls.ts";
import { placeIn } from "../../../supervisor/module/place.ts";

const OWN = "/opt/flipside/dist/";

function both(isOwn?: (thrown: unknown) => boolean) {
  const seen = new CallsSeen(["the first", "the second"]);
  const { words, names } = seen;
  const calls = new Calls({ words, names, ownDirectory: OWN, ...(isOwn === undefined ? {} : { isOwn }) });
  return { seen, calls };
}

describe("a call of somebody's function", () => {
  it("is seen by its name while it is under way, and not afterwards", () => {
    const { seen, calls } = both();
    const during: (string | undefined)[] = [];
    const second = calls.watched("the second", () => void during.push(seen.underWay));
    calls.watched("the first", () => void during.push(seen.underWay))();
    second();
    expect([during, seen.underWay, seen.begun]).toEqual([["the first", "the second"], undefined, 2]);
  });

  it("that throws says what it is, what it threw and where", () => {
    const { seen, calls } = both();
    const throws = calls.watched("the first", () => {
      throw new Error("it is wrong");
    });
    expect(throws).toThrow(ModuleFailure);
    expect(throws).toThrow(/^the first threw: it is wrong, at \/.*calls\.test\.ts:\d+:\d+$/);
    expect(seen.underWay).toBeUndefined();
  });

  it("through which flipside throws leaves that as it is", () => {
    const cut = new Error("power is cut");
    const { calls } = both((thrown) => thrown === cut);
    const passes = calls.watched("the first", () => {
      throw cut;
    });
    expect(passes).toThrow(cut);
  });

  it("that takes its time is under way until its promise has ended", async () => {
    const { seen, calls } = both();
    let resolve: (value: number) => void = () => undefined;
    const promise = new Promise<number>((settle) => (resolve = settle));
    const ended = calls.awaited("the second", () => promise);
    expect(seen.underWay).toBe("the second");
    resolve(5);
    expect([await ended, seen.underWay]).toEqual([5, undefined]);
    await expect(calls.awaited("the second", () => Promise.reject(new Error("late")))).rejects.toThrow(
      /^the second threw: late, at /,
    );
  });
});

describe("the place of an error", () => {
  const stack = [
    "Error: wrong",
    "    at Object.load (/opt/flipside/dist/supervisor/sweep/worker.code.cjs:1:22)",
    "    at new Promise (<anonymous>)",
    "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
    "    at async Object.decideBoot (file:///home/me/my%20rules.mjs:12:7)",
    "    at file:///home/me/index.mjs:3:1",
  ];

  it("is the innermost one that is neither Node's nor flipside's own", () => {
    expect(placeIn(stack.join("\n"), OWN)).toEqual({ file: "/home/me/my rules.mjs", line: 12, column: 7 });
  });

  it("is none where all of it is", () => {
    expect(placeIn(stack.slice(0, 4).join("\n"), OWN)).toBeUndefined();
    expect(placeIn(undefined, OWN)).toBeUndefined();
  });
});
