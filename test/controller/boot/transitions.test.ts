import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideBoot, type RegionFacts } from "../../../controller/boot/boot-rom.ts";
import {
  activate,
  afterFailure,
  beginOwnUpdate,
  beginUpdate,
  clear,
  confirm,
  endUpdate,
  requireRunnable,
  startTable,
  type TransitionResult,
} from "../../../controller/boot/transitions.ts";
import { Evidence } from "../../../emulator/memory/evidence.ts";
import { tableSuccessionFault } from "../../../emulator/table/succession.ts";
import {
  changeRecord,
  changeTable,
  MAX_UNCONFIRMED_STARTS,
  NO_DIGEST,
  NO_REGION,
  nextGeneration,
  regionAt,
  type Table,
  tableFault,
} from "../../../emulator/table/table.ts";
import { acceptedTable, anyTable, imageOf, recordOf } from "../../emulator/table/table-arbitrary.ts";

const panic = { evidence: Evidence.PANIC, code: 0x107, pc: 0x2000_0040 };
const bad: RegionFacts = {
  usable: false,
  fault: { name: "digest-mismatch", message: "the digest is wrong" },
};

/** Facts under which every image is the one that the table recorded. */
function soundImages(table: Table): RegionFacts[] {
  return table.regions.map(({ version, digest }) => ({
    usable: true,
    version,
    digest,
    securityCounter: 0,
    headerBytes: 32,
    imageBytes: 99,
    signed: false,
  }));
}

function fail(table: Table, overBudget = false, images = soundImages(table)) {
  return afterFailure({ table, floor: 0, images, failure: panic, overBudget });
}

function start(table: Table, images = soundImages(table)): Table {
  return startTable(table, decideBoot({ table, floor: 0, images })) ?? table;
}

function tableOf(result: TransitionResult): Table {
  if (!result.ok) throw new Error(`${result.refusal}: ${result.message}`);
  return result.table;
}

const two = acceptedTable(2, 0xffff_ffff);
const written = tableOf(endUpdate(tableOf(beginUpdate(two, 1, true)), 1, imageOf(1, 9)));
/** Region 1 on trial with 3 tries, started once; region 0 is the last confirmed one. */
const trial = start(tableOf(activate(written, 1, 3)));

describe("a failure of an accepted version", () => {
  it("designates the other one and no longer the failed one, in one generation", () => {
    const { table, region, action } = fail(two);
    expect({ region, action }).toEqual({ region: 1, action: "failover" });
    expect(table).toMatchObject({ generation: 0, active: 1, previous: 0 });
    expect(table.regions[0]).toMatchObject({ state: "accepted", failures: 1, lastFailure: panic });
  });

  it("starts the same one again when no other may run, and records it", () => {
    const { table, region, action } = fail(two, false, [soundImages(two)[0] ?? bad, bad]);
    expect({ region, action }).toEqual({ region: 0, action: "restart" });
    expect(table).toMatchObject({ generation: 0, active: 0 });
    expect(table.regions[0]).toMatchObject({ failures: 1 });
  });

  it("over its budget gives it up, whether another may run or not", () => {
    const over = fail(two, true);
    expect(over).toMatchObject({ region: 1, action: "failover" });
    expect(over.table.regions[0]).toMatchObject({ state: "invalid", confirmed: true });
    const last = fail(over.table, true);
    expect(last).toMatchObject({ region: NO_REGION, action: "safe-mode" });
    expect(last.table).toMatchObject({ active: NO_REGION, previous: NO_REGION });
    expect(last.decision.detail).toMatch(/^region 0: \S+ failed too often; region 1: \S+ failed too often$/);
  });

  it("by bad bytes keeps it accepted, for the image may be put back, but does not start it", () => {
    const outcome = fail(two, false, [bad, bad]);
    expect(outcome).toMatchObject({ region: NO_REGION, action: "safe-mode" });
    expect(outcome.table).toMatchObject({ active: 0 });
    expect(outcome.table.regions[0]).toMatchObject({ state: "accepted" });
    expect(outcome.decision.detail).toBe("region 0: the digest is wrong; region 1: the digest is wrong");
  });

  it("starts an activated one before any other", () => {
    const waiting = tableOf(activate(written, 1, 2));
    const { table, region } = fail(waiting);
    expect(region).toBe(1);
    expect(table).toMatchObject({ active: 1, next: NO_REGION, previous: 0 });
    expect(table.regions[1]).toMatchObject({ state: "valid", triesLeft: 2, unconfirmedStarts: 1 });
  });
});

describe("a trial", () => {
  it("starts with its tries and counts the start", () => {
    expect(trial).toMatchObject({ active: 1, previous: 0, next: NO_REGION });
    expect(trial.regions[1]).toMatchObject({ state: "valid", triesLeft: 3, unconfirmedStarts: 1 });
  });

  it("that fails uses a try and goes on while one is left", () => {
    const { table, region, action } = fail(trial);
    expect({ region, action }).toEqual({ region: 1, action: "restart" });
    expect(table.regions[1]).toMatchObject({ triesLeft: 2, unconfirmedStarts: 2, failures: 1 });
  });

  it("that uses its last try is invalid, and the last confirmed one is designated, in the same generation", () => {
    const once = fail(fail(trial).table).table;
    const { table, region, action } = fail(once);
    expect({ region, action }).toEqual({ region: 0, action: "roll-back" });
    expect(table).toMatchObject({
      generation: nextGeneration(once.generation),
      active: 0,
      previous: NO_REGION,
    });
    expect(table.regions[1]).toMatchObject({
      state: "invalid",
      triesLeft: 0,
      failures: 3,
      lastFailure: panic,
    });
  });

  it("whose image no longer holds is over at its first failure", () => {
    const images = [soundImages(trial)[0] ?? bad, bad];
    expect(fail(trial, false, images)).toMatchObject({ region: 0, action: "roll-back" });
    // What ended it is told where no other may run: it is given up because of that, and has not failed too often.
    expect(fail(trial, false, [bad, bad]).decision.verdicts[1]?.message).toBe("the digest is wrong");
  });

  it("with no other version to return to ends in safe mode", () => {
    const alone = {
      ...trial,
      previous: NO_REGION,
      regions: [recordOf(0, "invalid"), ...trial.regions.slice(1)],
    };
    expect(fail(alone, true)).toMatchObject({ region: NO_REGION, action: "safe-mode" });
  });

  it("loses no try by power cuts, and is over after 16 starts of any cause", () => {
    let table = trial;
    for (let starts = 1; starts < MAX_UNCONFIRMED_STARTS; starts += 1) table = start(table);
    expect(table.regions[1]).toMatchObject({ unconfirmedStarts: 16, triesLeft: 3, failures: 0 });
    const over = start(table);
    expect(over).toMatchObject({ active: 0, previous: NO_REGION });
    expect(over.regions[1]).toMatchObject({ state: "invalid", failures: 0 });
  });

  it("after 16 starts is over with its next failure, whatever tries are left", () => {
    let table = trial;
    for (let starts = 1; starts < MAX_UNCONFIRMED_STARTS; starts += 1) table = start(table);
    expect(fail(table)).toMatchObject({ region: 0, action: "roll-back" });
  });

  it("ends by its own word: it is accepted, and a rebuilt table is no longer one", () => {
    const confirmed = confirm({ ...trial, rebuilt: true });
    expect(confirmed).toMatchObject({ active: 1, previous: 0, rebuilt: false });
    expect(confirmed?.regions[1]).toMatchObject({ state: "accepted", confirmed: true, triesLeft: 0 });
    expect(confirmed && confirm(confirmed)).toBeUndefined();
  });

  it("passed over for another activation needs a new one", () => {
    const waiting = tableOf(activate(trial, 0, 3));
    const back = start(waiting);
    expect(back).toMatchObject({ active: 0, next: NO_REGION });
    expect(back.regions[1]).toMatchObject({ state: "valid", triesLeft: 0, unconfirmedStarts: 0 });
    expect(decideBoot({ table: back, floor: 0, images: [bad, bad] }).region).toBe(NO_REGION);
  });
});

describe("a start", () => {
  it("of the accepted primary changes nothing", () => {
    expect(start(two)).toBe(two);
  });

  it("that passes over a bad primary records why", () => {
    const started = start(two, [bad, soundImages(two)[1] ?? bad]);
    expect(started).toMatchObject({ active: 1, previous: 0 });
    expect(started.regions[0]).toMatchObject({
      state: "accepted",
      failures: 1,
      lastFailure: { evidence: Evidence.BAD_DIGEST },
    });
  });

  it("into safe mode counts no failure, however often, and ends a trial once", () => {
    expect(start(two, [bad, bad])).toBe(two);
    const ended = start(trial, [bad, bad]);
    expect(ended).toMatchObject({ active: NO_REGION });
    expect(ended.regions[1]).toMatchObject({ state: "invalid", failures: 1 });
    expect(start(ended, [bad, bad])).toBe(ended);
  });

  it("keeps an activation that cannot be followed yet", () => {
    const waiting = tableOf(activate(written, 1, 2));
    expect(start(waiting, [soundImages(two)[0] ?? bad, bad])).toBe(waiting);
  });
});

describe("an update", () => {
  it("makes the region invalid first and valid at its end, and takes it out of every pointer", () => {
    const begun = tableOf(beginUpdate({ ...two, next: 1, previous: NO_REGION }, 1, true));
    expect(begun).toMatchObject({ active: 0, next: NO_REGION, previous: NO_REGION });
    expect(begun.regions[1]).toMatchObject({ state: "invalid", digest: NO_DIGEST, confirmed: false });
    const ended = tableOf(endUpdate(begun, 1, imageOf(1, 4)));
    expect(ended.regions[1]).toMatchObject({ state: "valid", triesLeft: 0, ...imageOf(1, 4) });
  });

  it("keeps what the region failed of", () => {
    const failed = fail(two).table;
    const { failures, lastFailure } =
      tableOf(beginUpdate(failed, 0, true)).regions[0] ?? recordOf(0, "valid");
    expect({ failures, lastFailure }).toEqual({ failures: 1, lastFailure: panic });
  });

  it("finds the last confirmed other region when the previous one is written", () => {
    const begun = tableOf(beginUpdate(acceptedTable(3, 1), 1, true));
    expect(begun.previous).toBe(2);
  });

  it("of the primary is refused while it executes, and done in safe mode", () => {
    expect(beginUpdate(two, 0, true)).toMatchObject({ ok: false, refusal: "is-primary" });
    expect(tableOf(beginUpdate(two, 0, false))).toMatchObject({ active: NO_REGION });
  });

  it("begun twice commits once; one that was not begun is not ended", () => {
    const begun = tableOf(beginUpdate(two, 1, true));
    expect(tableOf(beginUpdate(begun, 1, true))).toBe(begun);
    expect(endUpdate(two, 1, imageOf(1))).toMatchObject({ ok: false, refusal: "not-being-written" });
    const unverified = { ...imageOf(1), digest: NO_DIGEST };
    expect(endUpdate(begun, 1, unverified)).toMatchObject({ ok: false, refusal: "not-verified" });
  });
});

describe("an update by the version that executes", () => {
  const begin = (table: Table, region: number, images = soundImages(table)): TransitionResult =>
    beginOwnUpdate(table, region, { floor: 0, images });
  const onTrial = (table: Table): Table => {
    const regions = table.regions.map((_, region) => recordOf(region, region === 0 ? "valid" : "accepted"));
    const trial = changeRecord(regionAt({ ...table, regions }, 0), { triesLeft: 3, unconfirmedStarts: 1 });
    return { ...table, regions: [trial, ...regions.slice(1)] };
  };

  it("is begun as an operator's where that version is accepted, and not on its own region", () => {
    expect(begin(two, 1)).toEqual(beginUpdate(two, 1, true));
    expect(begin(two, 0)).toMatchObject({ ok: false, refusal: "is-primary" });
    expect(begin(two, 7)).toMatchObject({ ok: false, refusal: "no-such-region" });
  });

  it("is refused on the last confirmed version while that version is on trial, and done on another region", () => {
    const table: Table = { ...onTrial(acceptedTable(3, 1)), previous: 1 };
    expect(begin(table, 1)).toMatchObject({ ok: false, refusal: "is-fall-back" });
    expect(begin(table, 2)).toMatchObject({ ok: true });
  });

  it("is refused on what would run if the trial failed, where that is not the last confirmed one", () => {
    const table: Table = { ...onTrial(acceptedTable(3, 1)), previous: 1 };
    const images = soundImages(table).map((facts, region) => (region === 1 ? bad : facts));
    expect(begin(table, 2, images)).toMatchObject({ ok: false, refusal: "is-fall-back" });
    expect(begin(table, 1, images), "it may be mended").toMatchObject({ ok: false });
  });
});

describe("an activation", () => {
  it("of another region takes an earlier one back", () => {
    const regions = [recordOf(0, "accepted"), recordOf(1, "valid"), recordOf(2, "valid")];
    const table: Table = { ...acceptedTable(3, 1), previous: NO_REGION, regions };
    const second = tableOf(activate(tableOf(activate(table, 1, 3)), 2, 5));
    expect(second).toMatchObject({ next: 2 });
    expect(second.regions.map((record) => record.triesLeft)).toEqual([0, 0, 5]);
  });

  it("of the primary takes an earlier one back, or changes nothing", () => {
    const waiting = tableOf(activate(written, 1, 3));
    expect(tableOf(activate(waiting, 0, 3))).toMatchObject({ next: NO_REGION, active: 0 });
    expect(tableOf(activate(two, 0, 3))).toBe(two);
    expect(tableOf(activate(waiting, 1, 3))).toBe(waiting);
  });

  it("of what was not verified is refused, and so is a number of tries that cannot be", () => {
    expect(activate(fail(two, true).table, 0, 3)).toMatchObject({ ok: false, refusal: "not-verified" });
    for (const tries of [0, 256, 1.5]) expect(() => activate(written, 1, tries)).toThrow(RangeError);
  });
});

describe("an operator's clearing", () => {
  const given = fail(fail(two, true).table, true).table;

  it("makes a version accepted again that once was, and the device leaves safe mode", () => {
    const cleared = tableOf(clear(given, 0, 3));
    expect(cleared.regions[0]).toMatchObject({ state: "accepted", failures: 1 });
    expect(start(cleared)).toMatchObject({ active: 0 });
  });

  it("puts a version on trial that never was accepted", () => {
    const over = fail(trial, true).table;
    const cleared = tableOf(clear(over, 1, 2));
    expect(cleared).toMatchObject({ active: 0, next: 1 });
    expect(cleared.regions[1]).toMatchObject({ state: "valid", triesLeft: 2 });
    expect(cleared.generation).toBe(nextGeneration(over.generation));
  });

  it("is refused where there is nothing to clear", () => {
    expect(clear(two, 0, 3)).toMatchObject({ ok: false, refusal: "not-invalid" });
    const begun = tableOf(beginUpdate(two, 1, true));
    expect(clear(begun, 1, 3)).toMatchObject({ ok: false, refusal: "not-verified" });
  });
});

it("a region that does not exist is refused by everything that names one", () => {
  const results = [
    beginUpdate(two, 2, true),
    endUpdate(two, -1, imageOf(1)),
    activate(two, 7, 3),
    clear(two, 2, 3),
  ];
  for (const result of results) expect(result).toMatchObject({ ok: false, refusal: "no-such-region" });
});

/** One thing that happens to a device, as numbers that a run turns into a change of whatever table there is. */
const happenings = fc.record({
  kind: fc.constantFrom("start", "fail", "confirm", "begin", "end", "activate", "clear"),
  region: fc.nat(3),
  usable: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 4, maxLength: 4 }),
  flag: fc.boolean(),
  tries: fc.integer({ min: 1, max: 4 }),
});
type Happening = typeof happenings extends fc.Arbitrary<infer H> ? H : never;

/** The table after a happening; the very same one where nothing is to be committed. */
function apply(table: Table, { kind, region, usable, flag, tries }: Happening): Table {
  // One image in ten is bad.
  const images = soundImages(table).map((facts, index) => (usable[index] === 0 ? bad : facts));
  const of = (result: TransitionResult) => (result.ok ? result.table : table);
  switch (kind) {
    case "start":
      return start(table, images);
    case "fail":
      return table.active === NO_REGION ? table : fail(table, flag && usable[0] === 1, images).table;
    case "confirm":
      return table.active === NO_REGION ? table : (confirm(table) ?? table);
    case "begin":
      return of(beginUpdate(table, region, flag));
    case "end":
      return of(endUpdate(table, region, imageOf(region, tries)));
    case "activate":
      return of(activate(table, region, tries));
    default:
      return of(clear(table, region, tries));
  }
}

describe("an operator's word for a region that would not be started is refused, and says why", () => {
  const [first, second] = soundImages(two) as [RegionFacts, RegionFacts];
  const below: RegionFacts[] = [{ ...first, ...{ securityCounter: 2 } }, second];

  it.each<[string, Table, RegionFacts[], number]>([
    ["its security counter 0 is below the floor 2", two, below, 2],
    ["the digest is wrong", two, [first, bad], 0],
    ["it holds 1.0.0, not the image that was verified", two, [first, first], 0],
  ])("%s", (why, table, images, floor) => {
    const refused = { ok: false, refusal: "may-not-run", message: `region 1 would not be started: ${why}` };
    expect(requireRunnable(activate(table, 1, 3), 1, { floor, images })).toEqual(refused);
    const givenUp = changeTable(table, {
      regions: table.regions.with(1, changeRecord(regionAt(table, 1), { state: "invalid" })),
    });
    expect(requireRunnable(clear(givenUp, 1, 3), 1, { floor, images })).toEqual(refused);
  });

  it("and what may run is started by what it makes of the table", () => {
    const known = { floor: 0, images: soundImages(written) };
    const table = tableOf(requireRunnable(activate(written, 1, 3), 1, known));
    expect(decideBoot({ table, ...known }).region).toBe(1);
    expect(requireRunnable(activate(two, 7, 3), 7, known)).toMatchObject({ refusal: "no-such-region" });
  });
});

describe("whatever happens, in whatever order", () => {
  it("every table is possible and may follow the one before", () => {
    fc.assert(
      fc.property(anyTable, fc.array(happenings, { minLength: 1, maxLength: 40 }), (first, list) => {
        let table = first;
        for (const happening of list) {
          const next = apply(table, happening);
          if (next !== table) {
            expect(tableFault(next)).toBeUndefined();
            expect(tableSuccessionFault(table, next)).toBeUndefined();
          }
          table = next;
        }
      }),
      { numRuns: 500 },
    );
  });

  it("a failed region is not designated anew unless it may go on, and then nothing else could be", () => {
    const usable = fc.array(fc.boolean(), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(anyTable, usable, fc.boolean(), (table, list, overBudget) => {
        fc.pre(table.active !== NO_REGION);
        const images = soundImages(table).map((facts, region) => (list[region] === true ? facts : bad));
        const failed = table.active;
        const before = table.regions[failed] ?? recordOf(0, "invalid");
        const outcome = fail(table, overBudget, images);
        const after = outcome.table.regions[failed] ?? recordOf(0, "invalid");
        expect(tableFault(outcome.table)).toBeUndefined();
        expect(tableSuccessionFault(table, outcome.table)).toBeUndefined();
        expect(after.failures).toBe(Math.min(before.failures + 1, 0xffff_ffff));
        expect(after.lastFailure).toEqual(panic);
        if (outcome.region !== NO_REGION) expect(outcome.table.active).toBe(outcome.region);
        if (overBudget) expect(after.state).toBe("invalid");
        if (outcome.region === failed) {
          expect(outcome.action).toBe("restart");
          expect(list[failed]).toBe(true);
          if (before.state === "valid") expect(after.triesLeft).toBe(before.triesLeft - 1);
          else {
            const others = table.regions.map((_, region) =>
              region === failed ? bad : (images[region] ?? bad),
            );
            expect(decideBoot({ table, floor: 0, images: others }).region).toBe(NO_REGION);
          }
        }
        if (before.state === "valid" && before.triesLeft === 1) {
          expect(after.state).toBe("invalid");
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("a device whose every version fails without end reaches safe mode, for budgets and tries run out", () => {
    fc.assert(
      fc.property(anyTable, (first) => {
        let table = start(first);
        const failures = new Map<number, number>();
        let steps = 0;
        while (decideBoot({ table, floor: 0, images: soundImages(table) }).region !== NO_REGION) {
          const { active } = table;
          const count = (failures.get(active) ?? 0) + 1;
          failures.set(active, count);
          table = fail(table, count > 5).table;
          steps += 1;
          expect(steps).toBeLessThanOrEqual(table.regions.length * 6);
        }
      }),
    );
  });
});
