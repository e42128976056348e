/** What a client asks is refused in one sentence, or forwarded as the method declares it and no larger than it came. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodePlain, encodePlain } from "../../../emulator/base/plain-data.ts";
import { INJECTABLE_KINDS } from "../../../supervisor/faults/catalogue.ts";
import { SERVED_METHODS, type ServedMethodName } from "../../../supervisor/process/protocol.ts";
import { RequestError } from "../../../supervisor/process/requests.ts";
import { servedParams } from "../../../supervisor/process/served-requests.ts";

const BOUNDS = { regions: 2, regionBytes: 1_000, hostBytes: 65_536 };
/** The names that an accepted request may have left out. */
const MOST_ADDED_BYTES = 16;
const METHODS: readonly ServedMethodName[] = [
  "status",
  "stop",
  "inject",
  "injectAndAwait",
  "designate",
  "clear",
  "load",
  "activate",
  "uart",
  "type",
  "readHostMemory",
  "writeHostMemory",
  "command",
];
/** The first byte of the host's buffers. */
const BUFFERS = 0x4000_0000 + 256 * (64 + 16);

/** The message of the refusal. */
function refusal(method: ServedMethodName, params: unknown): string {
  try {
    servedParams(method, params, BOUNDS);
  } catch (error) {
    expect(error).toBeInstanceOf(RequestError);
    return (error as Error).message;
  }
  return "nothing was refused";
}

const anything = fc.anything({ withBigInt: false, withDate: false, withTypedArray: true, maxDepth: 3 });
const word = fc.oneof({ arbitrary: fc.integer({ min: -1, max: 2 ** 32 }), weight: 4 }, anything);
const nearly = fc.record(
  {
    from: word,
    powerOnMs: word,
    waitMs: fc.oneof({ arbitrary: fc.integer({ min: -1, max: 6_000 }), weight: 4 }, anything),
    characters: fc.oneof({ arbitrary: fc.uint8Array({ maxLength: 5_000 }), weight: 4 }, anything),
    address: fc.oneof({ arbitrary: fc.integer({ min: 0x3fff_ffff, max: 0x4001_0001 }), weight: 4 }, anything),
    bytes: fc.oneof({ arbitrary: fc.integer({ min: -1, max: 65_537 }), weight: 4 }, anything),
    data: fc.oneof({ arbitrary: fc.uint8Array({ maxLength: 1_200 }), weight: 4 }, anything),
    command: fc.oneof(
      {
        arbitrary: fc.record(
          { opcode: fc.integer({ min: -1, max: 256 }), source: word, cdw10: word, more: anything },
          { requiredKeys: ["opcode"] },
        ),
        weight: 4,
      },
      anything,
    ),
    outputBytes: fc.oneof({ arbitrary: fc.integer({ min: -1, max: 65_537 }), weight: 4 }, anything),
    withdraw: fc.oneof({ arbitrary: fc.boolean(), weight: 4 }, anything),
    kind: fc.oneof({ arbitrary: fc.constantFrom(...INJECTABLE_KINDS), weight: 4 }, anything),
    seed: fc.oneof({ arbitrary: fc.integer({ min: 0, max: 9 }), weight: 4 }, anything),
    region: fc.oneof({ arbitrary: fc.integer({ min: -1, max: 2 }), weight: 4 }, anything),
    image: fc.oneof({ arbitrary: fc.uint8Array({ maxLength: 1_200 }), weight: 4 }, anything),
    more: anything,
  },
  { requiredKeys: [] },
);

describe("what a client asks", () => {
  it("is forwarded as the method declares it, never larger than it came", () => {
    let taken = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...METHODS),
        fc.oneof(nearly, fc.constant(null), anything),
        (method, asked) => {
          let frame: Uint8Array;
          try {
            frame = encodePlain({ id: 1, method, params: asked });
          } catch {
            return;
          }
          let params: unknown;
          try {
            const request = decodePlain(frame, { maxValues: 64 }) as { readonly params: unknown };
            params = servedParams(method, request.params, BOUNDS);
          } catch {
            return;
          }
          taken += 1;
          const again = encodePlain({ id: 1, method, params });
          expect(again.length).toBeLessThanOrEqual(frame.length + MOST_ADDED_BYTES);
        },
      ),
      { numRuns: 3_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  it("is taken of every method there is", () => {
    expect(SERVED_METHODS.toSorted()).toEqual(METHODS.toSorted());
  });

  it.each<[ServedMethodName, unknown, unknown]>([
    ["status", null, null],
    ["status", {}, null],
    ["stop", undefined, null],
    ["inject", { kind: "ebreak" }, { kind: "ebreak" }],
    ["inject", { kind: "rot-floor", seed: 7 }, { kind: "rot-floor", seed: 7 }],
    ["injectAndAwait", { kind: "ebreak" }, { kind: "ebreak" }],
    ["clear", { region: 1 }, { region: 1 }],
    ["load", { image: Uint8Array.of(1), region: 0 }, { region: 0, image: Uint8Array.of(1) }],
    ["activate", { region: 0 }, { region: 0 }],
    ["uart", {}, {}],
    ["uart", { from: 3, powerOnMs: 1e12, waitMs: 5_000 }, { from: 3, powerOnMs: 1e12, waitMs: 5_000 }],
    ["type", { characters: Uint8Array.of(1) }, { characters: Uint8Array.of(1) }],
    ["readHostMemory", { address: 0x4000_ffff, bytes: 1 }, { address: 0x4000_ffff, bytes: 1 }],
    [
      "writeHostMemory",
      { address: BUFFERS, data: Uint8Array.of(1) },
      { address: BUFFERS, data: Uint8Array.of(1) },
    ],
    ["command", { command: { opcode: 0xc3 } }, { command: { opcode: 0xc3 } }],
    [
      "command",
      { command: { opcode: 0, cdw10: 4 }, data: Uint8Array.of(1), outputBytes: 1, withdraw: true },
      { command: { opcode: 0, cdw10: 4 }, data: Uint8Array.of(1), outputBytes: 1, withdraw: true },
    ],
  ])("%s is taken with %o", (method, params, forwarded) => {
    expect(servedParams(method, params, BOUNDS)).toEqual(forwarded);
  });

  it.each<[ServedMethodName, unknown, string | RegExp]>([
    ["status", { region: 1 }, 'status has no parameter "region": it has no parameters'],
    ["status", 7, "the parameters of status are 7: they must be an object"],
    ["designate", [], "the parameters of designate are a list: they must be an object"],
    ["designate", { region: 1, more: {} }, 'designate has no parameter "more": it has region'],
    ["designate", null, "there is no region undefined: it must be one from 0 to 1"],
    ["designate", { region: "1" }, 'there is no region "1": it must be one from 0 to 1'],
    ["designate", { region: 0.5 }, "there is no region 0.5: it must be one from 0 to 1"],
    ["clear", { region: 2 }, "there is no region 2: it must be one from 0 to 1"],
    [
      "inject",
      { kind: "x".repeat(10_000) },
      /^there is no fault "x{40}…": it must be one of illegal-instruction, /,
    ],
    ["inject", { kind: "ebreak", seed: -1 }, "seed is -1: it must be a whole number, from 0 to 4294967295"],
    ["load", { region: 1, image: "x" }, 'the image is "x": it must be bytes'],
    ["activate", { region: 2 }, "there is no region 2: it must be one from 0 to 1"],
    ["uart", { from: 2 ** 31 }, "from is 2147483648: it must be a whole number, from 0 to 2147483647"],
    ["uart", { waitMs: 5_001 }, "waitMs is 5001: it must be milliseconds, from 0 to 5000"],
    ["type", {}, "characters is undefined: it must be bytes (a Uint8Array)"],
    ["type", { characters: new Uint8Array(4097) }, "characters: 4097 bytes are more than the 4096 that fit"],
    [
      "readHostMemory",
      { address: 0x4000_ffff, bytes: 2 },
      "bytes is 2: it must be a whole number, from 1 to 1",
    ],
    [
      "writeHostMemory",
      { address: BUFFERS - 1, data: Uint8Array.of(1) },
      /^address is 1073762303: it must be a whole number, from 1073762304 to /,
    ],
    [
      "writeHostMemory",
      { address: 0x4000_ffff, data: Uint8Array.of(1, 2) },
      "data: 2 bytes are more than the 1 that fit",
    ],
    ["command", {}, "the command is undefined: it must be an object"],
    [
      "command",
      { command: { opcode: 256 } },
      "the command's opcode is 256: it must be a whole number, from 0 to 255",
    ],
    [
      "command",
      { command: { opcode: 1, more: 1 } },
      'there is no "more" in the command: it may have opcode, source, destination, cdw10, cdw11',
    ],
    ["command", { command: { opcode: 1 }, withdraw: 1 }, "withdraw is 1: it must be true or false"],
    [
      "command",
      { command: { opcode: 1 }, data: new Uint8Array(50_000) },
      "the command's data: 50000 bytes are more than the 45056 that fit",
    ],
    [
      "load",
      { region: 1, image: new Uint8Array(1_001) },
      "the image has 1001 bytes, more than the 1000 of a region",
    ],
  ])("%s is refused: %o", (method, params, message) => {
    if (typeof message === "string") expect(refusal(method, params)).toBe(message);
    else expect(refusal(method, params)).toMatch(message);
  });
});
