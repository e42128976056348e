/**
 * What executes firmware under sweep. A sweep starts firmware thousands of times and lets it run until it is ready,
 * some 10,000 instructions: translating them costs more than it saves. So `auto` interprets each start, and has only
 * what goes on far longer translated: firmware that hangs until its watchdog ends it, or that takes long to be ready.
 */
import type { Engine, Stop } from "../../../controller/cpu/engine.ts";
import type { EngineKind } from "../../../controller/cpu/engine-kind.ts";
import { retiredInstructions } from "../../../controller/cpu/hart.ts";
import type { MachineOptions } from "../../../controller/machine.ts";
import { chooseEngine } from "../../../controller/translator/select.ts";

/** Instructions of one start that `auto` interprets. */
const INTERPRETED_INSTRUCTIONS = 100_000;

class PatientEngine implements Engine {
  readonly #hart: Int32Array;
  readonly #interpreter: Engine;
  readonly #makeTranslator: () => Engine;
  #translator: Engine | undefined;

  constructor(hart: Int32Array, interpreter: Engine, makeTranslator: () => Engine) {
    this.#hart = hart;
    this.#interpreter = interpreter;
    this.#makeTranslator = makeTranslator;
  }

  run(maxInstructions: number): Stop {
    const left = INTERPRETED_INSTRUCTIONS - retiredInstructions(this.#hart);
    if (left > 0) return this.#interpreter.run(Math.min(maxInstructions, left));
    this.#translator ??= this.#makeTranslator();
    return this.#translator.run(maxInstructions);
  }
}

/** To be spread into the options of a machine. */
export function sweepEngine(kind: EngineKind): Pick<MachineOptions, "engine"> {
  const { engine } = chooseEngine(kind).options;
  if (kind !== "auto" || engine === undefined) return engine === undefined ? {} : { engine };
  return {
    engine: (parts, interpreter, memory, slot) =>
      new PatientEngine(parts.hart, interpreter, () => engine(parts, interpreter, memory, slot)),
  };
}
