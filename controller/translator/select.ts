/** Which engine a machine gets: the user's `--engine`, or `auto`. */
import type { EngineKind } from "../cpu/engine-kind.ts";
import type { MachineOptions } from "../machine.ts";
import { TranslatingEngine } from "./engine.ts";

/** `translator` is for what runs long: it may be slower at first. */
const TRANSLATOR_SHARE = 20;

/** An engine chosen, for one machine. */
export interface EngineChoice {
  /** To be spread into {@link MachineOptions}. */
  readonly options: Pick<MachineOptions, "engine">;
  /** The translating engine, once the machine has been made; undefined for the interpreter. */
  readonly translator: () => TranslatingEngine | undefined;
}

export function chooseEngine(kind: EngineKind): EngineChoice {
  if (kind === "interpreter") return { options: {}, translator: () => undefined };
  let made: TranslatingEngine | undefined;
  const options: Pick<MachineOptions, "engine"> = {
    engine: (parts, interpreter, memory, slot) => {
      made = new TranslatingEngine(parts, interpreter, memory, slot, {
        ...(kind === "translator" && { share: TRANSLATOR_SHARE }),
      });
      return made;
    },
  };
  return { options, translator: () => made };
}
