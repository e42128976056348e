/**
 * Who may import whom. A room is a folder, or a file that stands for itself; what imports types only is held to the
 * same rules, because types are what ties two rooms together.
 */
import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import { sourceFiles, textOf } from "./sources.ts";

/**
 * Each room with the rooms that its files may import besides their own; a name stands for all below it. A room names
 * only rooms further down, so no two of them can ever need each other. What stands here is the house as it is meant:
 * a new arrow is a decision, to be made here.
 */
const ROOMS: readonly (readonly [room: string, ...mayImport: readonly string[]])[] = [
  ["scripts", "supervisor", "controller", "emulator"],

  [
    "supervisor/index.ts",
    "supervisor/library",
    "supervisor/workload",
    "supervisor/sweep",
    "supervisor/device-file",
    "supervisor/process",
    "supervisor/soak",
    "supervisor/faults",
    "supervisor/device",
    "supervisor/host",
    "supervisor/core",
    "supervisor/reference-images.ts",
    "controller",
    "emulator",
  ],
  [
    "supervisor/library",
    "supervisor/workload",
    "supervisor/device-file",
    "supervisor/sweep/run",
    "supervisor/sweep/flipside",
    "supervisor/process",
    "supervisor/soak",
    "supervisor/faults",
    "supervisor/device",
    "supervisor/host",
    "supervisor/core",
    "supervisor/reference-images.ts",
    "controller",
    "emulator",
  ],
  [
    "supervisor/survival",
    "supervisor/process",
    "supervisor/soak",
    "supervisor/faults",
    "supervisor/device",
    "supervisor/core",
    "controller",
    "emulator",
  ],
  [
    "supervisor/workload",
    "supervisor/process",
    "supervisor/soak",
    "supervisor/host",
    "supervisor/module",
    "supervisor/launch.ts",
    "supervisor/own-directory.ts",
    "emulator",
  ],
  ["supervisor/process.ts", "supervisor/process", "supervisor/launch.ts"],
  [
    "supervisor/process",
    "supervisor/soak",
    "supervisor/faults",
    "supervisor/device",
    "supervisor/watch",
    "supervisor/host",
    "supervisor/core",
    "supervisor/launch.ts",
    "controller",
    "emulator",
  ],
  [
    "supervisor/soak",
    "supervisor/faults",
    "supervisor/device",
    "supervisor/watch",
    "supervisor/host",
    "supervisor/core",
    "controller",
    "emulator",
  ],

  // The sweep has a shell of its own, and nothing to do with the live one.
  [
    "supervisor/sweep/index.ts",
    "supervisor/sweep/run",
    "supervisor/sweep/flipside",
    "supervisor/sweep/explore",
    "supervisor/core",
    "controller",
    "emulator",
  ],
  ["supervisor/sweep/scenarios.ts", "supervisor/sweep/flipside", "emulator"],
  [
    "supervisor/sweep/worker.ts",
    "supervisor/sweep/run",
    "supervisor/sweep/loader",
    "supervisor/sweep/flipside",
    "supervisor/sweep/explore",
    "supervisor/module",
    "controller",
  ],
  [
    "supervisor/sweep/run",
    "supervisor/sweep/loader",
    "supervisor/sweep/flipside",
    "supervisor/sweep/explore",
    "supervisor/module",
    "supervisor/core",
    "supervisor/launch.ts",
    "supervisor/own-directory.ts",
    "controller",
    "emulator",
  ],
  [
    "supervisor/sweep/loader",
    "supervisor/sweep/flipside",
    "supervisor/sweep/explore",
    "supervisor/core",
    "controller",
    "emulator",
  ],
  [
    "supervisor/sweep/flipside",
    "supervisor/sweep/explore",
    "supervisor/faults/explanation.ts",
    "supervisor/module",
    "supervisor/faults/catalogue.ts",
    "supervisor/watch",
    "supervisor/host",
    "supervisor/core",
    "controller",
    "emulator",
  ],
  ["supervisor/sweep/explore", "emulator"],

  ["supervisor/faults", "supervisor/device", "supervisor/host", "controller", "emulator"],
  [
    "supervisor/device",
    "supervisor/watch",
    "supervisor/host",
    "supervisor/core",
    "supervisor/launch.ts",
    "controller",
    "emulator",
  ],
  ["supervisor/faults/explanation.ts", "supervisor/faults/catalogue.ts", "emulator"],
  ["supervisor/faults/catalogue.ts", "controller", "emulator"],
  ["supervisor/watch", "supervisor/host", "supervisor/core", "controller", "emulator"],
  ["supervisor/host", "supervisor/core", "controller", "emulator"],
  ["supervisor/device-file", "supervisor/core", "controller", "emulator"],
  ["supervisor/core", "controller", "emulator"],
  ["supervisor/launch.ts"],
  ["supervisor/own-directory.ts"],
  ["supervisor/module", "controller", "emulator"],
  ["supervisor/reference-images.ts"],

  [
    "controller/worker.ts",
    "controller/api.ts",
    "controller/warm-up.ts",
    "controller/worker-faults.ts",
    "controller/forced-faults.ts",
    "controller/translator",
    "controller/machine.ts",
    "controller/boards.ts",
    "controller/devices",
    "controller/cpu",
    "controller/boot",
    "controller/image",
    "emulator",
  ],
  ["controller/api.ts", "controller/cpu", "controller/boot", "controller/image", "emulator"],
  ["controller/boot", "controller/image", "emulator"],
  ["controller/image", "emulator"],
  ["controller/translator-worker.ts", "controller/translator", "controller/cpu", "emulator"],
  ["controller/worker-faults.ts", "emulator/base"],
  [
    "controller/forced-faults.ts",
    "controller/machine.ts",
    "controller/devices",
    "controller/cpu",
    "emulator",
  ],
  ["controller/warm-up.ts", "controller/machine.ts", "controller/boards.ts", "controller/cpu", "emulator"],
  [
    "controller/bare",
    "controller/profile-board.ts",
    "controller/profile.ts",
    "controller/machine.ts",
    "controller/boards.ts",
    "controller/devices",
    "controller/cpu",
    "emulator",
  ],
  ["controller/translator", "controller/machine.ts", "controller/cpu", "controller/wasm", "emulator"],
  [
    "controller/profile-board.ts",
    "controller/profile.ts",
    "controller/machine.ts",
    "controller/boards.ts",
    "controller/devices",
    "controller/cpu",
    "emulator",
  ],
  [
    "controller/machine.ts",
    "controller/boards.ts",
    "controller/polling-loop.ts",
    "controller/bus.ts",
    "controller/clock.ts",
    "controller/devices",
    "controller/cpu",
    "emulator",
  ],
  ["controller/profile.ts", "controller/devices", "controller/cpu", "emulator"],
  ["controller/boards.ts", "controller/devices", "controller/cpu", "emulator"],
  ["controller/bus.ts", "controller/devices", "controller/cpu"],
  ["controller/polling-loop.ts", "controller/cpu"],
  ["controller/clock.ts", "controller/devices", "controller/cpu", "emulator"],
  ["controller/devices", "controller/cpu", "emulator"],
  ["controller/cpu", "controller/wasm", "emulator"],
  ["controller/wasm"],

  [
    "emulator/worker.ts",
    "emulator/api.ts",
    "emulator/flash",
    "emulator/persist",
    "emulator/memory",
    "emulator/base",
  ],
  ["emulator/api.ts", "emulator/memory", "emulator/base"],
  ["emulator/flash", "emulator/persist", "emulator/memory", "emulator/base"],
  ["emulator/persist", "emulator/table", "emulator/memory", "emulator/base"],
  ["emulator/table", "emulator/memory", "emulator/base"],
  ["emulator/memory", "emulator/base"],
  ["emulator/base"],
];

/** By file, what it imports of ours. */
const IMPORTS: ReadonlyMap<string, readonly string[]> = new Map(
  sourceFiles().map((file) => [file, importsOf(file)]),
);

/** Static and dynamic imports, and what is exported from elsewhere. */
function importsOf(file: string): string[] {
  const found = textOf(file).matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g);
  return [...new Set([...found].map(([, target]) => posix.join(posix.dirname(file), target ?? "")))];
}

function isIn(file: string, room: string): boolean {
  return file === room || file.startsWith(`${room}/`);
}

/** Index in ROOMS of the narrowest room that a file is in, -1 for none. */
function roomOf(file: string): number {
  let best = -1;
  for (const [index, [room]] of ROOMS.entries()) {
    if (isIn(file, room) && room.length > (ROOMS[best]?.[0].length ?? 0)) best = index;
  }
  return best;
}

function mayImport(file: string, target: string): boolean {
  return ROOMS[roomOf(file)]?.some((room) => isIn(target, room)) === true;
}

/** A way along imports from a file back to itself, for each file that is on one; each circle once. */
function circles(): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const since = path.indexOf(file);
    if (since >= 0) found.push([...path.slice(since), file].join(" → "));
    if (since >= 0 || done.has(file)) return;
    path.push(file);
    for (const target of IMPORTS.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of IMPORTS.keys()) visit(file);
  return found;
}

describe("imports", () => {
  it("run one way: every file imports only what its room may", () => {
    const wrong: string[] = [];
    for (const [file, targets] of IMPORTS) {
      for (const target of targets) if (!mayImport(file, target)) wrong.push(`${file} → ${target}`);
    }
    expect(wrong).toEqual([]);
  });

  it("go in no circle", () => {
    expect(circles()).toEqual([]);
  });

  it("are of files that are there", () => {
    const gone = [...IMPORTS].flatMap(([file, targets]) =>
      targets.filter((target) => !IMPORTS.has(target)).map((target) => `${file} → ${target}`),
    );
    expect(gone).toEqual([]);
  });
});

describe("the rooms", () => {
  it("name only rooms below them", () => {
    const upward = ROOMS.flatMap(([room, ...others], index) =>
      others
        .filter((other) => ROOMS.some(([named], at) => at <= index && isIn(named, other)))
        .map((other) => `${room} → ${other}`),
    );
    expect(upward).toEqual([]);
  });

  it("are all there, and hold every file", () => {
    const files = [...IMPORTS.keys()];
    const empty = ROOMS.filter((_, index) => !files.some((file) => roomOf(file) === index));
    expect(empty.map(([room]) => room)).toEqual([]);
    expect(files.filter((file) => roomOf(file) < 0)).toEqual([]);
  });
});
