/** The bank of parallel NOR as the data sheets have it: what takes time, what is suspended, and what a reset leaves. */
import { describe, expect, it } from "vitest";
import {
  CFI_BUFFER_WORDS,
  CfiFlash,
  type CfiMisuse,
  type CfiOptions,
} from "../../../controller/devices/cfi-flash.ts";
import { BytesFlashPort } from "../../../emulator/flash/flash.ts";
import { type ChipOperation, FlashChip } from "../../../emulator/flash/flash-chip.ts";
import { deviceState, TestBoard } from "./test-board.ts";

const BLOCK = 0x1_0000;
const ERASE_TICKS = 1000;
const PROGRAM_TICKS = 20;
const TIMED = { eraseUs: 100, programUs: 2 };

const both = (byte: number): number => (byte << 16) | byte;

function bench(options: Partial<CfiOptions> = {}, writeBlockBytes = 4) {
  const bytes = new Uint8Array(4 * BLOCK).fill(0xff);
  const board = new TestBoard();
  const misuses: CfiMisuse[] = [];
  const modes: boolean[] = [];
  const state = deviceState();
  const port = new BytesFlashPort(bytes, () => undefined);
  const geometry = {
    sectors: [{ count: 4, bytes: BLOCK }],
    writeBlockBytes,
    erasedByte: 0xff,
    program: "and",
  } as const;
  const chip = new FlashChip(port, geometry);
  const bank = new CfiFlash(
    state,
    "bank",
    chip,
    {
      times: { eraseUs: 0, programUs: 0 },
      atReset: "ends",
      isResetWired: true,
      modeChanged: (readable) => modes.push(readable),
      misused: (misuse) => misuses.push(misuse),
      ...options,
    },
    board,
  );
  board.ticking.push(bank);
  const words = new Uint32Array(bytes.buffer);
  const send = (offset: number, ...commands: readonly number[]): void => {
    for (const byte of commands) bank.store(offset, both(byte), 4);
  };
  const program = (offset: number, value: number): void => {
    send(offset, 0x40);
    bank.store(offset, value, 4);
  };
  const erase = (offset: number): void => send(offset, 0x20, 0xd0);
  /** Of one chip; both are alike. */
  const status = (): number => {
    send(0, 0x70);
    const word = bank.load(0, 4);
    expect(word).toBe(both(word & 0xffff));
    return word & 0xffff;
  };
  const pass = (ticks: number): void => {
    board.ticks += ticks;
    board.catchUp();
  };
  return { bank, board, chip, bytes, words, misuses, modes, state, send, program, erase, status, pass };
}

const names = (misuses: readonly CfiMisuse[]): string[] => misuses.map(({ name }) => name);

describe("without times", () => {
  it("an operation is over at its last store, and the board is told when the array can be read", () => {
    const { bank, words, modes, misuses, send, program, erase, status } = bench();
    expect(bank.arrayReadable).toBe(true);
    program(8, 0x1234_5678);
    expect([words[2], bank.load(8, 4), modes]).toEqual([0x1234_5678, both(0x80), [false]]);
    send(0, 0xff);
    expect([bank.load(8, 4), bank.load(10, 2), bank.load(11, 1), modes]).toEqual([
      0x1234_5678,
      0x1234,
      0x12,
      [false, true],
    ]);
    erase(8);
    expect([words[2], status(), bank.nextEvent()]).toEqual([0xffff_ffff, 0x80, Number.POSITIVE_INFINITY]);
    expect(misuses).toEqual([]);
  });

  it("programs what the buffer was given, and what it was not given stays", () => {
    const { bank, words, misuses, send } = bench({}, 64);
    send(BLOCK, 0xe8, 2);
    for (const [offset, value] of [
      [8, 0x11],
      [4, 0x22],
      [12, 0x33],
    ] as const) {
      bank.store(BLOCK + offset, value, 4);
    }
    // The first store said where it begins: 4 lies in front of that.
    expect(names(misuses)).toEqual(["command-sequence", "one-chip", "unknown-command"]);
    send(0, 0x50);
    send(BLOCK, 0xe8, 2);
    for (const [offset, value] of [
      [4, 0x22],
      [12, 0x33],
      [4, 0x02],
    ] as const) {
      bank.store(BLOCK + offset, value, 4);
    }
    send(BLOCK, 0xd0);
    expect([...words.subarray(BLOCK / 4, BLOCK / 4 + 5)]).toEqual(
      [-1, 0x02, -1, 0x33, -1].map((w) => w >>> 0),
    );
  });

  it.each<[string, (bench_: ReturnType<typeof bench>) => void, number, string[]]>([
    ["an erase without confirm", ({ send }) => send(0, 0x20, 0xff), 0xb0, ["command-sequence"]],
    ["a lock command that is none", ({ send }) => send(0, 0x60, 0x99), 0xb0, ["command-sequence"]],
    [
      "a buffer that is too small",
      ({ bank, send }) => {
        send(0, 0xe8);
        bank.store(0, CFI_BUFFER_WORDS, 4);
      },
      0xb0,
      ["one-chip", "command-sequence"],
    ],
    [
      "a buffer over the end of a block",
      ({ bank, send }) => {
        send(0, 0xe8, 1);
        bank.store(BLOCK - 4, 0, 4);
        bank.store(BLOCK, 0, 4);
      },
      0xb0,
      ["command-sequence"],
    ],
    [
      "a locked block, erased",
      ({ send, erase }) => {
        send(0, 0x60, 0x01);
        erase(0);
      },
      0xa2,
      ["locked"],
    ],
    [
      "a locked block, programmed",
      ({ send, program }) => {
        send(0, 0x60, 0x01);
        program(0, 0);
      },
      0x92,
      ["locked"],
    ],
    [
      "a block that is locked down, unlocked",
      ({ send }) => send(0, 0x60, 0x2f, 0x60, 0xd0),
      0x82,
      ["locked"],
    ],
    [
      "bits that are to be set",
      ({ program }) => {
        program(0, 0);
        program(0, 1);
      },
      0x80,
      ["not-erased"],
    ],
    ["a command for one chip", ({ bank }) => void bank.store(0, 0x70, 4), 0x80, ["one-chip"]],
    ["half a bank", ({ bank }) => void bank.store(2, 0x70, 2), 0x80, ["one-chip"]],
    ["no command", ({ send }) => send(0, 0x33), 0x80, ["unknown-command"]],
    ["nothing to resume", ({ send }) => send(0, 0xd0), 0x80, ["unknown-command"]],
    ["nothing to suspend", ({ send }) => send(0, 0xb0), 0x80, []],
    [
      "a bad block, erased",
      ({ chip, erase }) => {
        chip.damage("bad", 0, 4);
        erase(0);
      },
      0xa0,
      [],
    ],
    [
      "a bad block, programmed",
      ({ chip, program }) => {
        chip.damage("bad", 0, 4);
        program(0, 0);
      },
      0x90,
      [],
    ],
  ])("%s", (_, act, expected, misused) => {
    const made = bench();
    act(made);
    expect([made.status(), names(made.misuses)]).toEqual([expected, misused]);
    made.send(0, 0x50);
    expect(made.status()).toBe(0x80);
  });

  it("an access to one chip alone programs that one", () => {
    const { bank, words, send } = bench();
    send(0, 0x40);
    bank.store(2, 0x1234, 2);
    send(0, 0x40);
    bank.store(5, 0x12, 1);
    expect([...words.subarray(0, 2)]).toEqual([0x1234_ffff, 0xffff_12ff]);
  });

  it("has blocks locked after a reset where it is to be as on a P30", () => {
    const { bank, send, erase, status } = bench({ isLockedAtReset: true });
    erase(BLOCK);
    expect(status()).toBe(0xa2);
    send(BLOCK, 0x60, 0xd0, 0x90);
    expect([bank.load(BLOCK + 8, 4), bank.load(8, 4)]).toEqual([0, both(1)]);
    send(0, 0x60, 0x2f, 0x90);
    expect(bank.load(8, 4)).toBe(both(3));
    bank.reset();
    send(BLOCK, 0x90);
    expect([bank.load(BLOCK + 8, 4), bank.load(8, 4)]).toEqual([both(1), both(1)]);
  });
});

describe("with times", () => {
  it("a unit changes when its time is over, and status tells that it is not", () => {
    const { bank, words, send, program, erase, status, pass, modes } = bench({ times: TIMED });
    program(0, 0);
    expect([status(), words[0], bank.nextEvent()]).toEqual([0, 0xffff_ffff, PROGRAM_TICKS]);
    pass(PROGRAM_TICKS - 1);
    expect([status(), words[0]]).toEqual([0, 0xffff_ffff]);
    pass(1);
    expect([status(), words[0]]).toEqual([0x80, 0]);
    send(0, 0xff);
    modes.length = 0;
    erase(0);
    send(0, 0xff);
    // The array is asked for, and cannot be read yet.
    expect([bank.arrayReadable, bank.load(0, 4), modes]).toEqual([false, 0, [false]]);
    pass(ERASE_TICKS);
    expect([bank.arrayReadable, bank.load(0, 4), modes]).toEqual([true, 0xffff_ffff, [false, true]]);
  });

  it("a buffered program goes write block by write block", () => {
    const { bank, words, send, pass } = bench({ times: TIMED });
    send(0, 0xe8, 3);
    for (const at of [0, 1, 2, 3]) bank.store(4 * at, at, 4);
    send(0, 0xd0);
    pass(2.5 * PROGRAM_TICKS);
    expect([...words.subarray(0, 4)]).toEqual([0, 1, 0xffff_ffff, 0xffff_ffff]);
    pass(1.5 * PROGRAM_TICKS);
    expect([...words.subarray(0, 4)]).toEqual([0, 1, 2, 3]);
  });

  it("takes no command while it is busy but those that read and that suspend", () => {
    const { bank, misuses, send, erase, status, pass } = bench({ times: TIMED });
    erase(0);
    send(0, 0x40, 0x20, 0x50);
    expect(names(misuses)).toEqual(["busy", "busy", "busy"]);
    send(0, 0x90);
    expect(bank.load(0, 4)).toBe(both(0x89));
    pass(ERASE_TICKS);
    expect(status()).toBe(0x80);
  });

  it("tells a program that would set bits at the command, and at no unit that ends", () => {
    const { words, misuses, send, status, pass, bank } = bench({ times: TIMED });
    words.fill(0, 0, 2);
    send(0, 0xe8, 1);
    for (const offset of [0, 4]) bank.store(offset, 0x55, 4);
    send(0, 0xd0);
    expect(misuses).toMatchObject([{ name: "not-erased", offset: 0 }]);
    pass(2 * PROGRAM_TICKS);
    expect([status(), names(misuses)]).toEqual([0x80, ["not-erased"]]);
  });

  it("an erase is suspended, another block programmed meanwhile, and the erase goes on where it was", () => {
    const { bank, words, misuses, send, program, erase, status, pass } = bench({ times: TIMED });
    words[0] = 0;
    erase(0);
    pass(400);
    send(0, 0xb0);
    expect([status(), bank.nextEvent()]).toEqual([0xc0, Number.POSITIVE_INFINITY]);
    send(0, 0xff);
    expect(bank.arrayReadable).toBe(true);
    pass(5000);
    program(BLOCK, 0x55);
    pass(PROGRAM_TICKS / 2);
    send(0, 0xb0);
    expect(status()).toBe(0xc4);
    send(0, 0xd0);
    pass(PROGRAM_TICKS / 2);
    expect([status(), words[BLOCK / 4]]).toEqual([0xc0, 0x55]);
    send(0, 0xd0);
    expect(status()).toBe(0);
    pass(599);
    expect([status(), words[0]]).toEqual([0, 0]);
    pass(1);
    expect([status(), words[0], names(misuses)]).toEqual([0x80, 0xffff_ffff, []]);
  });

  it("programs neither the block whose erase is suspended, nor erases another one then", () => {
    const { send, program, erase, status, pass } = bench({ times: TIMED });
    erase(0);
    send(0, 0xb0);
    program(0, 0);
    pass(PROGRAM_TICKS);
    expect(status()).toBe(0xf0);
    send(0, 0x50);
    send(BLOCK, 0x20);
    expect(status()).toBe(0xf0);
  });

  it("has somebody asked before each unit, who may tear it and throw", () => {
    const asked: number[] = [];
    const { bank, chip, words, send, pass } = bench({
      times: TIMED,
      beforeUnit: (operation: ChipOperation) => {
        asked.push(operation.unitOffset);
        if (asked.length === 2) throw new Error("power went");
      },
    });
    send(0, 0xe8, 2);
    for (const at of [0, 1, 2]) bank.store(4 * at, 0, 4);
    send(0, 0xd0);
    expect(() => pass(3 * PROGRAM_TICKS)).toThrow("power went");
    expect([asked, words[0], words[1]]).toEqual([[0, 4], 0, 0xffff_ffff]);
    expect(chip.eraseMisuse(0, BLOCK)).toBeUndefined();
  });

  it("what is under way is put back with its words", () => {
    const { bank, words, state, erase, status, pass } = bench({ times: TIMED });
    words[0] = 0;
    erase(0);
    pass(100);
    const saved = state.all.slice();
    pass(ERASE_TICKS);
    expect(words[0]).toBe(0xffff_ffff);
    words[0] = 0;
    state.all.set(saved);
    expect([bank.nextEvent(), status()]).toEqual([ERASE_TICKS, 0x80]);
  });
});

describe("a reset of the hart", () => {
  const underWay = (options: Partial<CfiOptions>) => {
    const made = bench({ times: TIMED, ...options });
    made.words[0] = 0;
    made.erase(0);
    made.pass(500);
    made.modes.length = 0;
    made.bank.reset();
    return made;
  };

  it("that is the chips' too ends what is under way between two units, and the array is read", () => {
    const { bank, words, modes, pass } = underWay({});
    expect([bank.arrayReadable, modes]).toEqual([true, [true]]);
    pass(ERASE_TICKS);
    expect(words[0]).toBe(0);
  });

  it("may leave the unit torn", () => {
    const torn: number[] = [];
    const { words } = underWay({ atReset: "torn", tearUnit: ({ unitOffset }) => torn.push(unitOffset) });
    expect([torn, words[0]]).toEqual([[0], 0]);
    const byPlace = underWay({ atReset: "torn" });
    expect([byPlace.words[0], byPlace.words[1]]).not.toEqual([0, 0xffff_ffff]);
  });

  it("that does not reach the chips leaves them as they are: loads give their status, and not what is to be executed", () => {
    const { bank, words, modes, pass } = underWay({ atReset: "goes-on", isResetWired: false });
    expect([bank.arrayReadable, modes]).toEqual([false, []]);
    pass(500);
    expect([words[0], bank.load(0, 4), bank.arrayReadable]).toEqual([0xffff_ffff, both(0x80), false]);
    bank.powerOff();
    expect([bank.arrayReadable, modes]).toEqual([true, [true]]);
  });

  it("is no power cut, which may tear what is under way and leaves nothing of the chips' state", () => {
    const { bank, words, status } = underWay({ atReset: "goes-on" });
    const torn: string[] = [];
    bank.powerOff(({ kind }) => torn.push(kind));
    expect([torn, words[0], bank.nextEvent(), status()]).toEqual([
      ["erase"],
      0,
      Number.POSITIVE_INFINITY,
      0x80,
    ]);
  });
});

it("tells when power goes that loads give the array again, whoever put its words back before", () => {
  const { bank, modes, state, send } = bench();
  send(0, 0x70);
  state.all.fill(0);
  bank.powerOff();
  expect([bank.arrayReadable, modes]).toEqual([true, [false, true]]);
});

it("a chip of another kind is no such bank", () => {
  const port = new BytesFlashPort(new Uint8Array(64), () => undefined);
  const geometry = {
    sectors: [{ count: 1, bytes: 64 }],
    writeBlockBytes: 8,
    erasedByte: 0,
    program: "and",
  } as const;
  const options = { times: TIMED, atReset: "ends", isResetWired: true } as const;
  const make = () =>
    new CfiFlash(deviceState(), "bank", new FlashChip(port, geometry), options, new TestBoard());
  expect(make).toThrow("cannot be a bank of parallel NOR");
});
