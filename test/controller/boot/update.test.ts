/** The order of an update: what is commanded when, and what an interruption leaves. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RegionFacts } from "../../../controller/boot/boot-rom.ts";
import { activate, beginUpdate, endUpdate } from "../../../controller/boot/transitions.ts";
import {
  reduceUpdate,
  startUpdate,
  type Update,
  type UpdateCommand,
  type UpdateEvent,
} from "../../../controller/boot/update.ts";
import { firstTable } from "../../../emulator/table/recovery.ts";
import type { Table } from "../../../emulator/table/table.ts";

const REGION = 1;
const DONE: UpdateEvent = { type: "done" };
const REFUSED: UpdateEvent = { type: "refused", message: "the flash refused" };
const WHOLE: RegionFacts = {
  usable: true,
  version: { major: 2, minor: 0, revision: 0, build: 0 },
  digest: [9, 0, 0, 0, 0, 0, 0, 0],
  securityCounter: 0,
  headerBytes: 32,
  imageBytes: 4096,
  signed: false,
};
const BROKEN: RegionFacts = {
  usable: false,
  fault: { name: "digest-mismatch", message: "its digest does not hold" },
};

/** A device that carries out what an update commands. */
class Model {
  table: Table = firstTable(
    [1, 0].map((minor) => ({
      version: { major: 1, minor, revision: 0, build: 0 },
      digest: [minor + 1, 0, 0, 0, 0, 0, 0, 0],
    })),
  );
  /** What stands in the region. */
  flash: "old image" | "being written" | "new image" = "old image";
  /** The region was read since it was last written. */
  verified = false;
  readonly commands: UpdateCommand["type"][] = [];

  /** What the command does, whatever its driver says of it then. */
  carryOut(command: UpdateCommand): void {
    this.commands.push(command.type);
    switch (command.type) {
      case "invalidate":
        this.#commit(beginUpdate(this.table, REGION, true));
        break;
      case "erase":
      case "program":
        this.flash = command.type === "erase" ? "being written" : "new image";
        this.verified = false;
        break;
      case "verify":
        this.verified = true;
        break;
      case "validate":
        this.#commit(endUpdate(this.table, REGION, command.image));
        break;
      case "activate":
        this.#commit(activate(this.table, REGION, 3));
        break;
    }
  }

  #commit(result: ReturnType<typeof activate>): void {
    if (!result.ok) throw new Error(result.message);
    this.table = result.table;
  }

  get state(): string | undefined {
    return this.table.regions[REGION]?.state;
  }
}

/** Carries an update out, with these answers in their turn; what came of it. */
function run(model: Model, activates: boolean, events: readonly UpdateEvent[]): Update {
  let { update, command } = startUpdate(activates);
  for (const event of events) {
    if (command !== undefined) model.carryOut(command);
    ({ update, command } = reduceUpdate(update, event));
  }
  return update;
}

const VERIFIED: UpdateEvent = { type: "verified", facts: WHOLE };

describe("an update", () => {
  it("goes in one order: invalidate, erase, program, verify, validate, activate", () => {
    const model = new Model();
    const update = run(model, true, [DONE, DONE, DONE, VERIFIED, DONE, DONE]);
    expect(update.phase).toBe("done");
    expect(model.commands).toEqual(["invalidate", "erase", "program", "verify", "validate", "activate"]);
    expect(model.table).toMatchObject({ next: REGION });
    expect(model.table.regions[REGION]).toMatchObject({
      state: "valid",
      digest: WHOLE.usable && WHOLE.digest,
    });
  });

  it("that does not activate ends with a valid region, which nothing starts", () => {
    const model = new Model();
    expect(run(model, false, [DONE, DONE, DONE, VERIFIED, DONE]).phase).toBe("done");
    expect(model.commands.at(-1)).toBe("validate");
    expect(model.table.next).not.toBe(REGION);
  });

  it("is over with a step that is refused, and says why", () => {
    for (const before of [0, 1, 2]) {
      const model = new Model();
      const events = [...new Array<UpdateEvent>(before).fill(DONE), REFUSED, DONE, VERIFIED];
      expect(run(model, true, events)).toMatchObject({ phase: "refused", refusal: "the flash refused" });
      expect(model.commands).toHaveLength(before + 1);
    }
  });

  it("is over where what was read does not hold, and tells its fault", () => {
    const model = new Model();
    const update = run(model, true, [DONE, DONE, DONE, { type: "verified", facts: BROKEN }, DONE]);
    expect(update).toMatchObject({ phase: "refused", step: "verify", refusal: "its digest does not hold" });
    expect(model.state).toBe("invalid");
  });

  it("takes no word for a verify but what was read", () => {
    const model = new Model();
    expect(run(model, true, [DONE, DONE, DONE, DONE, DONE]).step).toBe("verify");
    expect(model.state).toBe("invalid");
  });

  it("has a region that is invalid whenever it does not hold what was verified, wherever it is interrupted", () => {
    const event = fc.constantFrom<UpdateEvent>(DONE, DONE, DONE, VERIFIED, REFUSED, {
      type: "verified",
      facts: BROKEN,
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), fc.boolean(), (events, activates) => {
        const model = new Model();
        let { update, command } = startUpdate(activates);
        for (const each of events) {
          if (command !== undefined) model.carryOut(command);
          // Here power may go: this is what stands then.
          const holds = model.flash === "old image" || (model.flash === "new image" && model.verified);
          if (!holds) expect(model.state).toBe("invalid");
          ({ update, command } = reduceUpdate(update, each));
        }
        if (update.phase === "done") expect(model).toMatchObject({ state: "valid", verified: true });
      }),
    );
  });

  it("that was interrupted can be begun anew", () => {
    for (const done of [1, 2, 3]) {
      const model = new Model();
      run(model, true, new Array<UpdateEvent>(done).fill(DONE));
      expect(run(model, true, [DONE, DONE, DONE, VERIFIED, DONE, DONE]).phase).toBe("done");
      expect(model.state).toBe("valid");
    }
  });
});
