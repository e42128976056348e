/** `flipside run --device` as its user has it: the built command line, a device file, its output and its files. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startDevice } from "../../supervisor/index.ts";
import * as asm from "../controller/support/assembler.ts";
import { writeElf } from "../controller/support/elf-writer.ts";
import { A0, A1, A2, T0 } from "../controller/support/machines.ts";
import { runToEnd } from "../run-to-end.ts";

const CLI = new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url).pathname;
const NOR = 0x2000_0000;
const SECTOR = 0x4_0000;
const NOR_BYTES = 4 * SECTOR;
const FINISHER = 0x0010_0000;
const UART = 0x1000_0000;
const PASS = 0x5555;
const RAM = 0x8000_0000;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "flipside-run-board-"));
  writeFileSync(path("loader.bin"), loader(PASS).bytes());
  writeFileSync(path("old.img"), Uint8Array.of(0x78, 0x56, 0x34, 0x12));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = (name: string): string => join(folder, name);

function store(program: asm.Program, address: number, value: number, width: "sb" | "sw" = "sw"): asm.Program {
  return program
    .li(A0, address)
    .li(A1, value)
    .words(asm.store(width, A1, 0, A0));
}

/** Sends "hi\n", programs what it finds in sector 1 into sector 2 by the flash controller, and finishes. */
function loader(finish: number): asm.Program {
  const program = new asm.Program();
  for (const character of "hi\n") store(program, UART, character.charCodeAt(0), "sb");
  program
    .li(A0, NOR + SECTOR)
    .li(A1, RAM)
    .words(asm.load("lw", A2, 0, A0), asm.store("sw", A2, 0, A1));
  const registers: readonly (readonly [number, number])[] = [
    [0x20, 2 * SECTOR],
    [0x24, 4],
    [0x28, RAM],
    [0x2c, 1],
  ];
  for (const [register, value] of registers) store(program, 0x1003_0000 + register, value);
  program
    .li(T0, 0x1003_0030)
    .label("busy")
    .words(asm.load("lw", A2, 0, T0))
    .branch("beq", A2, 0, "busy");
  return store(program, FINISHER, finish).label("end").jal(0, "end");
}

function deviceFile(changed: object = {}, board: object = {}): string {
  const nor = { name: "nor", base: NOR, interface: "controller", sectors: [{ count: 4, bytes: SECTOR }] };
  const slot = { flash: "nor", offset: SECTOR, bytes: SECTOR };
  const described = {
    format: 1,
    board: {
      flash: [nor],
      programs: [{ file: "loader.bin", at: NOR }],
      start: NOR,
      keyIsOpen: true,
      ...board,
    },
    loader: { mode: "single", slots: { primary: slot }, images: { old: "old.img", new: "gone.img" } },
    ...changed,
  };
  writeFileSync(path("device.json"), JSON.stringify(described));
  return path("device.json");
}

function flipside(...args: readonly string[]) {
  const { status, stdout, stderr } = runToEnd(process.execPath, [CLI, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
}
const run = (...options: readonly string[]) => flipside("run", "--device", deviceFile(), ...options);

describe("a loader on a board of its own", () => {
  it.each([
    [],
    ["--engine", "interpreter", "--clock", "virtual"],
    ["--engine", "translator", "--clock", "virtual"],
  ])("finds the old image in its primary slot, and passes, by %s %s", (...options) => {
    const dump = path("dump");
    const outcome = run(...options, "--dump", `0x20080000:8:${dump}`);
    expect(outcome).toEqual({ status: 0, stdout: "hi\n", stderr: "" });
    expect([...readFileSync(dump)]).toEqual([0x78, 0x56, 0x34, 0x12, 0xff, 0xff, 0xff, 0xff]);
  });

  it("fails with its code and place, and the report has how often it was reset", () => {
    writeFileSync(
      path("failing.elf"),
      writeElf({ code: loader(0x0005_3333).bytes(), address: RAM + 0x1000 }),
    );
    const file = deviceFile({}, { programs: [{ file: "failing.elf" }], start: undefined });
    const { status, stderr } = flipside("run", "--device", file, "--json", path("report.json"));
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^flipside: the program failed with code 5, at pc 0x8000\w{4} after \d+ instructions\n$/,
    );
    expect(JSON.parse(readFileSync(path("report.json"), "utf8"))).toMatchObject({
      format: "flipside run report 1",
      exitReason: "fail",
      failCode: 5,
      resets: 0,
      flashMisuses: [],
      exitCode: 1,
    });
    expect(flipside("run", "--device", file, "--exit-code", "program").status).toBe(5);
  });

  it("that takes its own code away is told so", () => {
    const code = store(new asm.Program(), NOR, 0x0070_0070).label("end").jal(0, "end");
    writeFileSync(path("status.bin"), code.bytes());
    const nor = { name: "nor", base: NOR, sectors: [{ count: 4, bytes: SECTOR }] };
    const programs = [{ file: "status.bin", at: NOR }];
    const { status, stderr } = flipside("run", "--device", deviceFile({}, { flash: [nor], programs }));
    expect(status).toBe(1);
    expect(stderr).toContain("nor gives no code while it reads as anything but its array, or PMP forbids it");
  });

  it("ends at its limit", () => {
    expect(run("--max-instructions", "5")).toMatchObject({
      status: 4,
      stderr: expect.stringMatching(/the program was stopped at pc 0x200000\w\w after 5 instructions/),
    });
  });
});

describe("--flash", () => {
  it("makes the file where there is none, and goes on from what it holds where there is one", () => {
    const file = path("made.bin");
    expect(run("--flash", `nor=${file}`).status).toBe(0);
    const made = readFileSync(file);
    expect([made.length, made.readUInt32LE(SECTOR), made.readUInt32LE(2 * SECTOR)]).toEqual([
      NOR_BYTES,
      0x1234_5678,
      0x1234_5678,
    ]);
    // What is put there anew would undo it.
    made.writeUInt32LE(0x1204_5678, SECTOR);
    writeFileSync(file, made);
    expect(run("--flash", `nor=${file}`).status).toBe(0);
    const left = readFileSync(file);
    expect([left.readUInt32LE(SECTOR), left.readUInt32LE(2 * SECTOR)]).toEqual([0x1204_5678, 0x1204_5678]);
  });

  it("has what a loader wrote that is killed", async () => {
    const file = path("killed.bin");
    const endless = loader(0);
    writeFileSync(path("endless.bin"), endless.bytes());
    const device = deviceFile({}, { programs: [{ file: "endless.bin", at: NOR }] });
    const child = spawn(process.execPath, [CLI, "run", "--device", device, "--flash", `nor=${file}`]);
    try {
      await expect
        .poll(
          () =>
            existsSync(file) &&
            readFileSync(file).length === NOR_BYTES &&
            readFileSync(file).readUInt32LE(2 * SECTOR),
          {
            timeout: 20_000,
          },
        )
        .toBe(0x1234_5678);
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  });

  it.each<readonly [string, () => readonly string[], string]>([
    ["a name alone", () => ["nor"], '--flash is "nor": it must be NAME=FILE'],
    ["no such device", () => ["nand=x"], "--flash names nand: there is no such flash device, but nor"],
    ["one twice", () => ["nor=x", "nor=y"], "--flash names nor twice"],
    [
      "a file of another size",
      () => [`nor=${path("old.img")}`],
      "is named twice: it is read or written once",
    ],
    [
      "a file that is too short",
      () => {
        writeFileSync(path("short.bin"), "short");
        return [`nor=${path("short.bin")}`];
      },
      "short.bin has 5 bytes, and nor has 1048576",
    ],
    [
      "a file that cannot be made",
      () => [`nor=${path("none/x.bin")}`],
      "the content of nor cannot be written: ENOENT",
    ],
  ])("refuses %s", (_, files, sentence) => {
    const { status, stdout, stderr } = run(...files().flatMap((file) => ["--flash", file]));
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^flipside: .*\n$/);
    expect(stderr).toContain(sentence);
  });
});

describe("what makes no sense is refused in one sentence, and nothing runs", () => {
  it.each<readonly [readonly string[], string]>([
    [["x.elf"], "x.elf is one too many: what --device runs is what its device file names"],
    [["--", "word"], "word is one too many: what --device runs is what its device file names"],
    [
      ["--ram", "1M"],
      "--ram does not go with --device: board.ramBytes of the device file says how much RAM there is",
    ],
    [["--isa", "rv32i"], "--isa does not go with --device: hart.isa of the device file"],
    [["--semihosting"], "--semihosting does not go with --device: a board of one's own has no host"],
    [["--signature", "x"], "--signature does not go with --device: "],
    [["--engine", "fast"], '--engine is "fast": '],
    [["--dump", "0x30000000:4:x"], "the dump of 4 bytes at 0x30000000 lies neither in RAM"],
  ])("%j", (options, sentence) => {
    const { status, stdout, stderr } = run(...options);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^flipside: .*\n$/);
    expect(stderr).toContain(sentence);
  });

  it("--flash without --device", () => {
    expect(flipside("run", "x.elf", "--flash", "nor=x")).toEqual({
      status: 2,
      stdout: "",
      stderr: "flipside: --flash nor=x needs --device FILE, which says what flash there is\n",
    });
  });

  it("a device file without a board", () => {
    writeFileSync(path("controller.json"), JSON.stringify({ format: 1 }));
    const { status, stderr } = flipside("run", "--device", path("controller.json"));
    expect(status).toBe(2);
    expect(stderr).toContain("controller.json: board: it is missing: it says what a boot loader runs on");
  });

  it.each([
    [{ programs: [] }, "device.json: board.programs: it names no program"],
    [{ programs: [{ file: "loader.bin" }] }, "board.programs[0].at: it is missing: "],
    [{ start: undefined }, "board.start: it is missing, and a binary has no entry of its own"],
    [{ programs: [{ file: "loader.bin", at: NOR + SECTOR }] }, "device.json: board.programs[0]: "],
    [{ programs: [{ file: "loader.bin", at: 4096 }] }, "lie neither in RAM nor in a flash device"],
    [{ programs: [NOR, NOR + 4].map((at) => ({ file: "loader.bin", at })) }, "bytes at 0x20000004 lie over "],
    [{ programs: [{ file: "none.bin", at: NOR }] }, "device.json: board.programs[0] cannot be read: ENOENT"],
  ])("a board that %j", (board, sentence) => {
    const { status, stderr } = flipside("run", "--device", deviceFile({}, board));
    expect(status).toBe(2);
    expect(stderr).toContain(sentence);
  });
});

describe("what runs controllers alone refuses a boot loader's board", () => {
  const sentence =
    "board: a boot loader's board is no controller: flipside run --device runs it, flipside sweep --device judges it";

  it.each(["serve", "emulate"])("flipside %s", (command) => {
    const { status, stderr } = flipside(command, "--device", deviceFile());
    expect([status, stderr]).toEqual([2, `flipside: ${path("device.json")}: ${sentence}\n`]);
  });

  it("startDevice", async () => {
    await expect(startDevice({ device: deviceFile() })).rejects.toMatchObject({
      kind: "usage",
      message: expect.stringContaining(sentence),
    });
  });
});
