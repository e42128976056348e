/** What a supervisor is asked is refused before anything is done about it, in one sentence that says what to change. */
import { describe, expect, it } from "vitest";
import { DEFAULT_MEMORY_CONFIG } from "../../../emulator/memory/layout.ts";
import { DEFAULT_LIMITS, DEFAULT_RECOVERY, type DeviceConfig } from "../../../supervisor/core/config.ts";
import { type Fault, findFault } from "../../../supervisor/faults/catalogue.ts";
import {
  checkCommandRequest,
  checkConfig,
  checkDrill,
  checkSeed,
  checkSoak,
  RequestError,
  requireRegion,
} from "../../../supervisor/process/requests.ts";
import type { SoakOptions } from "../../../supervisor/soak/soak.ts";

const CONFIG: DeviceConfig = {
  memory: DEFAULT_MEMORY_CONFIG,
  images: [new Uint8Array(4)],
  keys: ["-----BEGIN PUBLIC KEY-----"],
  limits: DEFAULT_LIMITS,
  recovery: DEFAULT_RECOVERY,
  engine: "auto",
  log: { level: "warn", fd: 2 },
};
const SOAK: SoakOptions = { seed: 1, durationMs: 1000, failovers: null, kinds: ["ebreak"] };

/** The message of the refusal. */
function refusal(check: () => unknown): string {
  try {
    check();
  } catch (error) {
    expect(error).toBeInstanceOf(RequestError);
    return (error as Error).message;
  }
  return "nothing was refused";
}

describe("a configuration", () => {
  const withLimits = (limits: object) => ({ limits: { ...DEFAULT_LIMITS, ...limits } });
  const cases: readonly (readonly [changes: object, message: string])[] = [
    [{ images: "a.img" }, 'images is "a.img": it must be a list'],
    [{ images: ["a.img"] }, 'images[0] is "a.img": it must be a Uint8Array'],
    [{ keys: [7] }, "keys[0] is 7: it must be a PEM text"],
    [{ memory: null }, "the memory is null: it must be an object"],
    [{ limits: 50 }, "limits is 50: it must be an object"],
    [withLimits({ heartbeatMs: 0 }), "limits.heartbeatMs is 0: it must be milliseconds, 1 or more"],
    [withLimits({ readyMs: "a" }), 'limits.readyMs is "a": it must be milliseconds, 1 or more'],
    [withLimits({ commandMs: Number.NaN }), "limits.commandMs is NaN: it must be milliseconds, 1 or more"],
    [withLimits({ budget: undefined }), "limits.budget is undefined: it must be an object"],
    [
      withLimits({ budget: { failures: 5 } }),
      "limits.budget.windowMs is undefined: it must be milliseconds, 1 or more",
    ],
    [
      withLimits({ budget: { failures: -1, windowMs: 1 } }),
      "limits.budget.failures is -1: it must be a whole number, 0 or more",
    ],
    [
      { recovery: { ...DEFAULT_RECOVERY, trialTries: 0 } },
      "recovery.trialTries is 0: it must be a whole number, from 1 to 255",
    ],
    [
      { recovery: { ...DEFAULT_RECOVERY, onDoubleLoss: "hope" } },
      'recovery.onDoubleLoss is "hope": it must be one of rebuild, safe-mode',
    ],
    [{ engine: "jit" }, 'engine is "jit": it must be one of auto, translator, interpreter'],
    [
      { log: { level: "loud", fd: 2 } },
      'log.level is "loud": it must be one of silent, fatal, error, warn, info, debug, trace',
    ],
    [{ log: { level: "warn" } }, "log.fd is undefined: it must be a whole number, from 1 to 2"],
    [{ log: { level: "warn", fd: 3 } }, "log.fd is 3: it must be a whole number, from 1 to 2"],
    [
      { images: Array.from({ length: 3 }, () => new Uint8Array(4)) },
      "the number of images is 3: it must be no more than the 2 regions",
    ],
    [{ flashFile: "" }, 'flashFile is "": it must be the path of a file'],
    [{ dumpDirectory: [] }, "dumpDirectory is a list: it must be the path of a directory"],
    [{ dumpMemory: "all" }, 'dumpMemory is "all": it must be one of stack, none'],
  ];
  for (const [changes, message] of cases) {
    it(`is refused: ${message}`, () => {
      expect(refusal(() => checkConfig({ ...CONFIG, ...changes } as DeviceConfig))).toBe(message);
    });
  }

  it("is taken as the defaults are, without keys, with no budget and with no deadline", () => {
    checkConfig(CONFIG);
    const { keys: _, ...rest } = CONFIG;
    const limits = { ...DEFAULT_LIMITS, heartbeatMs: Number.POSITIVE_INFINITY };
    checkConfig({ ...rest, limits: { ...limits, budget: { failures: null, windowMs: 1 } } });
  });
});

describe("a command", () => {
  const cases: readonly (readonly [command: unknown, data: unknown, message: string])[] = [
    [null, undefined, "the command is null: it must be an object"],
    [[], undefined, "the command is a list: it must be an object"],
    [{}, undefined, "the command's opcode is undefined: it must be a whole number, from 0 to 255"],
    [{ opcode: 256 }, undefined, "the command's opcode is 256: it must be a whole number, from 0 to 255"],
    [
      { opcode: 1, cdw10: -1 },
      undefined,
      "the command's cdw10 is -1: it must be a whole number, from 0 to 4294967295",
    ],
    [{ opcode: 1 }, "text", 'the command\'s data is "text": it must be bytes (a Uint8Array)'],
  ];
  for (const [command, data, message] of cases) {
    it(`is refused: ${message}`, () => {
      expect(refusal(() => checkCommandRequest({ command, data }, 65_536))).toBe(message);
    });
  }

  it("is taken with and without data", () => {
    checkCommandRequest({ command: { opcode: 0xc3 } }, 65_536);
    checkCommandRequest({ command: { opcode: 0, source: 0xffff_ffff }, data: new Uint8Array(1) }, 65_536);
  });
});

describe("a soak", () => {
  const cases: readonly (readonly [changes: object, message: string | RegExp])[] = [
    [{ seed: 1.5 }, "seed is 1.5: it must be a whole number, 0 or more"],
    [{ durationMs: "30s" }, 'durationMs is "30s": it must be milliseconds, 0 or more'],
    [{ failovers: undefined }, "failovers is undefined: it must be a whole number, 1 or more"],
    [{ durationMs: null }, "failovers is null: it must be set where durationMs is not"],
    [
      { durationMs: null, failovers: 1, kinds: ["standby-death"] },
      "kinds is a list: it must be such that one fails over",
    ],
    [{ kinds: ["ebrake"] }, /^kinds\[0\] is "ebrake": it must be one of illegal-instruction, /],
  ];
  for (const [changes, message] of cases) {
    it(`is refused: ${message}`, () => {
      expect(refusal(() => checkSoak({ ...SOAK, ...changes } as SoakOptions))).toEqual(
        typeof message === "string" ? message : expect.stringMatching(message),
      );
    });
  }

  it("is taken with an end", () => {
    checkSoak(SOAK);
    checkSoak({ seed: 0, durationMs: null, failovers: 1, kinds: null });
  });
});

it("a drill and a region are counted in whole numbers", () => {
  const [ebreak, death] = ["ebreak", "standby-death"].map((kind) => findFault(kind) as Fault);
  const drills = (fault = ebreak, failovers: unknown = 1, calmMs: unknown = 0) =>
    refusal(() => checkDrill(fault as Fault, failovers, calmMs));
  expect(drills(ebreak, 0)).toBe("failovers is 0: it must be a whole number, 1 or more");
  expect(drills(ebreak, 1, 2 ** 31)).toBe(
    "calmMs is 2147483648: it must be milliseconds, from 0 to 2147483647",
  );
  expect(drills(death)).toBe('kind is "standby-death": it must be one that fails over');
  expect(drills()).toBe("nothing was refused");
  expect(refusal(() => checkSeed(2 ** 32))).toBe(
    "seed is 4294967296: it must be a whole number, from 0 to 4294967295",
  );
  expect(refusal(() => checkSeed(null))).toBe(
    "seed is null: it must be a whole number, from 0 to 4294967295",
  );
  expect(refusal(() => checkSeed(2 ** 32 - 1))).toBe("nothing was refused");
  expect(refusal(() => requireRegion("0"))).toBe('the region is "0": it must be a whole number, 0 or more');
  expect(requireRegion(3)).toBe(3);
});
