/** The registers of docs/hardware.md, as a program sees them through loads and stores. */
import { describe, expect, it } from "vitest";
import { DeviceBus } from "../../../controller/bus.ts";
import { BUS_FAULT } from "../../../controller/cpu/engine.ts";
import { Hart } from "../../../controller/cpu/hart.ts";
import { Clint } from "../../../controller/devices/clint.ts";
import type { Device } from "../../../controller/devices/device.ts";
import { Finisher } from "../../../controller/devices/finisher.ts";
import { GoldfishRtc } from "../../../controller/devices/goldfish-rtc.ts";
import { HostQueue } from "../../../controller/devices/host-queue.ts";
import { Plic } from "../../../controller/devices/plic.ts";
import { DEVICE_STATE_WORDS } from "../../../controller/devices/state.ts";
import { Status } from "../../../controller/devices/status.ts";
import { Uart } from "../../../controller/devices/uart.ts";
import { Watchdog } from "../../../controller/devices/watchdog.ts";
import { Control } from "../../../emulator/memory/control.ts";
import { Evidence } from "../../../emulator/memory/evidence.ts";
import { deviceState, TestBoard } from "./test-board.ts";

describe("finisher", () => {
  it.each([
    ["pass", 0x5555, [{ evidence: Evidence.FINISHER, code: 0, passed: true }]],
    ["fail with its code", 0x0007_3333, [{ evidence: Evidence.FINISHER, code: 7, passed: false }]],
    ["fail with code 0 is no pass", 0x3333, [{ evidence: Evidence.FINISHER, code: 0, passed: false }]],
    ["anything else is ignored", 0x1234, []],
  ])("%s", (_, value, stops) => {
    const board = new TestBoard();
    const finisher = new Finisher(board);
    expect(finisher.store(0, value)).toBe(0);
    expect(board.stops).toEqual(stops);
  });
  it("is write-only and has one register", () => {
    const finisher = new Finisher(new TestBoard());
    expect(finisher.load()).toBe(BUS_FAULT);
    expect(finisher.store(4, 0x5555)).toBe(BUS_FAULT);
  });
});

describe("PLIC", () => {
  const [PENDING, ENABLE, THRESHOLD, CLAIM] = [0x1000, 0x2000, 0x20_0000, 0x20_0004];
  const EXTERNAL = 1 << 11;
  function plic() {
    const high = new Set<number>();
    const source = (number: number) => {
      const pending = () => (high.has(number) ? EXTERNAL : 0);
      const device = {
        name: "it",
        accessBytes: 4,
        load: () => 0,
        store: () => 0,
        pending,
        awaitsInput: () => true,
      };
      return { source: number, device };
    };
    const device = new Plic(deviceState(), new TestBoard(), [40, 7].map(source));
    device.reset();
    for (const number of [7, 40]) device.store(4 * number, 1);
    for (const word of [0, 1]) device.store(ENABLE + 4 * word, -1);
    return { device, high };
  }
  it("has a source whose line stays high pending again once it is completed, and not before", () => {
    const { device, high } = plic();
    high.add(40);
    expect([device.pending(0), device.load(PENDING + 4), device.load(CLAIM)]).toEqual([EXTERNAL, 1 << 8, 40]);
    expect([device.pending(0), device.load(PENDING + 4), device.load(CLAIM)]).toEqual([0, 0, 0]);
    device.store(CLAIM, 40);
    expect([device.pending(0), device.load(CLAIM)]).toEqual([EXTERNAL, 40]);
  });
  it("keeps one pending whose line has fallen", () => {
    const { device, high } = plic();
    high.add(7);
    device.pending(0);
    high.clear();
    expect([device.load(PENDING), device.load(CLAIM), device.load(CLAIM)]).toEqual([1 << 7, 7, 0]);
  });
  it.each([-1, 96, 192])("leaves everything as it is when %i is completed, which it has not", (source) => {
    const { device } = plic();
    for (let number = 1; number <= 96; number++) device.store(4 * number, 5);
    device.store(CLAIM, source);
    for (let number = 1; number <= 96; number++) expect(device.load(4 * number)).toBe(5);
  });
  it("awaits input where a source that does would reach the hart", () => {
    const { device } = plic();
    expect(device.awaitsInput()).toBe(true);
    device.store(THRESHOLD, 1);
    expect(device.awaitsInput()).toBe(false);
    device.store(4 * 40, 2);
    expect(device.awaitsInput()).toBe(true);
    device.store(ENABLE + 4, 0);
    expect(device.awaitsInput()).toBe(false);
  });
});

describe("the real-time clock", () => {
  const [TIME_LOW, TIME_HIGH, ALARM_LOW, ALARM_HIGH, ENABLE, STATUS] = [0, 4, 8, 12, 16, 24];
  const EPOCH_NS = 0x1234_5678_9abc_def0n;
  function clock() {
    const board = new TestBoard();
    const device = new GoldfishRtc(deviceState(), EPOCH_NS, board);
    device.reset();
    return { board, device };
  }
  it("tells nanoseconds since 1970, and latches the upper half", () => {
    const { board, device } = clock();
    board.ticks = 3;
    expect(device.load(TIME_LOW)).toBe(0x9abc_def0 + 300);
    board.ticks = 2 ** 32;
    expect(device.load(TIME_HIGH)).toBe(0x1234_5678);
  });
  it("goes on over a reset, which takes the alarm", () => {
    const { board, device } = clock();
    device.store(TIME_HIGH, 1);
    device.store(TIME_LOW, 2);
    device.store(ALARM_HIGH, 2);
    device.store(ALARM_LOW, 0);
    device.reset();
    board.ticks = 1;
    expect([device.load(TIME_LOW), device.load(TIME_HIGH)]).toEqual([102, 1]);
    expect([device.load(STATUS), device.nextEvent(1)]).toEqual([0, Number.POSITIVE_INFINITY]);
  });
  it("rings not before its time, and then once", () => {
    const { board, device } = clock();
    const alarm = EPOCH_NS + 150n;
    device.store(ENABLE, 1);
    device.store(ALARM_HIGH, Number(BigInt.asIntN(32, alarm >> 32n)));
    device.store(ALARM_LOW, Number(BigInt.asIntN(32, alarm)));
    expect([device.nextEvent(0), device.load(STATUS), device.pending(1), device.pending(2)]).toEqual([
      2,
      1,
      0,
      1 << 11,
    ]);
    board.ticks = 2;
    expect([device.nextEvent(2), device.load(STATUS)]).toEqual([Number.POSITIVE_INFINITY, 0]);
  });
});

describe("CLINT", () => {
  const TIMER = 1 << 7;
  const SOFTWARE = 1 << 3;
  function clint() {
    const board = new TestBoard();
    const device = new Clint(deviceState(), board);
    device.reset();
    return { board, device };
  }
  it("msip has bit 0 alone and raises the software interrupt", () => {
    const { board, device } = clint();
    device.store(0, -1);
    expect(device.load(0)).toBe(1);
    expect(device.pending(0)).toBe(SOFTWARE);
    device.store(0, 2);
    expect(device.pending(0)).toBe(0);
    expect(board.changes).toBe(2);
  });
  it("mtime tells the board's ticks, 64 bits", () => {
    const { board, device } = clint();
    board.ticks = 5 * 2 ** 32 + 0xffff_fff0;
    expect([device.load(0xbff8), device.load(0xbffc)]).toEqual([0xffff_fff0, 5]);
  });
  it("mtime goes on from what is written to either half", () => {
    const { board, device } = clint();
    board.ticks = 2 ** 32 + 7;
    device.store(0xbff8, 0x100);
    expect([device.load(0xbff8), device.load(0xbffc)]).toEqual([0x100, 1]);
    device.store(0xbffc, 9);
    expect([device.load(0xbff8), device.load(0xbffc)]).toEqual([0x100, 9]);
    board.ticks += 2 ** 32 - 0x100;
    expect([device.load(0xbff8), device.load(0xbffc)]).toEqual([0, 10]);
  });
  it("the timer interrupt is pending while mtime ≥ mtimecmp, unsigned over 64 bits; never after reset", () => {
    const { device } = clint();
    expect(device.pending(Number.MAX_SAFE_INTEGER)).toBe(0);
    device.store(0x4000, -1);
    device.store(0x4004, 1);
    expect([device.load(0x4000), device.load(0x4004)]).toEqual([0xffff_ffff, 1]);
    expect(device.pending(2 ** 33 - 2)).toBe(0);
    expect(device.pending(2 ** 33 - 1)).toBe(TIMER);
    expect(device.pending(2 ** 33)).toBe(TIMER);
  });
  it("the next event is the tick of mtimecmp, and none once that has come", () => {
    const { device } = clint();
    expect(device.nextEvent(0)).toBe(Number.POSITIVE_INFINITY);
    device.store(0x4000, 1000);
    device.store(0x4004, 0);
    expect(device.nextEvent(10)).toBe(1000);
    expect(device.nextEvent(1000)).toBe(Number.POSITIVE_INFINITY);
  });
  it("an offset address between its registers faults", () => {
    const { device } = clint();
    expect(device.load(4)).toBe(BUS_FAULT);
    expect(device.store(0x4008, 1)).toBe(BUS_FAULT);
  });
});

describe("UART", () => {
  function uart(input: number[] = []) {
    const board = new TestBoard();
    const sent: number[] = [];
    const device = new Uart(
      deviceState(),
      { send: (byte) => sent.push(byte), receive: () => input.shift() ?? -1 },
      board,
    );
    device.reset();
    return { board, device, sent };
  }
  it("sends at once and is always empty", () => {
    const { device, sent } = uart();
    expect(device.load(5)).toBe(0x60);
    device.store(0, 0x141);
    device.store(0, 0x42);
    expect(sent).toEqual([0x41, 0x42]);
    expect(device.load(5)).toBe(0x60);
  });
  it("receives in order, and LSR tells that a byte is there", () => {
    const { device } = uart([0x61, 0x62]);
    expect(device.load(5)).toBe(0x61);
    expect([device.load(0), device.load(0)]).toEqual([0x61, 0x62]);
    expect(device.load(5)).toBe(0x60);
  });
  it("tells the last byte again where there is none, and 0 with the FIFO on", () => {
    const { device } = uart([0x61]);
    expect([device.load(0), device.load(0)]).toEqual([0x61, 0x61]);
    device.store(2, 1);
    expect(device.load(0)).toBe(0);
  });
  it("the divisor latch hides data and interrupt enable while DLAB is set", () => {
    const { device, sent } = uart();
    device.store(3, 0x83);
    device.store(0, 0x12);
    device.store(1, 0x34);
    expect([device.load(0), device.load(1), device.load(3)]).toEqual([0x12, 0x34, 0x83]);
    device.store(3, 0x03);
    expect([device.load(0), device.load(1)]).toEqual([0, 0]);
    expect(sent).toEqual([]);
  });
  it("interrupts for a received byte until it is read", () => {
    const input: number[] = [];
    const { device } = uart(input);
    device.store(1, 1);
    expect([device.interrupt, device.load(2)]).toEqual([false, 1]);
    input.push(7);
    expect([device.interrupt, device.load(2)]).toEqual([true, 4]);
    device.load(0);
    expect([device.interrupt, device.load(2)]).toEqual([false, 1]);
  });
  it("interrupts for an empty transmitter once per enabling and per byte, acknowledged by IIR", () => {
    const { device } = uart();
    device.store(1, 2);
    expect([device.interrupt, device.load(2), device.interrupt]).toEqual([true, 2, false]);
    device.store(0, 0x41);
    expect([device.interrupt, device.load(2), device.load(2)]).toEqual([true, 2, 1]);
  });
  describe("in loopback is its own other end", () => {
    const LOOPBACK = 0x10;
    it.each([
      ["0x10", "0x00"],
      ["0x11", "0x20"],
      ["0x12", "0x10"],
      ["0x14", "0x40"],
      ["0x18", "0x80"],
      ["0x1a", "0x90"],
      ["0x1f", "0xf0"],
    ])(
      "with MCR %s MSR tells modem inputs %s: DTR is DSR, RTS is CTS, OUT1 is RI, OUT2 is DCD",
      (mcr, inputs) => {
        const msr = Number(inputs);
        const { device } = uart();
        device.store(4, Number(mcr));
        expect(device.load(6)).toBe(msr);
        device.store(4, 0);
        expect(device.load(6)).toBe(0xb0);
      },
    );
    it("asked for the interrupt, MSR tells what has changed since it was read, of the ring indicator its end", () => {
      const { device } = uart();
      device.store(1, 8);
      device.store(4, LOOPBACK);
      device.load(6);
      const told = [0x11, 0x12, 0x14, 0x10, 0x18, 0x18].map((mcr) => {
        device.store(4, mcr);
        return device.load(6);
      });
      expect(told).toEqual([0x22, 0x13, 0x41, 0x04, 0x88, 0x80]);
    });
    it("interrupts for a change of the modem inputs until MSR is read, as the last in turn", () => {
      const { device } = uart();
      device.store(1, 8);
      expect(device.interrupt).toBe(false);
      device.store(4, LOOPBACK);
      expect([device.interrupt, device.load(2), device.load(2)]).toEqual([true, 0, 0]);
      device.store(0, 1);
      device.store(1, 0x0b);
      expect([device.load(2), device.load(0), device.load(2), device.load(2)]).toEqual([4, 1, 2, 0]);
      device.load(6);
      expect([device.interrupt, device.load(2)]).toEqual([false, 1]);
    });
    it("what is sent is received, and goes not out; nothing comes in", () => {
      const { device, sent } = uart([0x61]);
      device.store(4, LOOPBACK);
      expect(device.load(5)).toBe(0x60);
      device.store(0, 0x41);
      expect([device.load(5), device.load(0), device.load(5)]).toEqual([0x61, 0x41, 0x60]);
      expect(sent).toEqual([]);
      device.store(4, 0);
      expect(device.load(0)).toBe(0x61);
    });
    it("a byte that is not read in time is lost to the next one; LSR tells that once, and interrupts", () => {
      const { device } = uart();
      device.store(4, LOOPBACK);
      device.store(1, 4);
      device.store(0, 1);
      expect(device.interrupt).toBe(false);
      device.store(0, 2);
      expect([device.load(2), device.load(5), device.load(5), device.load(2)]).toEqual([6, 0x63, 0x61, 1]);
      expect(device.load(0)).toBe(2);
    });
    it("with the FIFO on sixteen are held, and the seventeenth is lost", () => {
      const { device } = uart();
      device.store(4, LOOPBACK);
      device.store(2, 1);
      for (let byte = 1; byte <= 17; byte++) device.store(0, byte);
      expect(device.load(5)).toBe(0x63);
      expect(Array.from({ length: 17 }, () => device.load(0))).toEqual(
        [...Array(16).keys()].map((i) => i + 1).concat(0),
      );
    });
    it.each([
      [0x01, 1],
      [0x41, 4],
      [0x81, 8],
      [0xc1, 14],
    ])("with FCR %i the FIFO asks from %i bytes on, and below by the timeout", (fcr, trigger) => {
      const { device } = uart();
      device.store(4, LOOPBACK);
      device.store(2, fcr);
      device.store(1, 1);
      expect(device.load(2)).toBe(0xc1);
      for (let byte = 1; byte < trigger; byte++) {
        device.store(0, byte);
        expect(device.load(2)).toBe(0xcc);
      }
      device.store(0, 0);
      expect(device.load(2)).toBe(0xc4);
    });
  });
  it.each([
    ["FCR bit 1", 1, 0x03],
    ["FCR bit 1 without the FIFO", 0, 0x02],
    ["switching the FIFO on", 0, 0x01],
    ["switching the FIFO off", 1, 0x00],
  ])("%s empties the receiver", (_, before, fcr) => {
    const { device } = uart();
    device.store(2, before);
    device.store(4, 0x10);
    device.store(0, 0x41);
    expect(device.load(5)).toBe(0x61);
    device.store(2, fcr);
    expect(device.load(5)).toBe(0x60);
  });
  it("tells in IIR that the FIFO is on", () => {
    const { device } = uart();
    device.store(2, 7);
    expect(device.load(2)).toBe(0xc1);
  });
  it("keeps modem control and scratch", () => {
    const { device } = uart();
    device.store(4, 0xff);
    device.store(7, 0xa5);
    expect([device.load(4), device.load(7)]).toEqual([0x1f, 0xa5]);
  });
  it("has eight registers", () => {
    const { device } = uart();
    expect(device.load(8)).toBe(BUS_FAULT);
    expect(device.store(8, 0)).toBe(BUS_FAULT);
  });
});

describe("watchdog", () => {
  const TICKS_PER_US = 10;
  function watchdog() {
    const board = new TestBoard();
    const device = new Watchdog(deviceState(), board);
    board.ticking.push(device);
    device.reset();
    return { board, device };
  }
  const evidence = (board: TestBoard): Evidence[] => board.stops.map((stop) => stop.evidence);

  it("is stopped until a period is written; 0 is ignored", () => {
    const { board, device } = watchdog();
    device.store(0, 0);
    expect(device.nextEvent()).toBe(Number.POSITIVE_INFINITY);
    device.tick(Number.MAX_SAFE_INTEGER, 0);
    expect(board.stops).toEqual([]);
  });
  it("expires one period after its start, not one tick before", () => {
    const { board, device } = watchdog();
    board.ticks = 500;
    device.store(0, 100);
    expect(device.nextEvent()).toBe(500 + 100 * TICKS_PER_US);
    device.tick(1499, 0);
    expect(board.stops).toEqual([]);
    device.tick(1500, 0);
    expect(evidence(board)).toEqual([Evidence.WATCHDOG]);
  });
  it("a kick restarts the period; once running, 0 does not stop it", () => {
    const { board, device } = watchdog();
    device.store(0, 100);
    board.ticks = 900;
    device.store(8, 0x5a);
    device.store(0, 0);
    expect(device.nextEvent()).toBe(1900);
  });
  it("a new period counts from the last kick", () => {
    const { board, device } = watchdog();
    device.store(0, 100);
    board.ticks = 300;
    device.store(0, 50);
    expect(device.nextEvent()).toBe(500);
  });
  it("a kick or a new period that comes too late is an expiry", () => {
    for (const [offset, value] of [
      [8, 0x5a],
      [0, 1000],
    ] as const) {
      const { board, device } = watchdog();
      device.store(0, 100);
      board.ticks = 1000;
      device.store(offset, value);
      expect(evidence(board)).toEqual([Evidence.WATCHDOG]);
    }
  });
  it("any value but 0x5A is a bad kick, at once and even while it is stopped", () => {
    const { board, device } = watchdog();
    device.store(8, 0x5b);
    expect(board.stops).toEqual([{ evidence: Evidence.EARLY_KICK, code: 0x5b, passed: false }]);
  });
  it("a kick inside the window is early, one at its end is not", () => {
    const { board, device } = watchdog();
    device.store(0, 100);
    device.store(4, 40);
    board.ticks = 400;
    device.store(8, 0x5a);
    expect(board.stops).toEqual([]);
    board.ticks = 799;
    device.store(8, 0x5a);
    expect(evidence(board)).toEqual([Evidence.EARLY_KICK]);
  });
  it("takes periods up to 2^32 − 1 µs", () => {
    const { device } = watchdog();
    device.store(0, -1);
    expect(device.nextEvent()).toBe(0xffff_ffff * TICKS_PER_US);
  });
  it("is write-only", () => {
    const { device } = watchdog();
    expect(device.load()).toBe(BUS_FAULT);
    expect(device.store(0xc, 1)).toBe(BUS_FAULT);
  });
});

describe("controller status", () => {
  const EPOCH = 9;
  function status() {
    const board = new TestBoard();
    const control = new Int32Array(new SharedArrayBuffer(Control.WORDS * 4));
    control[Control.BOOT_REASON] = 2;
    control[Control.REGION] = 1;
    control[Control.TRIAL] = 1;
    board.bootEpoch = EPOCH;
    return { board, control, device: new Status(control, board) };
  }
  it("tells why and as what this version was started", () => {
    const { device } = status();
    expect([0, 4, 8, 0xc].map((offset) => device.load(offset))).toEqual([2, EPOCH, 1, 1]);
  });
  it("READY carries the boot epoch outside, may be withdrawn, and rings", () => {
    const { board, control, device } = status();
    expect(device.load(0x10)).toBe(0);
    device.store(0x10, 1);
    expect([device.load(0x10), control[Control.READY], board.rings]).toEqual([1, EPOCH, 1]);
    device.store(0x10, 0);
    expect([device.load(0x10), control[Control.READY], board.rings]).toEqual([0, 0, 2]);
  });
  it("what another version said does not count", () => {
    const { control, device } = status();
    control[Control.READY] = EPOCH - 1;
    control[Control.CONFIRM] = EPOCH - 1;
    expect([device.load(0x10), device.load(0x14)]).toEqual([0, 0]);
  });
  it("CONFIRM is said once and not taken back", () => {
    const { control, device } = status();
    device.store(0x14, 1);
    device.store(0x14, 0);
    expect([device.load(0x14), control[Control.CONFIRM]]).toEqual([1, EPOCH]);
  });
  it("CAPABILITIES keeps what is stored there, for the next READY to be looked at with", () => {
    const { board, control, device } = status();
    expect(device.load(0x1c)).toBe(0);
    device.store(0x1c, 0x8000_0007);
    expect([device.load(0x1c), control[Control.CAPABILITIES], board.rings]).toEqual([
      0x8000_0007,
      0x8000_0007 | 0,
      0,
    ]);
  });
  it("FAULT stops the hart with the code", () => {
    const { board, device } = status();
    device.store(0x18, 0x107);
    expect(board.stops).toEqual([{ evidence: Evidence.PANIC, code: 0x107, passed: false }]);
  });
  it.each([
    ["the boot reason is read-only", 0x00],
    ["the region is read-only", 0x08],
    ["there is no register here", 0x20],
  ])("%s", (_, offset) => {
    expect(status().device.store(offset, 1)).toBe(BUS_FAULT);
  });
  it("FAULT is write-only", () => {
    expect(status().device.load(0x18)).toBe(BUS_FAULT);
  });
});

describe("host queue", () => {
  function hostQueue() {
    const board = new TestBoard();
    const control = new Int32Array(new SharedArrayBuffer(Control.WORDS * 4));
    control[Control.QUEUE_ENTRIES] = 8;
    control[Control.SQ_ADDRESS] = 0x4000_0000;
    control[Control.CQ_ADDRESS] = 0x4000_0200;
    control[Control.SQ_TAIL] = 3;
    control[Control.CQ_HEAD] = 2;
    return { board, control, device: new HostQueue(control, 65_536, board) };
  }
  interface Indices {
    readonly entries?: number;
    readonly sqHead?: number;
    readonly sqTail?: number;
    readonly cqHead?: number;
    readonly cqTail?: number;
  }
  function setIndices(control: Int32Array, indices: Indices): void {
    control[Control.QUEUE_ENTRIES] = indices.entries ?? 8;
    control[Control.SQ_HEAD] = indices.sqHead ?? 0;
    control[Control.SQ_TAIL] = indices.sqTail ?? 0;
    control[Control.CQ_HEAD] = indices.cqHead ?? 0;
    control[Control.CQ_TAIL] = indices.cqTail ?? 0;
  }
  it("shows the queue as it stands", () => {
    const { device } = hostQueue();
    const registers = [0x00, 0x04, 0x08, 0x0c, 0x10, 0x14, 0x18, 0x1c].map((offset) => device.load(offset));
    expect(registers).toEqual([0x4000_0000, 0x4000_0200, 8, 3, 0, 0, 2, 65_536]);
  });
  it("interrupts while there are entries to fetch", () => {
    const { board, device } = hostQueue();
    expect(device.interrupt).toBe(true);
    device.store(0x10, 3);
    expect(device.interrupt).toBe(false);
    expect(board.changes).toBe(1);
  });
  it("a posted completion rings the host", () => {
    const { board, control, device } = hostQueue();
    device.store(0x14, 1);
    expect([control[Control.CQ_TAIL], board.rings]).toEqual([1, 1]);
  });
  it.each([
    ["SQ_HEAD moves over an entry that was submitted", 0x10, 5, { sqHead: 4, sqTail: 6 }],
    ["SQ_HEAD moves exactly to the tail", 0x10, 6, { sqHead: 4, sqTail: 6 }],
    ["SQ_HEAD stays where it is", 0x10, 4, { sqHead: 4, sqTail: 6 }],
    ["SQ_HEAD stays where it is, the queue empty", 0x10, 4, { sqHead: 4, sqTail: 4 }],
    ["SQ_HEAD wraps", 0x10, 0, { sqHead: 7, sqTail: 1 }],
    ["SQ_HEAD wraps to the tail over a full queue", 0x10, 3, { sqHead: 4, sqTail: 3 }],
    ["CQ_TAIL moves into a free entry", 0x14, 5, { cqHead: 4, cqTail: 4 }],
    ["CQ_TAIL moves exactly to where one entry is free", 0x14, 7, { cqHead: 0, cqTail: 5 }],
    ["CQ_TAIL stays where it is", 0x14, 5, { cqHead: 4, cqTail: 5 }],
    ["CQ_TAIL stays where it is, the queue full", 0x14, 3, { cqHead: 4, cqTail: 3 }],
    ["CQ_TAIL wraps", 0x14, 1, { cqHead: 6, cqTail: 7 }],
    ["CQ_TAIL wraps to where one entry is free", 0x14, 3, { cqHead: 4, cqTail: 4 }],
  ])("%s", (_, offset, value, indices) => {
    const { control, device } = hostQueue();
    setIndices(control, indices);
    expect(device.store(offset, value)).toBe(0);
    expect(device.load(offset)).toBe(value);
  });
  it.each([
    ["SQ_HEAD past the tail", 0x10, 7, { sqHead: 4, sqTail: 6 }],
    ["SQ_HEAD past the tail of an empty queue", 0x10, 5, { sqHead: 4, sqTail: 4 }],
    ["SQ_HEAD backwards", 0x10, 3, { sqHead: 4, sqTail: 6 }],
    ["SQ_HEAD backwards, all entries but one submitted", 0x10, 3, { sqHead: 4, sqTail: 2 }],
    ["SQ_HEAD past the tail behind the wrap", 0x10, 2, { sqHead: 7, sqTail: 1 }],
    ["SQ_HEAD backwards over the wrap", 0x10, 7, { sqHead: 0, sqTail: 2 }],
    ["CQ_TAIL into the entry that stays free", 0x14, 0, { cqHead: 0, cqTail: 5 }],
    ["CQ_TAIL past the host's head", 0x14, 1, { cqHead: 0, cqTail: 5 }],
    ["CQ_TAIL backwards", 0x14, 4, { cqHead: 3, cqTail: 5 }],
    ["CQ_TAIL onto the host's head behind the wrap", 0x14, 2, { cqHead: 2, cqTail: 7 }],
    ["CQ_TAIL backwards over the wrap", 0x14, 7, { cqHead: 6, cqTail: 0 }],
    ["any index of a queue without entries", 0x10, 0, { entries: 0 }],
  ])("a store of %s faults and changes nothing", (_, offset, value, indices) => {
    const { board, control, device } = hostQueue();
    setIndices(control, indices);
    const before = [...control];
    expect(device.store(offset, value)).toBe(BUS_FAULT);
    expect([...control]).toEqual(before);
    expect([board.changes, board.rings]).toEqual([0, 0]);
  });
  it.each([
    ["an index outside the queue", 0x10, 8],
    ["a negative index", 0x14, -1],
    ["the host's doorbell", 0x0c, 1],
    ["the host's head", 0x18, 1],
    ["the number of entries", 0x08, 4],
    ["beyond the registers", 0x20, 0],
  ])("a store of %s faults and changes nothing", (_, offset, value) => {
    const { control, device } = hostQueue();
    const before = [...control];
    expect(device.store(offset, value)).toBe(BUS_FAULT);
    expect([...control]).toEqual(before);
  });
});

describe("the bus", () => {
  const echo: Device = { name: "echo", accessBytes: 4, load: (offset) => offset, store: () => 0 };
  const kept = (accessBytes: number) => {
    const stored: number[] = [];
    const load = () => 0x8765_4321;
    const device: Device = { name: "kept", accessBytes, load, store: (_, value) => stored.push(value) * 0 };
    const bus = new DeviceBus();
    bus.attach(0x1003_0000, device);
    return { bus, stored };
  };
  it("finds a device by its page and passes the offset", () => {
    const bus = new DeviceBus();
    bus.attach(0x1003_0000, echo);
    expect(bus.load(0x1003_0f00, 4)).toBe(0xf00);
    expect(bus.load(0x1003_1000, 4)).toBe(BUS_FAULT);
    expect(bus.store(0x1002_fffc, 4, 0)).toBe(BUS_FAULT);
  });
  it("finds one that has a larger block anywhere in it", () => {
    const bus = new DeviceBus();
    bus.attach(0x8c00_1000, { ...echo, blockBytes: 0x2_0000 });
    expect(bus.load(0x8c02_0ffc | 0, 4)).toBe(0x1_fffc);
    expect(bus.load(0x8c02_1000 | 0, 4)).toBe(BUS_FAULT);
  });
  it("lets through naturally aligned accesses of the sizes that a device takes alone", () => {
    const bus = new DeviceBus();
    bus.attach(0x1003_0000, echo);
    bus.attach(0x1004_0000, { ...echo, accessBytes: 1 + 2 });
    for (const [address, size, answer] of [
      [0x1003_0004, 4, 4],
      [0x1003_0004, 2, BUS_FAULT],
      [0x1003_0004, 1, BUS_FAULT],
      [0x1003_0006, 4, BUS_FAULT],
      [0x1004_0005, 1, 5],
      [0x1004_0006, 2, 6],
      [0x1004_0005, 2, BUS_FAULT],
      [0x1004_0004, 4, BUS_FAULT],
    ] as const) {
      expect(bus.load(address, size)).toBe(answer);
    }
  });
  it("passes of a narrow access the bytes that it has", () => {
    const { bus, stored } = kept(1 + 2 + 4);
    expect([1, 2, 4].map((size) => bus.load(0x1003_0000, size))).toEqual([0x21, 0x4321, 0x8765_4321]);
    for (const size of [1, 2, 4]) bus.store(0x1003_0000, size, -2);
    expect(stored).toEqual([0xfe, 0xfffe, -2]);
  });
  it("takes no two devices in one block", () => {
    const bus = new DeviceBus();
    bus.attach(0x1003_0000, echo);
    expect(() => bus.attach(0x1003_0000, echo)).toThrow("10030000");
    expect(() => bus.attach(0x1002_0000, { ...echo, blockBytes: 0x1_1000 })).toThrow("10020000");
    expect(() => bus.attach(0x1004_0800, echo)).toThrow("10040800");
  });
});

it("the hart words and the device words do not overlap", () => {
  expect(Hart.WORDS * 4).toBeLessThanOrEqual(1024);
});

describe("state words", () => {
  it("are given out once, doubles on their own alignment, and all of them are the snapshot", () => {
    const words = deviceState();
    const [first, doubles, second] = [words.words(3), words.doubles(1), words.words(2)];
    first.fill(1);
    second.fill(2);
    expect([...doubles]).toEqual([0]);
    expect([...words.all]).toEqual([1, 1, 1, 0, 0, 0, 2, 2]);
  });
  it("that are not there are refused", () => {
    expect(() => deviceState().words(DEVICE_STATE_WORDS + 1)).toThrow("need more than");
  });
});
