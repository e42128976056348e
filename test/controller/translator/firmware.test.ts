/**
 * The controller's own firmware in the virtual load region: translated and interpreted, the same commands give
 * the same hart, memory, console and completions.
 */
import { describe, expect, it } from "vitest";
import { Hart } from "../../../controller/cpu/hart.ts";
import { Opcode } from "../../../controller/devices/nvme-spec.ts";
import type { MachineOptions } from "../../../controller/machine.ts";
import { TranslatingEngine } from "../../../controller/translator/engine.ts";
import { WINDOW_BASE } from "../../../emulator/memory/map.ts";
import { BUFFERS, FirmwareDevice, HONEST_VERSIONS } from "../firmware-device.ts";

class TranslatingDevice extends FirmwareDevice {
  declare engine: TranslatingEngine;

  protected override engineOption(): Pick<MachineOptions, "engine"> {
    return {
      engine: (parts, interpreter, memory, slot) => {
        this.engine = new TranslatingEngine(parts, interpreter, memory, slot, { eager: true });
        return this.engine;
      },
    };
  }
}

function state({ machine, ram, host, nvram, console }: FirmwareDevice): unknown {
  const hart = [...machine.hart].map((word, index) =>
    index === Hart.LIMIT || index === Hart.SINK ? 0 : word,
  );
  const digest = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => (sum * 31 + byte) | 0, 0);
  return { hart, console, ram: digest(ram), host: digest(host), nvram: [...nvram] };
}

describe.each(HONEST_VERSIONS)("firmware %s", (version) => {
  const reference = new FirmwareDevice(version, "1.0.0");
  const translated = new TranslatingDevice(version, "1.0.0");
  const both = (act: (device: FirmwareDevice) => unknown): void => {
    expect(act(translated)).toEqual(act(reference));
    expect(state(translated)).toEqual(state(reference));
  };

  it("does the same translated as interpreted, command by command", () => {
    // Prepared as a standby is: with the region behind the window, before the first instruction.
    for (const device of [reference, translated]) device.machine.setRegion(0);
    expect(translated.engine.prepare(WINDOW_BASE + 32)).toBe(true);
    both((device) => device.boot().machine.retired);
    both((device) => device.host.fill(0x5a, device.host.length / 2).length);
    for (let round = 1; round <= 3; round++) {
      const [cdw10, destination] = [64 * round, BUFFERS + 16_384];
      both((device) => device.call({ opcode: Opcode.CRC32C, source: BUFFERS, cdw10: 512 * round }));
      both((device) =>
        device.call({ opcode: Opcode.XOR_PARITY, source: BUFFERS, destination, cdw10, cdw11: 3 }),
      );
      both((device) =>
        device.call({ opcode: Opcode.COPY, source: destination, destination: BUFFERS, cdw10 }),
      );
      both((device) => device.call({ opcode: Opcode.IDENTIFY }));
      both((device) => device.runMs(3));
    }
    expect(translated.engine.stats().retiredTranslated).toBeGreaterThan(2000);
  });

  it("is translated before its first instruction, through what stays the interpreter's", () => {
    const device = new TranslatingDevice(version, "1.0.0");
    device.start();
    device.engine.prepare(WINDOW_BASE + 32);
    expect(device.runUntil(() => device.ready, 10_000)).toBe(true);
    const { retiredTranslated, retiredInterpreted } = device.engine.stats();
    expect(retiredTranslated).toBeGreaterThan(retiredInterpreted);
  });

  it("goes on in the other region, and units of the region before are kept apart", () => {
    both((device) => device.boot(1, { reason: 2 }).machine.retired);
    both((device) => device.call({ opcode: Opcode.CRC32C, source: BUFFERS, cdw10: 2048 }));
    both((device) => device.boot(0, { reason: 2 }).machine.retired);
    both((device) => device.call({ opcode: Opcode.CRC32C, source: BUFFERS, cdw10: 2048 }));
  });

  it("feels a flipped instruction once it is told of it", () => {
    // The first byte behind the image's header is the version's first instruction.
    both((device) => {
      device.region(0)[32] = (device.region(0)[32] ?? 0) ^ 0x80;
      device.start(0, { reason: 3 });
      device.runMs(1);
      return [device.machine.stopped, device.machine.evidence, device.machine.stopPc];
    });
  });
});
