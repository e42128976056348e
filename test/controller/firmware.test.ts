/** The firmware images on the virtual machine: what docs/firmware.md and docs/hardware.md say they do. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Hart } from "../../controller/cpu/hart.ts";
import { NvmeStatus, Opcode } from "../../controller/devices/nvme-spec.ts";
import { NO_REQUIREMENTS, verifyImage } from "../../controller/image/verify.ts";
import { Control } from "../../emulator/memory/control.ts";
import { Evidence } from "../../emulator/memory/evidence.ts";
import { HOST_BASE, WINDOW_BASE } from "../../emulator/memory/map.ts";
import { QUEUE_BYTES, QUEUE_ENTRIES } from "../../emulator/memory/queues.ts";
import {
  BUFFERS,
  type Command,
  crc32c,
  FirmwareDevice,
  HONEST_VERSIONS,
  readImage,
  VERSIONS,
} from "./firmware-device.ts";

const BUFFER_BYTES = new FirmwareDevice("1.0.0").hostBytes - QUEUE_BYTES;

/** Fills host memory's buffers with bytes that no two places share a pattern of. */
function fillBuffers(device: FirmwareDevice, seed: number): void {
  let x = seed | 1;
  for (let i = QUEUE_BYTES; i < device.hostBytes; i++) {
    x = Math.imul(x, 1_103_515_245) + 12_345;
    device.host[i] = x >>> 16;
  }
}

function slice(device: FirmwareDevice, address: number, bytes: number): Uint8Array {
  return device.host.slice(address - HOST_BASE, address - HOST_BASE + bytes);
}

/** Says that nothing in the buffers but `[address, address + bytes)` is other than in `before`. */
function expectOnlyChanged(device: FirmwareDevice, before: Uint8Array, address: number, bytes: number): void {
  const start = address - HOST_BASE;
  // Compared by Buffer: to have Vitest look at a megabyte takes seconds.
  const equal = (from: number, to: number) =>
    Buffer.compare(device.host.subarray(from, to), before.subarray(from, to)) === 0;
  expect(equal(QUEUE_BYTES, start)).toBe(true);
  expect(equal(start + bytes, device.hostBytes)).toBe(true);
}

describe.each(VERSIONS)("image %s", (version) => {
  const image = readImage(version);
  const verified = verifyImage(image, NO_REQUIREMENTS, Number.POSITIVE_INFINITY);

  test("is a sound image of its version for the virtual load region, of at most 16 KiB", () => {
    if (!verified.ok) throw new Error(verified.fault.message);
    const { major, minor, revision } = verified.image.version;
    expect(`${major}.${minor}.${revision}`).toBe(version);
    expect(verified.image.loadAddress).toBe(WINDOW_BASE);
    expect(verified.image.imageBytes).toBe(image.length);
    expect(image.length).toBeLessThanOrEqual(16 * 1024);
  });

  test("ends its body with the CRC-32C of all before it", () => {
    if (!verified.ok) throw new Error(verified.fault.message);
    const end = verified.image.headerBytes + verified.image.bodyBytes;
    const word = new DataView(image.buffer, image.byteOffset + end - 4, 4).getUint32(0, true);
    expect(word).toBe(crc32c(image.subarray(0, end - 4)));
  });

  test.each([0x00, 0xff, 0xa5, undefined])(
    "is ready within 3,000 instructions of reset over RAM of %s",
    (byte) => {
      const device = new FirmwareDevice(version);
      if (byte === undefined) device.ram.set(device.ram.map((_, i) => (i * 167) ^ (i >> 8)));
      else device.ram.fill(byte);
      device.start(0);
      expect(device.runUntil(() => device.ready, 3_000)).toBe(true);
    },
  );

  test("says on the console what it is and why it was started", () => {
    const device = new FirmwareDevice(version, version);
    device.boot(0);
    expect(device.console).toBe(`flipside ${version}, region 0, epoch 1, power-on\n`);
    device.boot(1, { reason: 2 });
    expect(device.console).toBe(`flipside ${version}, region 1, epoch 2, failover\n`);
  });

  test("tells its version and how many commands it served", () => {
    const device = new FirmwareDevice(version).boot();
    const [major = 0, minor = 0, revision = 0] = version.split(".").map(Number);
    device.call({ opcode: Opcode.FLUSH });
    expect(device.call({ opcode: Opcode.IDENTIFY })).toMatchObject({
      status: NvmeStatus.SUCCESS,
      result: (major << 24) | (minor << 16) | revision,
      result2: 1,
    });
  });

  test("sleeps when idle, for ever, without a bite of the watchdog", () => {
    const device = new FirmwareDevice(version).boot();
    device.runMs(5_000);
    expect(device.machine.evidence).toBe(Evidence.NONE);
    // 5 s awake would be 500,000,000 instructions; the scrub takes up to 10,500 at each of 500 ticks.
    expect(device.machine.retired).toBeLessThan(6_000_000);
    expect(device.call({ opcode: Opcode.FLUSH }).status).toBe(NvmeStatus.SUCCESS);
  });

  test("vouches for itself when on trial, once its whole image was scrubbed, and else does not", () => {
    const device = new FirmwareDevice(version).boot();
    device.runMs(300);
    expect(device.confirmed).toBe(false);
    device.boot(0, { trial: true });
    device.runMs(20);
    expect(device.confirmed).toBe(false);
    device.runMs(80);
    expect(device.confirmed).toBe(true);
  });
});

describe.each(VERSIONS)("commands of %s", (version) => {
  const device = new FirmwareDevice(version).boot();
  fillBuffers(device, 99);
  const offset = fc.nat({ max: 20 });
  const size = fc.oneof(fc.nat({ max: 70 }), fc.nat({ max: 9_000 }));
  const runs = { numRuns: 60 };

  test("CRC-32C is right for every size and alignment", () => {
    fc.assert(
      fc.property(offset, size, (at, bytes) => {
        const source = BUFFERS + at;
        const completion = device.call({ opcode: Opcode.CRC32C, source, cdw10: bytes });
        expect(completion.status).toBe(NvmeStatus.SUCCESS);
        expect(completion.result).toBe(crc32c(slice(device, source, bytes)));
      }),
      runs,
    );
  });

  test("XOR parity is right for every number of sources, size and alignment, and touches nothing else", () => {
    fc.assert(
      fc.property(offset, offset, size, fc.integer({ min: 1, max: 6 }), (from, to, bytes, count) => {
        const source = BUFFERS + from;
        const destination = source + bytes * count + to;
        const parity = new Uint8Array(bytes);
        for (let n = 0; n < count; n++) {
          const data = slice(device, source + n * bytes, bytes);
          for (let i = 0; i < bytes; i++) parity[i] = (parity[i] ?? 0) ^ (data[i] ?? 0);
        }
        const before = device.host.slice();
        const command = { opcode: Opcode.XOR_PARITY, source, destination, cdw10: bytes, cdw11: count };
        expect(device.call(command)).toMatchObject({ status: NvmeStatus.SUCCESS, result: crc32c(parity) });
        expect(Buffer.compare(slice(device, destination, bytes), parity)).toBe(0);
        expectOnlyChanged(device, before, destination, bytes);
      }),
      runs,
    );
  });

  test("a copy is exact for every size and alignment, upwards and downwards, and touches nothing else", () => {
    fc.assert(
      fc.property(offset, offset, size, fc.boolean(), (first, gap, bytes, down) => {
        const low = BUFFERS + first;
        const high = low + bytes + gap;
        const [source, destination] = down ? [high, low] : [low, high];
        const expected = slice(device, source, bytes);
        const before = device.host.slice();
        expect(device.call({ opcode: Opcode.COPY, source, destination, cdw10: bytes }).status).toBe(
          NvmeStatus.SUCCESS,
        );
        expect(Buffer.compare(slice(device, destination, bytes), expected)).toBe(0);
        expectOnlyChanged(device, before, destination, bytes);
      }),
      runs,
    );
  });

  test("a command over all of host memory does not starve the watchdog", () => {
    const all = { source: BUFFERS, cdw10: BUFFER_BYTES };
    expect(device.call({ opcode: Opcode.CRC32C, ...all }).result).toBe(
      crc32c(slice(device, BUFFERS, BUFFER_BYTES)),
    );
    const sources = BUFFER_BYTES / 16 - 1;
    const destination = BUFFERS + BUFFER_BYTES - 16;
    const thin = { opcode: Opcode.XOR_PARITY, source: BUFFERS, destination, cdw10: 16, cdw11: sources };
    const parity = new Uint8Array(16);
    slice(device, BUFFERS, sources * 16).forEach((byte, i) => {
      parity[i % 16] = (parity[i % 16] ?? 0) ^ byte;
    });
    expect(device.call(thin)).toMatchObject({ status: NvmeStatus.SUCCESS, result: crc32c(parity) });
  });

  test("a source may end with host memory, whatever its alignment: nothing behind it is read", () => {
    for (const bytes of [1, 2, 3, 4, 5, 30, 31, 32, 33]) {
      const source = BUFFERS + BUFFER_BYTES - bytes;
      const data = slice(device, source, bytes);
      for (const destination of [BUFFERS, BUFFERS + 1, BUFFERS + 2, BUFFERS + 3]) {
        const parity = {
          opcode: Opcode.XOR_PARITY,
          source: source - bytes,
          destination,
          cdw10: bytes,
          cdw11: 2,
        };
        const expected = slice(device, source - bytes, bytes).map((byte, i) => byte ^ (data[i] ?? 0));
        expect(device.call(parity)).toMatchObject({ status: NvmeStatus.SUCCESS, result: crc32c(expected) });
      }
      expect(device.call({ opcode: Opcode.CRC32C, source, cdw10: bytes }).result).toBe(crc32c(data));
    }
  });

  test("refuses buffers that are not all in host memory, and changes nothing", () => {
    const word = fc.integer({ min: 0, max: 0xffff_ffff });
    const end = HOST_BASE + device.hostBytes;
    const outside = fc.oneof(
      fc.record({
        at: fc.integer({ min: end - 4_000, max: end }),
        bytes: fc.integer({ min: 4_001, max: 0xffff_ffff }),
      }),
      fc.record({ at: fc.integer({ min: 0, max: HOST_BASE - 1 }), bytes: word }),
      fc.record({ at: fc.integer({ min: end + 1, max: 0xffff_ffff }), bytes: word }),
    );
    const opcode = fc.constantFrom(Opcode.CRC32C, Opcode.COPY, Opcode.XOR_PARITY);
    fc.assert(
      fc.property(outside, opcode, fc.boolean(), fc.integer({ min: 1, max: 9 }), (bad, code, swap, count) => {
        const isSource = code === Opcode.CRC32C || swap;
        const good = BUFFERS;
        const command: Command = {
          opcode: code,
          source: isSource ? bad.at : good,
          destination: isSource ? good : bad.at,
          cdw10: bad.bytes,
          cdw11: count,
        };
        const before = device.host.slice();
        expect(device.call(command)).toMatchObject({
          status: NvmeStatus.INVALID_FIELD,
          result: 0,
          result2: 0,
        });
        expectOnlyChanged(device, before, BUFFERS, 0);
      }),
      { numRuns: 200 },
    );
  });

  test("refuses sources whose bytes overflow 32 bits, overlap the destination, or are none", () => {
    const parity = { opcode: Opcode.XOR_PARITY, source: BUFFERS + 64, destination: BUFFERS, cdw10: 64 };
    expect(device.call({ ...parity, cdw11: 0x0400_0001 }).status).toBe(NvmeStatus.INVALID_FIELD);
    expect(device.call({ ...parity, cdw11: 0 }).status).toBe(NvmeStatus.INVALID_FIELD);
    expect(device.call({ ...parity, destination: BUFFERS + 1, cdw11: 1 }).status).toBe(
      NvmeStatus.INVALID_FIELD,
    );
    expect(device.call({ ...parity, destination: BUFFERS + 64 + 127, cdw11: 2 }).status).toBe(
      NvmeStatus.INVALID_FIELD,
    );
    expect(device.call({ ...parity, destination: BUFFERS + 64 + 128, cdw11: 2 }).status).toBe(
      NvmeStatus.SUCCESS,
    );
    const copy = { opcode: Opcode.COPY, source: BUFFERS, cdw10: 16 };
    expect(device.call({ ...copy, destination: BUFFERS + 15 }).status).toBe(NvmeStatus.INVALID_FIELD);
    expect(device.call({ ...copy, destination: BUFFERS + 16 }).status).toBe(NvmeStatus.SUCCESS);
  });

  test("refuses every opcode that it does not know, and every fault", () => {
    const known: readonly number[] = [0x00, 0xc0, 0xc1, 0xc2, 0xc3, 0xe0];
    for (let opcode = 0; opcode < 256; opcode++) {
      if (!known.includes(opcode)) expect(device.call({ opcode }).status).toBe(NvmeStatus.INVALID_OPCODE);
    }
    for (const fault of [0, 18, 0x7fff_ffff, 0xffff_ffff]) {
      expect(device.call({ opcode: Opcode.INJECT_FAULT, cdw10: fault }).status).toBe(
        NvmeStatus.INVALID_FIELD,
      );
    }
  });
});

describe.each(VERSIONS)("host queue of %s", (version) => {
  test("a full queue is served in order, wherever in the ring it starts", () => {
    const device = new FirmwareDevice(version).boot();
    for (let round = 0; round < 8; round++) {
      const ids = Array.from({ length: QUEUE_ENTRIES - 1 }, () => device.submit({ opcode: Opcode.FLUSH }));
      device.runUntil(() => device.posted === ids.length, 1_000_000);
      expect(device.take().map(({ id }) => id)).toEqual(ids);
    }
  });

  test("no completion is overwritten: a host that takes none makes the firmware wait, not fail", () => {
    const device = new FirmwareDevice(version).boot();
    const ids = Array.from({ length: QUEUE_ENTRIES - 1 }, () => device.submit({ opcode: Opcode.FLUSH }));
    device.runMs(30);
    for (let n = 0; n < 20; n++) ids.push(device.submit({ opcode: Opcode.FLUSH }));
    device.runMs(1_000);
    expect(device.machine.evidence).toBe(Evidence.NONE);
    const taken = device.take();
    expect(taken).toHaveLength(QUEUE_ENTRIES - 1);
    device.runMs(30);
    expect([...taken, ...device.take()].map(({ id }) => id)).toEqual(ids);
  });

  test.each([
    { what: "an odd number of entries", word: Control.QUEUE_ENTRIES, value: 100 },
    { what: "a queue outside host memory", word: Control.SQ_ADDRESS, value: 0x8000_0000 | 0 },
    { what: "a misaligned queue", word: Control.CQ_ADDRESS, value: HOST_BASE + 2 },
  ])("$what is refused, and does not bring the firmware down", ({ word, value }) => {
    const device = new FirmwareDevice(version);
    device.control[word] = value;
    device.boot();
    device.submit({ opcode: Opcode.FLUSH });
    device.runMs(1_000);
    expect(device.console).toContain("host queue refused\n");
    expect(device.machine.evidence).toBe(Evidence.NONE);
    expect(device.posted).toBe(0);
  });

  test("what one version left in the queue is served by the next", () => {
    const device = new FirmwareDevice(version, "1.0.0").boot();
    device.submit({ opcode: Opcode.FLUSH });
    device.submit({ opcode: Opcode.INJECT_FAULT, cdw10: 1 });
    const last = device.submit({ opcode: Opcode.IDENTIFY });
    device.runMs(20);
    expect(device.machine.evidence).toBe(Evidence.PANIC);
    expect(device.take()).toMatchObject([{ id: 0, status: NvmeStatus.SUCCESS }]);
    device.boot(1, { reason: 2 }).runMs(20);
    expect(device.take()).toMatchObject([{ id: last, status: NvmeStatus.SUCCESS, result: 0x0100_0000 }]);
  });
});

describe.each(HONEST_VERSIONS)("faults of %s", (version) => {
  const exception = (cause: number) => ({ evidence: Evidence.PANIC, code: 0x100 + cause, cause });
  test.each([
    { fault: 1, name: "illegal-instruction", ...exception(2), tval: 0 },
    { fault: 2, name: "load-nowhere", ...exception(5), tval: 0x6000_0000 },
    { fault: 3, name: "store-nowhere", ...exception(7), tval: 0x6000_0000 },
    { fault: 4, name: "store-own-region", ...exception(7), tval: WINDOW_BASE + 32 },
    { fault: 5, name: "jump-zero", ...exception(1), tval: 0 },
    { fault: 6, name: "misaligned-jump", ...exception(2), tval: 0 },
    { fault: 7, name: "stack-overflow", ...exception(7), tval: undefined },
    { fault: 8, name: "ebreak", ...exception(3), tval: undefined },
    { fault: 9, name: "ecall", ...exception(11), tval: 0 },
  ])(
    "$fault $name goes to FAULT with the trap's CSRs and registers untouched",
    ({ fault, evidence, code, ...trap }) => {
      const device = new FirmwareDevice(version).boot();
      expect(device.injectFault(fault)).toBe(evidence);
      const { hart, stopCode } = device.machine;
      expect(stopCode).toBe(code);
      expect(hart[Hart.MCAUSE]).toBe(trap.cause);
      if (trap.tval !== undefined) expect((hart[Hart.MTVAL] ?? 0) >>> 0).toBe(trap.tval);
      const mepc = (hart[Hart.MEPC] ?? 0) >>> 0;
      if (fault === 5) expect(mepc).toBe(0);
      else expect(mepc - WINDOW_BASE).toBeGreaterThan(32);
      // The stack pointer is the interrupted one, in the stack at the bottom of RAM or, overflown, just below.
      const sp = (hart[Hart.X + 2] ?? 0) >>> 0;
      if (fault === 7) expect(sp).toBeLessThan(0x8000_0000);
      else expect(sp - 0x8000_0000).toBeLessThan(4096);
      expect(sp).toBeGreaterThan(0x7fff_ff00);
    },
  );

  test("6 misaligned-jump ends in the upper half of a 4-byte instruction", () => {
    const device = new FirmwareDevice(version).boot();
    device.injectFault(6);
    const at = ((device.machine.hart[Hart.MEPC] ?? 0) >>> 0) - WINDOW_BASE;
    const [lower = 0, , upper0, upper1] = device.region(0).subarray(at - 2, at + 2);
    expect(lower & 3).toBe(3);
    expect([upper0, upper1]).toEqual([0, 0]);
  });

  test.each([
    { fault: 10, name: "finisher", evidence: Evidence.FINISHER, code: 7 },
    { fault: 16, name: "early-kick", evidence: Evidence.EARLY_KICK, code: undefined },
  ])("$fault $name stops the hart at once", ({ fault, evidence, code }) => {
    const device = new FirmwareDevice(version).boot();
    expect(device.injectFault(fault, 1)).toBe(evidence);
    if (code !== undefined) expect(device.machine.stopCode).toBe(code);
  });

  test("11 double-trap stops the hart with the first trap's CSRs", () => {
    const device = new FirmwareDevice(version).boot();
    expect(device.injectFault(11)).toBe(Evidence.DOUBLE_TRAP);
    expect(device.machine.hart[Hart.MCAUSE]).toBe(3);
    expect(device.machine.stopCode).toBe(7);
  });

  test.each([
    { fault: 12, name: "tight-loop" },
    { fault: 13, name: "wfi-forever" },
    { fault: 15, name: "interrupt-storm" },
  ])("$fault $name is ended by the watchdog within its 100 ms", ({ fault }) => {
    const device = new FirmwareDevice(version).boot();
    const startMs = device.nowMs;
    expect(device.injectFault(fault)).toBe(Evidence.WATCHDOG);
    expect(device.nowMs - startMs).toBeLessThanOrEqual(101);
  });

  test("14 kicks-without-progress satisfies the watchdog and completes nothing", () => {
    const device = new FirmwareDevice(version).boot();
    expect(device.injectFault(14, 1_000)).toBe(Evidence.NONE);
    device.submit({ opcode: Opcode.FLUSH });
    device.runMs(1_000);
    expect(device.machine.evidence).toBe(Evidence.NONE);
    expect(device.posted).toBe(0);
  });

  test("17 never-ready withdraws READY, for ever, and satisfies the watchdog", () => {
    const device = new FirmwareDevice(version).boot();
    expect(device.injectFault(17, 150)).toBe(Evidence.NONE);
    expect(device.ready).toBe(false);
  });

  test.each([1, 7, 10, 11, 12, 16])(
    "after fault %i the same version starts again on the RAM it left",
    (fault) => {
      const device = new FirmwareDevice(version).boot();
      expect(device.injectFault(fault)).not.toBe(Evidence.NONE);
      device.boot();
      expect(device.call({ opcode: Opcode.IDENTIFY }).result2).toBe(0);
    },
  );
});

describe.each(VERSIONS)("scrub of %s", (version) => {
  const image = readImage(version);
  const bodyEnd = 32 + new DataView(image.buffer).getUint32(12, true);
  /** What is never executed in this test: the header, the faults (last in the code), constants, the check word. */
  const quiet = [0, 8, 20, 31, bodyEnd - 1, bodyEnd - 4, bodyEnd - 5];

  test("finds a flipped bit in what is not executed within two rounds of 10 ms for each KiB", () => {
    for (const byte of quiet) {
      for (const bit of [0, 7]) {
        const device = new FirmwareDevice(version).boot();
        device.runMs(35);
        const region = device.region(0);
        region[byte] = (region[byte] ?? 0) ^ (1 << bit);
        device.machine.regionChanged(0);
        device.runMs(2 * 10 * Math.ceil(bodyEnd / 1024));
        expect([byte, bit, device.machine.evidence]).toEqual([byte, bit, Evidence.PANIC]);
        expect(device.machine.stopCode).toBe(2);
        expect(device.console).toContain("panic 2\n");
      }
    }
  });

  test("does not see what lies behind the body", () => {
    const device = new FirmwareDevice(version).boot();
    device.region(0).fill(0, bodyEnd);
    device.machine.regionChanged(0);
    device.runMs(500);
    expect(device.machine.evidence).toBe(Evidence.NONE);
  });
});

describe.each(VERSIONS)("NVRAM of %s", (version) => {
  const record = (device: FirmwareDevice) => [(device.nvram[0] ?? 0) >>> 0, (device.nvram[1] ?? 0) >>> 0];
  const serve = (device: FirmwareDevice, commands: number) => {
    for (let n = 0; n < commands; n++) device.call({ opcode: Opcode.FLUSH });
  };

  test.each([0x00, 0xff])("counts commands from 0 when it was never written (all bytes %i)", (blank) => {
    const device = new FirmwareDevice(version);
    device.nvram.fill(blank === 0 ? 0 : -1);
    device.boot();
    expect(record(device)).toEqual([0, 0xffff_ffff]);
    serve(device, 3);
    expect(record(device)).toEqual([3, ~3 >>> 0]);
  });

  test("goes on counting over starts of any version", () => {
    const device = new FirmwareDevice(version, "1.0.0").boot();
    serve(device, 5);
    serve(device.boot(1), 2);
    serve(device.boot(0), 1);
    expect(record(device)).toEqual([8, ~8 >>> 0]);
  });

  test("a power cut between its two stores loses no command", () => {
    for (const behind of [1, 8]) {
      const device = new FirmwareDevice(version);
      device.nvram.set([1000, ~(1000 - behind)]);
      device.boot();
      expect(record(device)).toEqual([1000, ~1000 >>> 0]);
      expect(device.console).not.toContain("damaged");
    }
  });

  test("damage is told: at a start counting begins anew, later it is repaired from RAM", () => {
    const device = new FirmwareDevice(version);
    device.nvram.set([1000, ~1000 ^ 0x100]);
    device.boot();
    expect(device.console).toContain("nvram damaged, counting from 0\n");
    serve(device, 4);
    device.nvram[1] = 77;
    serve(device, 1);
    expect(device.console).toContain("nvram damaged, repaired\n");
    expect(record(device)).toEqual([5, ~5 >>> 0]);
  });
});

/** Serves commands, as many at a time as the queue holds, until the hart stops or `commands` are done. */
function serveMany(device: FirmwareDevice, commands: number): number {
  let done = 0;
  while (done < commands && !device.machine.stopped) {
    const batch = Math.min(QUEUE_ENTRIES - 1, commands - done);
    for (let n = 0; n < batch; n++) device.submit({ opcode: Opcode.FLUSH });
    device.runUntil(() => device.posted === batch, 10_000_000);
    done += device.take().length;
  }
  return done;
}

describe("the bug of 1.2.0", () => {
  test.each(HONEST_VERSIONS)("%s does not have it", (version) => {
    const device = new FirmwareDevice(version).boot();
    expect(serveMany(device, 10_000)).toBe(10_000);
    expect(device.machine.evidence).toBe(Evidence.NONE);
  });

  test("4,096 commands go well, the next one makes it jump through an overwritten pointer", () => {
    const device = new FirmwareDevice("1.2.0").boot();
    expect(serveMany(device, 4_096)).toBe(4_096);
    expect(device.machine.evidence).toBe(Evidence.NONE);
    expect(serveMany(device, 1)).toBe(0);
    expect(device.machine.evidence).toBe(Evidence.PANIC);
    expect(device.machine.stopCode).toBe(0x101);
  });

  test("it shows whatever the host's command ids are", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), (skipped) => {
        const device = new FirmwareDevice("1.2.0").boot();
        device.skipIds(skipped);
        expect(serveMany(device, 5_000)).toBeLessThanOrEqual(4_096);
        expect(device.machine.stopCode).toBe(0x101);
      }),
      { numRuns: 10 },
    );
  });
});
