/**
 * The tarball as npm would publish it: which files are in it, and that a project in TypeScript can use its declarations
 * with nothing but a compiler. Its programs are tried where they are built (test/integration).
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../scripts/commands.ts";
import { runToEnd } from "../run-to-end.ts";
import { filesUnder, ROOT, sourceFiles } from "../sources.ts";

let directory: string;
/** Of the tarball. */
let files: string[];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "flipside-"));
  // What test/build.ts has built; building once more would change it under other tests.
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", directory];
  const packed = runToEnd("npm", args, { cwd: ROOT, encoding: "utf8" });
  expect(packed.status, packed.stderr).toBe(0);
  const [report] = JSON.parse(packed.stdout) as [{ files: { path: string }[]; filename: string }];
  files = report.files.map(({ path }) => path).sort();
  const installed = join(directory, "node_modules", "flipside");
  mkdirSync(installed, { recursive: true });
  const tarball = join(directory, report.filename);
  const untarred = runToEnd("tar", ["-xzf", tarball, "--strip-components=1", "-C", installed]);
  expect(untarred.status).toBe(0);
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Programs that are one file each, with what starts them and where its lines came from (scripts/bundle.ts). */
const PROGRAMS = [
  "scripts/board-worker",
  "scripts/input-worker",
  "supervisor/process",
  "controller/worker",
  "controller/translator-worker",
  "emulator/worker",
  "supervisor/sweep/worker",
  "supervisor/workload/worker",
];
const ENTRIES = ["index", "rules", "scenarios", "device"];

/** Everything that is in the package, and nothing else is. A new kind of file is a decision, to be made here. */
function expected(): string[] {
  const modules = sourceFiles()
    .filter((path) => !path.startsWith("scripts/") && !path.endsWith(".d.ts"))
    .map((path) => `dist/${path.replace(/\.ts$/, ".js")}`);
  const programs = PROGRAMS.flatMap((program) =>
    ["bundle.cjs", "code.cjs", "code.cjs.map"].map((end) => `dist/${program}.${end}`),
  );
  const commands = ["", ...Object.keys(COMMANDS).map((name) => `.${name}`)];
  const commandLine = commands.flatMap((command) =>
    ["code.cjs", "code.cjs.map"].map((end) => `dist/scripts/cli${command}.${end}`),
  );
  return [
    "dist/scripts/cli.bundle.cjs",
    ...commandLine,
    "package.json",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "flipside.schema.json",
    // README names it.
    "test/integration/example.test.ts",
    ...filesUnder("docs"),
    ...filesUnder("controller/firmware/images"),
    // What `flipside init` writes, and what docs/your-firmware.md shows beside it.
    ...filesUnder("controller/firmware/skeleton"),
    ...["hardware.h", "nvme.h", "nvram.c"].map((name) => `controller/firmware/${name}`),
    // For a boot loader of the user's own, docs/loader.md.
    "controller/firmware/loaders/flipside_flash.h",
    ...modules,
    ...programs,
    "dist/scripts/handoff-worker.js",
    ...ENTRIES.map((entry) => `dist/types/${entry}.d.ts`),
  ].sort();
}

describe("the tarball", () => {
  it("holds what it should, and nothing else", () => {
    expect(files).toEqual(expected());
  });

  it("has declarations that import nothing, and in which every name is declared once", () => {
    for (const entry of ENTRIES) {
      const text = readFileSync(join(directory, "node_modules/flipside/dist/types", `${entry}.d.ts`), "utf8");
      expect(text).not.toMatch(/\bimport\b|\bfrom "|\bNodeJS\.|\bBuffer\b|@internal/);
      const names = [...text.matchAll(/^(?:declare )?(?:interface|type|class|const) ([\w$]+)/gm)].map(
        ([, name]) => name,
      );
      expect(names).toEqual([...new Set(names)]);
    }
  });

  it("says which types and which code each of its entries has, and gives no other file", () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      exports: Readonly<Record<string, string | { types: string; default: string }>>;
    };
    for (const entry of Object.values(exports)) {
      const paths = typeof entry === "string" ? [entry] : [entry.types, entry.default];
      for (const path of paths) expect(files).toContain(path.replace(/^\.\//, ""));
    }
    const deep = `import("flipside/dist/supervisor/process/guardian.js").catch(({ code }) => console.log(code))`;
    const imported = runToEnd(process.execPath, ["--input-type=module", "-e", deep], {
      cwd: directory,
      encoding: "utf8",
    });
    expect(imported.stdout).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED\n");
  });
});

/** Uses a little of everything. */
const PROGRAM = `
import { DeviceError, FAULTS, type Failover, type RunningDevice, startDevice, type Workload } from "flipside";
import { decideBoot, type RulesModule } from "flipside/rules";
import type { DeviceModule } from "flipside/device";
import { A, B, START, tableOf, type UserScenario } from "flipside/scenarios";

export const scenarios: readonly UserScenario[] = [
  { name: "mine", setup: { images: ["a", "b"], table: tableOf({ regions: [A, B] }) }, steps: START, ends: 0 },
];
export const rules: RulesModule = { decideBoot: (input) => decideBoot(input) };
export const device: DeviceModule = {
  stateWords: 3,
  accessBytes: [4],
  create({ state, now, flash }) {
    const nor = flash("nor");
    const due = new Float64Array(state.buffer, state.byteOffset, 1); // the first two words
    const SECTOR = 2;
    return {
      load: (offset) => (offset === 4 ? Number(due[0] !== 0) : "fault"), // busy
      store(offset, value) {
        if (offset !== 0) return "fault";
        state[SECTOR] = value;
        due[0] = now() + 450_000; // 45 ms: a tick is 100 ns
      },
      nextEvent: () => due[0] || Infinity,
      tick() {
        nor.erase(state[SECTOR] ?? 0, 4096); // power may go here
        due[0] = 0;
      },
    };
  },
};
export const kinds: readonly string[] = FAULTS.map(({ kind }) => kind);
export async function failOver(images: readonly Uint8Array[]): Promise<Failover> {
  await using device = await startDevice({ images, limits: { budget: { failures: null } } });
  await device.inject("ebreak");
  const { bytes } = device.hostMemory;
  const { text } = await device.uart();
  if (text.length > bytes) throw new DeviceError("NoRoom", text, "resource");
  return device.nextFailover();
}
export const version = async (device: RunningDevice): Promise<string | undefined> =>
  (await device.status()).regions[0]?.version;
export const workload: Workload = async (host) => {
  const { status } = await host.command({ opcode: 0xd1 }, Uint8Array.of(host.random(256)));
  host.check("it succeeds", status === 0, String(status));
};
// @ts-expect-error: an option that there is none of
export const wrong = (): Promise<RunningDevice> => startDevice({ imags: [] });
`;

describe.each([
  ["TypeScript 5.7", "typescript-5.7"],
  ["TypeScript 7", "typescript"],
])("a strict project compiles against it with %s", (_, compiler) => {
  it.each([
    ["NodeNext", "NodeNext"],
    ["ESNext", "Bundler"],
  ])(
    "and module %s, resolved as %s does, without dom, types of Node's or skipLibCheck",
    (module, moduleResolution) => {
      const project = join(directory, `${compiler}-${moduleResolution}`);
      mkdirSync(project);
      writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }));
      writeFileSync(join(project, "program.ts"), PROGRAM);
      const compilerOptions = {
        module,
        moduleResolution,
        target: "ES2022",
        lib: ["ES2022"],
        types: [],
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
        noEmit: true,
      };
      writeFileSync(
        join(project, "tsconfig.json"),
        JSON.stringify({ compilerOptions, include: ["program.ts"] }),
      );
      const tsc = join(ROOT, "node_modules", compiler, "bin", "tsc");
      const compiled = runToEnd(process.execPath, [tsc, "-p", project], { encoding: "utf8" });
      expect([compiled.stdout, compiled.stderr, compiled.status]).toEqual(["", "", 0]);
    },
  );
});
