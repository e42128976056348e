/** The sweep of a loader whose flash controller is a module: its short cuts are exact there, too. */
import { expect, it } from "vitest";
import type { DeviceModule } from "../../../../controller/devices/device-module.ts";
import { Explorer } from "../../../../supervisor/sweep/explore/explorer.ts";
import { LoaderSubject } from "../../../../supervisor/sweep/loader/loader-subject.ts";
import * as asm from "../../../controller/support/assembler.ts";
import { A0, A1, A2 } from "../../../controller/support/machines.ts";
import {
  goTo,
  image,
  MARK,
  NOR,
  POWER_ON,
  PRIMARY,
  SAFE,
  SECONDARY,
  SECTOR,
  store,
  tinyProfile,
  tinyScenario,
} from "./tiny-loader.ts";

const MODULE = 0x4000_0000;
/** Where it keeps a word, and where a store has a sector erased. */
const [KEEP, ERASE] = [0, 4];
const ERASED = -1;
const FIRST_WORD = new DataView(image(2).buffer).getInt32(0, true);

const device: DeviceModule = {
  stateWords: 1,
  create: ({ state, flash }) => ({
    load: () => state[0] ?? 0,
    store: (offset, value) => {
      if (offset === KEEP) state[0] = value;
      else flash("nor").erase(value, SECTOR);
    },
  }),
};

/**
 * Leaves the first word of the secondary slot in the module alone, erases that, and starts the primary one where the word
 * was an erased one or the image's; where it was torn it says that it has nothing to start.
 */
function forgetful(): asm.Program {
  const program = new asm.Program()
    .li(A0, SECONDARY)
    .words(asm.load("lw", A2, 0, A0))
    .li(A0, MODULE)
    .words(asm.store("sw", A2, KEEP, A0))
    .li(A2, SECONDARY - NOR)
    .words(asm.store("sw", A2, ERASE, A0))
    .words(asm.load("lw", A2, KEEP, A0))
    .li(A1, ERASED)
    .branch("beq", A1, A2, "start")
    .li(A1, FIRST_WORD)
    .branch("beq", A1, A2, "start");
  store(program, MARK, SAFE);
  return goTo(program.label("stay").jal(0, "stay").label("start"), PRIMARY);
}

function casesOf(runAll: boolean): readonly string[] {
  const { board, ...profile } = tinyProfile(forgetful(), { mode: "direct-xip" });
  const said = { name: "mine", base: MODULE, bytes: 4096, module: "", interrupt: undefined, options: {} };
  const modules = { exported: [device], guard: <F>(_: string, call: F): F => call };
  const subject = new LoaderSubject({ ...profile, board: { ...board, devices: [said] } }, {}, modules);
  const scenario = tinyScenario([POWER_ON, { do: "upload", image: "new", by: "operator" }]);
  const plan = { depth: 1, seed: 1, part: { index: 0, of: 1 }, faults: false, runAll };
  const cases: string[] = [];
  new Explorer(subject, scenario, plan, (path, ending) => {
    cases.push(`${JSON.stringify(path)} ${typeof ending === "string" ? ending : ending.verdict}`);
  }).explore();
  return cases;
}

it("futures that differ in nothing but a module's words are not taken for one", () => {
  const cases = casesOf(false);
  const endings = new Set(cases.map((each) => each.split(" ")[1]));
  expect(endings.size).toBeGreaterThan(1);
  expect(casesOf(true)).toEqual(cases);
});
