/** Which engine a machine gets: the user's `--engine`, or `auto`. */
import type { EngineKind } from "../engine-kind.ts";
import type { MachineOptions } from "../machine.ts";
import { TranslatingEngine, type TranslatorStats } from "./engine.ts";

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
        ...(kind === "translator" && { warmUpInstructions: 0 }),
      });
      return made;
    },
  };
  return { options, translator: () => made };
}

/** What `--stats` prints, a line each. */
export function formatStats(stats: TranslatorStats): string[] {
  const { exits } = stats;
  const retired = stats.retiredTranslated + stats.retiredInterpreted;
  const percent = retired === 0 ? 0 : (100 * stats.retiredTranslated) / retired;
  return [
    `retired ${retired} instructions, ${percent.toFixed(2)} % of them in translated code`,
    `translations ${stats.translations} of ${stats.translatedInstructions} instructions; ` +
      `live ${stats.units} modules, ${stats.unitBytes} bytes, ${stats.entries} entries; dropped ${stats.drops} times`,
    `left for an instruction that is not translated ${exits.interpret}, for a device or a fault ${exits.access}, ` +
      `near the limit ${exits.limit}, for code not translated ${exits.miss}`,
  ];
}
