/** `flipside dump`: what is told of a crash, and what of the files that it is told from. */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseElf } from "../../controller/bare/elf.ts";
import { Hart } from "../../controller/cpu/hart.ts";
import { dumpCommand } from "../../scripts/dump.ts";
import { encodeDump } from "../../supervisor/device/dump.ts";
import { dump } from "../supervisor/device/dump-fixture.ts";
import { run, scratchDirectory } from "./captured.ts";

const path = scratchDirectory();
const FIRMWARE = "controller/firmware/images/controller-1.1.0.elf";

function mainOf(file: string): number {
  const elf = parseElf(readFileSync(file));
  return "error" in elf ? 0 : (elf.symbols.get("main") ?? 0);
}

/** A dump of the firmware, stopped in main. */
function stoppedInMain(): string {
  const hart = dump.hart.map((word, index) => (index === Hart.PC ? mainOf(FIRMWARE) : word));
  writeFileSync(path("main.dump"), encodeDump({ ...dump, hart }));
  return path("main.dump");
}

/** The firmware's ELF file as `objcopy --only-keep-debug` leaves it: everything but what is loaded. */
function withoutCode(): Uint8Array {
  const file = Uint8Array.from(readFileSync(FIRMWARE));
  const view = new DataView(file.buffer);
  const [programHeaders, sections] = [28, 32].map((at) => view.getUint32(at, true));
  for (let index = 0; index < view.getUint16(44, true); index++) {
    view.setUint32((programHeaders ?? 0) + 32 * index + 16, 0, true);
  }
  for (let index = 0; index < view.getUint16(48, true); index++) {
    const at = (sections ?? 0) + 40 * index;
    if ((view.getUint32(at + 8, true) & 2) !== 0) view.setUint32(at + 4, 8, true);
  }
  return file;
}

/** The firmware's ELF file as `strip` leaves it. */
function withoutNames(): Uint8Array {
  const file = Uint8Array.from(readFileSync(FIRMWARE));
  const view = new DataView(file.buffer);
  const sections = view.getUint32(32, true);
  for (let index = 0; index < view.getUint16(48, true); index++) {
    const type = sections + 40 * index + 4;
    if (view.getUint32(type, true) === 2) view.setUint32(type, 0, true);
  }
  return file;
}

describe("the ELF file of a dump", () => {
  it("that objcopy --only-keep-debug left names addresses, and it is told why there are no calls", async () => {
    writeFileSync(path("debug.elf"), withoutCode());
    const { exitCode, stdout } = await run(dumpCommand, stoppedInMain(), "--elf", path("debug.elf"));
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/#0 0x[0-9a-f]+ main\n/);
    expect(stdout).toContain("--elf has names but no code (objcopy --only-keep-debug)");
  });
  it("that is stripped shows calls, and it is told why they have no names", async () => {
    writeFileSync(path("stripped.elf"), withoutNames());
    const { exitCode, stdout } = await run(dumpCommand, stoppedInMain(), "--elf", path("stripped.elf"));
    expect(exitCode).toBe(0);
    expect(stdout).toContain("--elf has no symbols");
  });
  it("that has both says nothing of itself", async () => {
    const { stdout } = await run(dumpCommand, stoppedInMain(), "--elf", FIRMWARE);
    expect(stdout).toMatch(/#0 0x[0-9a-f]+ main\n/);
    expect(stdout).not.toContain("--elf");
  });
});
