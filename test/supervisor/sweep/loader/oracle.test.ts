/** The rules by which a boot loader is judged, each by the events alone that it is about. */
import { describe, expect, it } from "vitest";
import { ResetReason, Role } from "../../../../controller/devices/reset-block.ts";
import type { LoaderMode, Saying } from "../../../../supervisor/core/loader-profile.ts";
import { ItemKind } from "../../../../supervisor/sweep/explore/items.ts";
import { initialLoaderJudgement } from "../../../../supervisor/sweep/loader/judgement.ts";
import type { Failure, LoaderEvent } from "../../../../supervisor/sweep/loader/loader-event.ts";
import { LoaderOracle } from "../../../../supervisor/sweep/loader/oracle.ts";

const start = (role = Role.NOTHING): LoaderEvent => ({ type: "started", reason: ResetReason.POWER, role });
const runs = (image: string | undefined, ...whole: readonly string[]): LoaderEvent => ({
  type: "handed-over",
  slot: "primary",
  image,
  mixedOf: undefined,
  whole: image === undefined ? whole : [image, ...whole],
  tookMs: 1,
});
const says = (saying: Saying): LoaderEvent => ({ type: "said", saying });
const fails = (how: Failure, ...whole: readonly string[]): LoaderEvent => ({
  type: "failed",
  how,
  message: "it ended",
  whole,
});
const arrives = (image: string): readonly LoaderEvent[] => [
  { type: "arriving", image, slot: "secondary" },
  { type: "arrived", image },
];
/** The update arrives, and what runs asks for it. */
const asksFor = (image: string, role = Role.REQUEST_TEST): readonly LoaderEvent[] => [
  ...arrives(image),
  start(role),
  runs("old", image),
  says("requested"),
];
const tries = (image: string): readonly LoaderEvent[] => [start(), runs(image, "old")];
const confirms = (image: string): readonly LoaderEvent[] => [
  start(Role.CONFIRM),
  runs(image, "old"),
  says("confirmed"),
];

/** Power is cut. */
const CUT = "cut";
/** Flash is about to be changed by what executes. */
const WRITES = "writes";
/** A sector is about to be erased. */
const ERASES = "erases";
/** A counter is raised. */
interface Raise {
  readonly raises: number;
}
type Happening = LoaderEvent | typeof CUT | typeof WRITES | typeof ERASES | Raise;

interface Setting {
  readonly mode?: LoaderMode;
  readonly arrivalAsks?: boolean;
  readonly base?: string | undefined;
  readonly refusesDowngrades?: boolean;
  readonly startMs?: number;
  readonly erasesPerUpdate?: number;
  readonly counters?: ReadonlyMap<string, number>;
  /** The loader raises counters where nothing disturbs it. */
  readonly raises?: boolean;
}

function oracleOf(
  { mode = "swap", arrivalAsks = false, ...rest }: Setting,
  happenings: readonly Happening[],
) {
  const oracle = new LoaderOracle({ mode, arrivalAsks, ...rest });
  oracle.raises = rest.raises ?? false;
  oracle.judgement = initialLoaderJudgement("base" in rest ? rest.base : "old");
  for (const happening of happenings) {
    if (happening === CUT) oracle.judgement = oracle.afterCut(oracle.judgement);
    else if (happening === WRITES) oracle.begins({ kind: ItemKind.PROGRAM, region: 0, offset: 0 });
    else if (happening === ERASES) oracle.begins({ kind: ItemKind.ERASE, region: 0, offset: 0 });
    else if ("raises" in happening) oracle.counted(happening.raises);
    else oracle.observe(happening);
  }
  return oracle;
}

function verdict(setting: Setting, ...happenings: readonly Happening[]): string {
  const oracle = oracleOf(setting, happenings);
  oracle.conclude();
  const ending = oracle.verdict();
  return typeof ending === "string" ? ending : ending.verdict;
}

describe("what is well", () => {
  it("runs-old: the provisioned image is started", () => {
    expect(verdict({}, start(), runs("old"))).toBe("runs-old");
  });

  it("runs-new: an update was asked for, tried and confirmed", () => {
    expect(verdict({}, ...asksFor("new"), ...confirms("new"), ...tries("new"))).toBe("runs-new");
  });

  it("runs-new: where nothing is taken back, a start is all that an update needs", () => {
    const setting = { mode: "overwrite", arrivalAsks: true } as const;
    expect(verdict(setting, ...arrives("new"), ...tries("new"), ...tries("new"))).toBe("runs-new");
  });

  it("runs-old: a trial that did not confirm itself is taken back", () => {
    expect(verdict({}, ...asksFor("new"), ...tries("new"), start(), runs("old", "new"))).toBe("runs-old");
  });

  it("runs-new, runs-old: an update that was half asked for without a trial stays, or is taken back", () => {
    const asking: readonly Happening[] = [
      ...arrives("new"),
      start(Role.REQUEST_PERMANENT),
      runs("old", "new"),
      WRITES,
      CUT,
      ...tries("new"),
    ];
    expect(verdict({}, ...asking, ...tries("new"))).toBe("runs-new");
    expect(verdict({}, ...asking, start(), runs("old", "new"))).toBe("runs-old");
    // It has stayed, so it is what an update that nobody asks for leaves running.
    expect(verdict({}, ...asking, ...tries("new"), ...arrives("newer"), start(), runs("new", "newer"))).toBe(
      "runs-new",
    );
    expect(verdict({}, ...asking, start(), runs("old", "new"), start(), WRITES, runs("new", "old"))).toBe(
      "wrong-image",
    );
  });

  it("reverted-confirmed: an update that was asked for without a trial is taken back", () => {
    const asked = asksFor("new", Role.REQUEST_PERMANENT);
    expect(verdict({}, ...asked, ...tries("new"), start(), WRITES, runs("old", "new"))).toBe(
      "reverted-confirmed",
    );
  });

  it("unlucky: power ended the trial before it could confirm itself", () => {
    expect(verdict({}, ...asksFor("new"), ...tries("new"), CUT, start(), runs("old", "new"))).toBe("unlucky");
  });

  it("unlucky: power went when the loader may have noted the trial already, and the update is gone", () => {
    const noted = [...asksFor("new"), start(), WRITES, CUT, start()] as const;
    expect(verdict({ mode: "direct-xip-revert" }, ...noted, runs("old"))).toBe("unlucky");
    expect(verdict({}, ...noted, runs("old", "new"))).toBe("runs-old");
  });

  it("safe-mode-told: nothing is whole, and the loader says so", () => {
    expect(verdict({ base: undefined }, start(), says("safe"), fails("no-image"))).toBe("safe-mode-told");
  });

  it("a bad image is refused: what ran before runs", () => {
    expect(verdict({}, ...asksFor("bad-0"), start(), runs("old", "bad-0"))).toBe("runs-old");
  });
});

describe("an update of a lower version", () => {
  const refusing = { base: "new", refusesDowngrades: true } as const;
  const asked: readonly Happening[] = [
    ...arrives("old"),
    start(Role.REQUEST_TEST),
    runs("new", "old"),
    says("requested"),
  ];

  it("is refused where it has to be: what ran before runs, and nothing was ignored", () => {
    expect(verdict(refusing, ...asked, start(), runs("new", "old"))).toBe("runs-new");
    expect(verdict({ ...refusing, arrivalAsks: true }, ...arrives("old"), start(), runs("new", "old"))).toBe(
      "runs-new",
    );
  });

  it("must not run where it has to be refused, after a cut neither", () => {
    expect(verdict(refusing, ...asked, start(), runs("old", "new"))).toBe("wrong-image");
    expect(verdict(refusing, ...asked, CUT, start(), runs("old", "new"))).toBe("wrong-image");
    for (const mode of ["overwrite", "swap"] as const)
      expect(verdict({ ...refusing, mode, arrivalAsks: true }, ...arrives("old"), start(), runs("old"))).toBe(
        "wrong-image",
      );
  });

  it("raises no counter where it has to be refused", () => {
    const counters = new Map([
      ["old", 5],
      ["new", 1],
    ]);
    const setting = { ...refusing, mode: "overwrite", arrivalAsks: true, counters } as const;
    expect(verdict(setting, ...arrives("old"), start(), { raises: 5 })).toBe("counter-raised-early");
  });

  it("is an update like any other where it is accepted", () => {
    const accepting = { ...refusing, refusesDowngrades: false } as const;
    expect(verdict(accepting, ...asked, start(), runs("new", "old"))).toBe("request-ignored");
    const confirming: readonly Happening[] = [start(Role.CONFIRM), runs("old", "new"), says("confirmed")];
    expect(verdict(accepting, ...asked, ...confirming, start(), runs("old", "new"))).toBe("runs-old");
  });

  it("is no higher one, which a loader that refuses downgrades has to try", () => {
    const setting = { ...refusing, base: "old" } as const;
    expect(verdict(setting, ...asksFor("new"), start(), runs("old", "new"))).toBe("request-ignored");
    expect(verdict(setting, ...asksFor("size-0"), ...confirms("size-0"))).toBe("runs-new");
  });
});

describe("what a cut leaves open", () => {
  it("a request that was under way may be there or not", () => {
    const asking: readonly Happening[] = [
      ...arrives("new"),
      start(Role.REQUEST_TEST),
      runs("old", "new"),
      WRITES,
      CUT,
      start(),
    ];
    expect(verdict({}, ...asking, runs("old", "new"))).toBe("runs-old");
    expect(verdict({}, ...asking, runs("new", "old"))).toBe("runs-new");
  });

  it("a confirmation that was under way may be there or not", () => {
    const confirming = [
      ...asksFor("new"),
      start(Role.CONFIRM),
      runs("new", "old"),
      WRITES,
      CUT,
      start(),
    ] as const;
    expect(verdict({}, ...confirming, runs("old", "new"))).toBe("runs-old");
    expect(verdict({}, ...confirming, runs("new", "old"))).toBe("runs-new");
  });

  it("is the same value for the same knowledge, which the explorer counts on", () => {
    const oracle = oracleOf({}, asksFor("new"));
    expect(oracle.afterCut(oracle.judgement)).toBe(oracle.afterCut(oracle.judgement));
  });
});

describe("what is under way at a reset", () => {
  const reset = (isWriting: boolean): LoaderEvent => ({ type: "disturbed", how: "reset", isWriting });

  it("may be a request, which is there or not", () => {
    const asking = [...arrives("new"), start(Role.REQUEST_TEST), runs("old", "new")] as const;
    expect(verdict({}, ...asking, reset(true), ...tries("new"))).toBe("runs-new");
    expect(verdict({}, ...asking, reset(true), start(), runs("old", "new"))).toBe("runs-old");
    expect(verdict({}, ...asking, reset(false), ...tries("new"))).toBe("wrong-image");
  });

  it("may be the note of a trial, so that it need not be tried", () => {
    const starting = [...asksFor("new"), start()] as const;
    expect(verdict({}, ...starting, reset(true), start(), runs("old", "new"))).toBe("runs-old");
    expect(verdict({}, ...starting, reset(false), start(), runs("old", "new"))).toBe("request-ignored");
  });
});

describe("what a bad block explains", () => {
  const spoilt: LoaderEvent = { type: "disturbed", how: "bad-block", isWriting: true };

  it("an update that is not tried, for it cannot be put where it has to go", () => {
    expect(verdict({}, ...asksFor("new"), start(), spoilt, runs("old", "new"))).toBe("runs-old");
    expect(verdict({}, ...asksFor("new"), start(), spoilt, runs("old"))).toBe("runs-old");
  });

  it("an image that is whole and cannot be copied to where it is started, which the loader says", () => {
    expect(verdict({}, ...asksFor("new"), start(), spoilt, says("safe"), fails("no-image", "new"))).toBe(
      "safe-mode-told",
    );
  });

  it("no update afterwards", () => {
    const missed = { type: "missed", message: "it cannot be updated" } as const;
    expect(verdict({}, start(), spoilt, runs("old"), CUT, start(), runs("old"), missed)).toBe("runs-old");
  });

  it("but nothing that runs and must not, and no trap", () => {
    expect(verdict({}, start(), spoilt, runs(undefined))).toBe("unverified-executed");
    expect(verdict({}, start(), spoilt, fails("trap", "old"))).toBe("bricked-but-whole");
  });
});

describe("security counters", () => {
  const counters = new Map([
    ["old", 1],
    ["new", 2],
    ["newer", 3],
  ]);
  const swap = { counters, raises: true } as const;
  const overwrite = { ...swap, mode: "overwrite", arrivalAsks: true } as const;
  const raise = (raises: number): Raise => ({ raises });
  const updated = [...asksFor("new"), ...confirms("new")] as const;

  it("are raised once the image that has more is confirmed", () => {
    expect(verdict(swap, ...updated, start(), raise(2), runs("new", "old"))).toBe("runs-new");
    expect(verdict(overwrite, ...arrives("new"), start(), raise(2), runs("new"))).toBe("runs-new");
  });

  it("counter-raised-early: before that there is something to go back to", () => {
    expect(verdict(swap, start(), raise(1), ...asksFor("new"), start(), raise(2))).toBe(
      "counter-raised-early",
    );
    expect(verdict(swap, ...tries("old"), raise(2))).toBe("counter-raised-early");
    const permanent: readonly Happening[] = [
      ...asksFor("new", Role.REQUEST_PERMANENT),
      start(),
      raise(2),
      runs("new", "old"),
    ];
    expect(verdict(swap, ...permanent)).toBe("runs-new");
    expect(verdict({ ...overwrite, arrivalAsks: false }, ...arrives("new"), start(), raise(2))).toBe(
      "counter-raised-early",
    );
    expect(verdict({ raises: true }, start(), raise(2), runs("old"))).toBe("runs-old");
  });

  it("below-floor: what has less than the board runs", () => {
    expect(verdict(swap, ...updated, start(), raise(2), runs("old", "new"))).toBe("below-floor");
    const trying: readonly Happening[] = [
      ...arrives("new"),
      start(),
      raise(2),
      CUT,
      start(),
      runs("old", "new"),
    ];
    expect(verdict(overwrite, ...trying)).toBe("below-floor");
  });

  it("counter-not-raised: a start after the confirmation leaves it as it is", () => {
    const next = [start(), runs("new", "old")] as const;
    expect(verdict(swap, ...updated)).toBe("runs-new");
    expect(verdict(swap, ...updated, ...next)).toBe("counter-not-raised");
    expect(verdict(swap, ...updated, ...next, ...arrives("newer"))).toBe("counter-not-raised");
    expect(verdict(swap, ...updated, ...next, raise(2))).toBe("runs-new");
    expect(verdict(swap, ...updated, ...next, CUT, start(), raise(2), runs("new", "old"))).toBe("runs-new");
    expect(verdict({ ...swap, raises: false }, ...updated, ...next)).toBe("runs-new");
  });

  it("counter-lowered: less is stored to one than it holds", () => {
    expect(verdict({}, start(), { type: "lowered", message: "counter 0 holds 2" })).toBe("counter-lowered");
  });
});

describe("what is wrong", () => {
  it("mixed-image: what runs is an image in part", () => {
    expect(verdict({}, start(), { ...runs(undefined), mixedOf: "new" } as LoaderEvent)).toBe("mixed-image");
  });

  it("unverified-executed: what runs is no image that was ever given", () => {
    expect(verdict({}, start(), runs(undefined, "old"))).toBe("unverified-executed");
  });

  it("unverified-executed: what runs is an image that must never run", () => {
    expect(verdict({}, ...asksFor("bad-0"), ...tries("bad-0"))).toBe("unverified-executed");
  });

  it("wrong-image: an update runs that nobody asked for yet", () => {
    expect(verdict({}, ...arrives("new"), ...tries("new"))).toBe("wrong-image");
  });

  it("wrong-image: an image runs that is neither what counts nor an update", () => {
    expect(verdict({}, start(), runs("newer", "old"))).toBe("wrong-image");
  });

  it("fallback-gone: an update is on trial, and nothing is left to go back to", () => {
    expect(verdict({}, ...asksFor("new"), start(), runs("new"))).toBe("fallback-gone");
  });

  it("reverted-confirmed: what was before runs again after a confirmation", () => {
    expect(verdict({}, ...asksFor("new"), ...confirms("new"), start(), runs("old", "new"))).toBe(
      "reverted-confirmed",
    );
  });

  it("unconfirmed-kept: a trial that never confirmed itself is started again", () => {
    expect(verdict({}, ...asksFor("new"), ...tries("new"), ...tries("new"))).toBe("unconfirmed-kept");
  });

  it("lost-update: an update that was asked for is gone before it was ever started", () => {
    expect(verdict({}, ...asksFor("new"), start(), runs("old"))).toBe("lost-update");
  });

  it("lost-update: in the middle of a swap, which has it in one slot or the other, whatever is noted by then", () => {
    const swaps = [start(), WRITES, CUT, start()] as const;
    expect(verdict({}, ...asksFor("new"), ...swaps, runs("old"))).toBe("lost-update");
    // Nothing was acknowledged, or something else than a cut came between.
    const asking = [...arrives("new"), start(Role.REQUEST_TEST), runs("old", "new"), WRITES, CUT] as const;
    expect(verdict({}, ...asking, ...swaps, runs("old"))).toBe("unlucky");
    const skipped = { type: "disturbed", how: "skip", isWriting: false } as const;
    expect(verdict({}, ...asksFor("new"), start(), skipped, WRITES, runs("old"))).toBe("unlucky");
  });

  it("request-ignored: an update that was asked for is whole, and what was before runs", () => {
    expect(verdict({}, ...asksFor("new"), start(), runs("old", "new"))).toBe("request-ignored");
  });

  it("request-ignored: after a cut, too, before the loader has changed anything", () => {
    expect(verdict({}, ...asksFor("new"), CUT, start(), runs("old", "new"))).toBe("request-ignored");
  });

  it("bricked: nothing runs, and nothing is whole", () => {
    expect(verdict({}, start(), fails("trap"))).toBe("bricked");
  });

  it("bricked-but-whole: nothing runs, though an image is whole", () => {
    expect(verdict({}, start(), says("safe"), fails("no-image", "old"))).toBe("bricked-but-whole");
  });

  it("bricked: an image that must never run is nothing that is whole", () => {
    expect(verdict({}, start(), fails("hang", "bad-0"))).toBe("bricked");
  });

  it.each(["livelock", "fault-loop"] as const)("%s: starts follow each other without an end", (how) => {
    expect(verdict({}, start(), fails(how, "old"))).toBe(how);
  });

  it("stuck-state: what was to come did not", () => {
    expect(verdict({}, start(), runs("old"), { type: "missed", message: "it cannot be updated" })).toBe(
      "stuck-state",
    );
  });

  it("flash-misuse: firmware asked flash for what it does not do", () => {
    expect(verdict({}, start(), { type: "misused", message: "a program of programmed bits" })).toBe(
      "flash-misuse",
    );
  });

  it("flapping: with nothing changed in between another image runs", () => {
    const setting = { mode: "direct-xip", arrivalAsks: true } as const;
    const [arriving] = arrives("new") as [LoaderEvent];
    const cut = [arriving, CUT, start(), runs("old")] as const;
    expect(verdict(setting, ...cut, start(), runs("old"))).toBe("runs-old");
    expect(verdict(setting, ...cut, start(), runs("new"))).toBe("flapping");
    // Whatever was written may be what decided it.
    expect(verdict(setting, ...cut, WRITES, start(), runs("new"))).toBe("runs-new");
    expect(verdict({ ...setting, mode: "overwrite" }, ...cut, start(), WRITES, runs("new"))).toBe("runs-new");
    // But where images stay where they are the loader writes down what it has decided by then.
    expect(verdict(setting, ...cut, start(), WRITES, runs("new"))).toBe("flapping");
    expect(verdict(setting, ...cut, CUT, start(), runs("new"))).toBe("runs-new");
    expect(verdict(setting, ...cut, ...arrives("new"), start(), runs("new"))).toBe("runs-new");
  });

  it("flapping: a confirmation that was cut counts now and then", () => {
    const confirming = [...asksFor("new"), start(Role.CONFIRM), runs("new", "old"), WRITES, CUT] as const;
    const [old, next] = [runs("old", "new"), runs("new", "old")];
    expect(verdict({}, ...confirming, start(), old, start(), next)).toBe("flapping");
    expect(verdict({}, ...confirming, start(), next, start(), old)).toBe("flapping");
    expect(verdict({}, ...confirming, start(), old, WRITES, start(), next)).toBe("wrong-image");
  });

  it("flapping: what is confirmed already says so once more, and that decides nothing", () => {
    const mode = "direct-xip-revert";
    const noted = [...asksFor("new"), start(), WRITES, CUT, start(Role.CONFIRM), runs("old", "new")] as const;
    const again = [WRITES, says("confirmed")] as const;
    expect(verdict({ mode }, ...noted, ...again, start(), runs("new", "old"))).toBe("flapping");
  });

  it("flapping is none where an update is taken back, or was asked for without a word in flash", () => {
    expect(verdict({}, ...asksFor("new"), start(), runs("new", "old"), start(), runs("old"))).toBe(
      "runs-old",
    );
    expect(verdict({}, start(), runs("old"), start(), runs("old"), ...asksFor("new"), ...tries("new"))).toBe(
      "runs-new",
    );
  });

  it("slow: a start took longer than it may", () => {
    const slow = { ...runs("old"), tookMs: 20.5 } as LoaderEvent;
    expect(verdict({ startMs: 20 }, start(), slow)).toBe("slow");
    expect(verdict({ startMs: 21 }, start(), slow)).toBe("runs-old");
    expect(verdict({}, start(), slow)).toBe("runs-old");
  });

  it("wear: an update erases a sector too often, whatever ended it in between", () => {
    const setting = { mode: "overwrite", arrivalAsks: true, erasesPerUpdate: 2 } as const;
    const [arriving, arrived] = arrives("new") as [LoaderEvent, LoaderEvent];
    const erased = (...more: readonly Happening[]) =>
      verdict(setting, ERASES, ERASES, arriving, ERASES, arrived, start(), ...more, start(), runs("new"));
    expect(erased(ERASES)).toBe("runs-new");
    expect(erased(ERASES, CUT, start(), ERASES)).toBe("wear");
  });

  it("wear counts anew with each update", () => {
    const setting = { mode: "overwrite", arrivalAsks: true, erasesPerUpdate: 1 } as const;
    expect(verdict(setting, ...arrives("new"), ERASES, ...tries("new"), ...arrives("newer"), ERASES)).toBe(
      "runs-new",
    );
  });

  it("slow and wear count where nothing else is wrong", () => {
    const slow = { ...runs("old"), tookMs: 20.5 } as LoaderEvent;
    expect(verdict({ startMs: 20 }, start(), slow, start(), runs(undefined))).toBe("unverified-executed");
  });

  it("the first thing that is wrong counts", () => {
    const misused = { type: "misused", message: "a program of programmed bits" } as const;
    expect(verdict({}, start(), misused, runs(undefined))).toBe("flash-misuse");
  });

  it("harness-broken: it came to nothing at all", () => {
    expect(verdict({}, start())).toBe("harness-broken");
  });
});
