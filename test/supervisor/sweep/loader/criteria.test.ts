/** By what the words of loader and application are known, besides marks. */

import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseElf } from "../../../../controller/bare/elf.ts";
import type { Criterion, Saying } from "../../../../supervisor/core/loader-profile.ts";
import { loadDeviceFile } from "../../../../supervisor/device-file/load.ts";
import { loadLoader } from "../../../../supervisor/device-file/load-loader.ts";
import type { LoaderEvent } from "../../../../supervisor/sweep/loader/loader-event.ts";
import { Program } from "../../../controller/support/assembler.ts";
import {
  carriedOut,
  goTo,
  MARK,
  NOR,
  POWER_ON,
  PRIMARY,
  store,
  tinyProfile,
  tinyScenario,
  UP,
} from "./tiny-loader.ts";

const sayings = (events: readonly LoaderEvent[]): readonly string[] =>
  events.flatMap((event) => (event.type === "said" ? [event.saying] : []));

function found(saying: Saying, criterion: Criterion, program?: Program) {
  const profile = tinyProfile(program);
  return carriedOut({ ...profile, criteria: { ...profile.criteria, [saying]: criterion } });
}

describe("a criterion by code", () => {
  it("is met by an instruction of the application, the first one among them", () => {
    for (const base of [PRIMARY, PRIMARY + 8]) {
      const { events, verdict } = found("up", { code: { base, bytes: 4 } });
      expect([sayings(events), verdict]).toEqual([["up"], "runs-old"]);
    }
  });

  it("is met by an instruction of the loader, once in each start", () => {
    const { events, verdict } = found("requested", { code: { base: NOR, bytes: 8 } });
    expect([sayings(events), verdict]).toEqual([["requested", "up"], "runs-old"]);
  });

  it("is not met by code that is not executed", () => {
    expect(sayings(found("requested", { code: { base: PRIMARY - 4, bytes: 4 } }).events)).toEqual(["up"]);
  });

  it("is met in a call that was made before, too", () => {
    const file = new URL("../../../../controller/firmware/loaders/direct-xip.json", import.meta.url);
    const profile = loadLoader(loadDeviceFile(fileURLToPath(file)));
    const elf = profile.elf && parseElf(profile.elf);
    if (elf === undefined || "error" in elf) throw new Error("the loader is no ELF file");
    const base = elf.symbols.get(INNER);
    if (base === undefined) throw new Error(`there is no ${INNER}`);
    const criteria = { ...profile.criteria, uploaded: { code: { base, bytes: 2 } } };
    const starts = tinyScenario([POWER_ON, POWER_ON, POWER_ON, POWER_ON]);
    const { events } = carriedOut({ ...profile, criteria }, starts, true);
    expect(sayings(events)).toEqual(Array.from({ length: 4 }, () => ["uploaded", "up"]).flat());
  });
});

describe("panic", () => {
  it("ends the start at once", () => {
    const program = store(new Program(), MARK, 6);
    const { verdict, message } = found("panic", { mark: 6 }, goTo(program, PRIMARY));
    expect([verdict, message]).toEqual([
      "bricked-but-whole",
      "panic: the loader: it says that it has given up, though old is whole",
    ]);
  });

  it("is nothing where nobody says by what it is known", () => {
    const program = store(new Program(), MARK, 6);
    expect(carriedOut(tinyProfile(goTo(program, PRIMARY))).verdict).toBe("runs-old");
    expect(UP).not.toBe(6);
  });
});

/** A function that is called from a long one. */
const INNER = "freeze";
