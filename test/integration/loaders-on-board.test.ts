/**
 * Boot loaders on a board of ours and on QEMU's virt: one ELF file, the same 32 MiB of flash, start after start. What they
 * send through the UART is the same, and so is each byte that flash holds afterwards.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseElf } from "../../controller/bare/elf.ts";
import { QEMU } from "../../scripts/conformance/qemu.ts";
import { expectQemuInCi, hasQemu } from "../controller/support/qemu.ts";
import { runToEnd } from "../run-to-end.ts";

const CLI = fileURLToPath(new URL("../../dist/scripts/cli.bundle.cjs", import.meta.url));
const IMAGES = fileURLToPath(new URL("../../controller/firmware/loaders/images/", import.meta.url));

const FLASH_BASE = 0x2000_0000;
const FLASH_BYTES = 32 * 1024 * 1024;
/** controller/firmware/loaders/layout.h and trailer.h. */
const SECTOR = 0x4_0000;
const [PRIMARY, SECONDARY] = [SECTOR, 2 * SECTOR];
const TRAILER_OFFSET = SECTOR - 0x1000;
const UNIT_BYTES = 32;

interface Start {
  readonly uart: string;
  readonly status: number | null;
  readonly flash: Uint8Array;
}

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "flipside-loaders-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const image = (name: string): Uint8Array => readFileSync(join(IMAGES, `${name}.img`));
const [OLD, NEW] = [image("application-1.0.0-16k"), image("application-2.0.0-64k")];

/** A flash with a loader and what else there is, by offset. */
function flashWith(
  loader: string,
  contents: readonly (readonly [offset: number, bytes: Uint8Array])[],
): Uint8Array {
  const flash = new Uint8Array(FLASH_BYTES).fill(0xff);
  const elf = parseElf(readFileSync(join(IMAGES, `${loader}.elf`)));
  if ("error" in elf) throw new Error(elf.message);
  // Parts without bytes are RAM's.
  for (const { address, data } of elf.parts) if (data.length > 0) flash.set(data, address - FLASH_BASE);
  for (const [offset, bytes] of contents) flash.set(bytes, offset);
  return flash;
}

/** Units of each flag, and which flags they are (trailer.h). */
const COPIES = 16;
const FLAGS = { test: 1, keep: 2 } as const;

/** The first unit of a flag: somebody wants the image of a slot to run. */
function request(slot: number, flag: keyof typeof FLAGS): readonly [number, Uint8Array] {
  const unit = slot + TRAILER_OFFSET + FLAGS[flag] * COPIES * UNIT_BYTES;
  return [unit, new TextEncoder().encode(flag.repeat(UNIT_BYTES / flag.length))];
}

function onFlipside(loader: string, flash: string, engine = "auto"): Start {
  const device = join(directory, "device.json");
  const nor = {
    name: "nor",
    base: "0x2000_0000",
    sectors: [{ count: FLASH_BYTES / SECTOR, bytes: SECTOR }],
    writeBlockBytes: 32,
    interface: loader.endsWith("controller") ? "controller" : "cfi",
  };
  const programs = [{ file: join(IMAGES, `${loader}.elf`) }];
  writeFileSync(device, JSON.stringify({ format: 1, board: { flash: [nor], programs } }));
  const options = [
    "--device",
    device,
    "--flash",
    `nor=${flash}`,
    "--exit-code",
    "program",
    "--engine",
    engine,
  ];
  const { status, stdout } = runToEnd(process.execPath, [CLI, "run", ...options], { encoding: "latin1" });
  return { uart: stdout, status, flash: readFileSync(flash) };
}

function onQemu(flash: string): Start {
  const output = join(directory, "uart");
  const { status } = runToEnd(
    QEMU,
    [
      ...["-M", "virt", "-bios", "none", "-m", "32M", "-display", "none", "-monitor", "none"],
      ...["-serial", `file:${output}`, "-drive", `if=pflash,unit=0,format=raw,file=${flash}`],
    ],
    { timeout: 60_000 },
  );
  return { uart: readFileSync(output, "latin1"), status, flash: readFileSync(flash) };
}

const OLD_RUNS = "application 1.0.0 in the primary slot\n";
const NEW_RUNS = "application 2.0.0 in the primary slot\n";
const NEW_IN_PLACE = "application 2.0.0 in the secondary slot\n";
const NOTHING = "loader: nothing to boot\n";

/** What is in flash, and what one start after the other says. */
const CASES: readonly (readonly [
  string,
  string,
  readonly (readonly [number, Uint8Array])[],
  readonly string[],
])[] = [
  ["direct-xip", "with the old image", [[PRIMARY, OLD]], [OLD_RUNS, OLD_RUNS]],
  [
    "direct-xip",
    "with a new image on trial, which never confirms itself",
    [[PRIMARY, OLD], [SECONDARY, NEW], request(PRIMARY, "keep"), request(SECONDARY, "test")],
    [NEW_IN_PLACE, OLD_RUNS, OLD_RUNS],
  ],
  ["direct-xip", "without an image", [], [NOTHING]],
  ["overwrite", "with the old image", [[PRIMARY, OLD]], [OLD_RUNS]],
  [
    "overwrite",
    "with a new image that is asked for",
    [[PRIMARY, OLD], [SECONDARY, NEW], request(SECONDARY, "keep")],
    [NEW_RUNS, NEW_RUNS],
  ],
  ["overwrite", "without an image", [], [NOTHING]],
  ["swap", "with the old image", [[PRIMARY, OLD]], [OLD_RUNS]],
  [
    "swap",
    "with a new image on trial, which never confirms itself",
    [[PRIMARY, OLD], [SECONDARY, NEW], request(SECONDARY, "test")],
    [NEW_RUNS, OLD_RUNS, OLD_RUNS],
  ],
  [
    "swap",
    "with a new image that is asked for without a trial",
    [[PRIMARY, OLD], [SECONDARY, NEW], request(SECONDARY, "keep")],
    [NEW_RUNS, NEW_RUNS],
  ],
  ["swap", "without an image", [], [NOTHING]],
];
/** Signatures are checked in each start, and each start may be twice: some seconds. */
const TIMEOUT_MS = 120_000;

describe("a boot loader starts what QEMU starts, and leaves the flash that QEMU leaves", () => {
  expectQemuInCi();

  it.each(CASES)(
    "%s %s",
    (loader, _, contents, said) => {
      const [ours, theirs] = ["ours.bin", "theirs.bin"].map((name) => join(directory, name)) as [
        string,
        string,
      ];
      writeFileSync(ours, flashWith(loader, contents));
      copyFileSync(ours, theirs);
      for (const uart of said) {
        const start = onFlipside(loader, ours);
        expect([start.uart, start.status]).toEqual([uart, uart === NOTHING ? 2 : 0]);
        if (!hasQemu) continue;
        const reference = onQemu(theirs);
        expect([start.uart, start.status]).toEqual([reference.uart, reference.status]);
        expect(Buffer.compare(start.flash, reference.flash)).toBe(0);
      }
    },
    TIMEOUT_MS,
  );
});

it(
  "a loader that drives the flash controller starts what its slots hold, on each engine",
  () => {
    const flash = join(directory, "controller.bin");
    const [old, next] = ["1.0.0", "2.0.0"].map((version) => image(`application-controller-${version}-16k`));
    const contents = [
      [PRIMARY, old ?? new Uint8Array()],
      [SECONDARY, next ?? new Uint8Array()],
      request(PRIMARY, "keep"),
      request(SECONDARY, "test"),
    ] as const;
    const afterwards = ["interpreter", "translator"].map((engine) => {
      writeFileSync(flash, flashWith("direct-xip-controller", contents));
      expect(onFlipside("direct-xip-controller", flash, engine).uart).toBe(NEW_IN_PLACE);
      const { uart, flash: left } = onFlipside("direct-xip-controller", flash, engine);
      expect(uart).toBe(OLD_RUNS);
      return left;
    });
    expect(Buffer.compare(afterwards[0] as Uint8Array, afterwards[1] as Uint8Array)).toBe(0);
  },
  TIMEOUT_MS,
);
