/** What a client asks is refused in one sentence, or forwarded as the method declares it and no larger than it came. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodePlain, encodePlain } from "../../../emulator/base/plain-data.ts";
import { INJECTABLE_KINDS } from "../../../supervisor/faults/catalogue.ts";
import type { ServedMethodName } from "../../../supervisor/process/protocol.ts";
import { RequestError } from "../../../supervisor/process/requests.ts";
import { servedParams } from "../../../supervisor/process/served-requests.ts";

const BOUNDS = { regions: 2, regionBytes: 1_000 };
/** The names that an accepted request may have left out. */
const MOST_ADDED_BYTES = 16;
const METHODS: readonly ServedMethodName[] = ["status", "stop", "inject", "designate", "clear", "load"];

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
const nearly = fc.record(
  {
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

  it.each<[ServedMethodName, unknown, unknown]>([
    ["status", null, null],
    ["status", {}, null],
    ["stop", undefined, null],
    ["inject", { kind: "ebreak" }, { kind: "ebreak" }],
    ["inject", { kind: "rot-floor", seed: 7 }, { kind: "rot-floor", seed: 7 }],
    ["clear", { region: 1 }, { region: 1 }],
    ["load", { image: Uint8Array.of(1), region: 0 }, { region: 0, image: Uint8Array.of(1) }],
  ])("%s is taken with %j", (method, params, forwarded) => {
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
    [
      "load",
      { region: 1, image: new Uint8Array(1_001) },
      "the image has 1001 bytes, more than the 1000 of a region",
    ],
  ])("%s is refused with %j", (method, params, message) => {
    if (typeof message === "string") expect(refusal(method, params)).toBe(message);
    else expect(refusal(method, params)).toMatch(message);
  });
});
