/** Which engine a machine gets: the user's `--engine`, or `auto`. */
import type { EngineKind } from "../cpu/engine-kind.ts";
import type { MachineOptions } from "../machine.ts";
import { Answering } from "./answering.ts";
import { BackgroundTranslator, FirstHere, type TranslatingThread } from "./background.ts";
import { AUTO, Beside, TRANSLATOR } from "./beside.ts";
import { TranslatingEngine } from "./engine.ts";
import { optimizeLater } from "./late-optimizing.ts";

/** `translator` is for what runs long: it may be slower at first. */
const TRANSLATOR_SHARE = 20;

/** An engine chosen, for one machine. */
export interface EngineChoice {
  /** To be spread into {@link MachineOptions}. */
  readonly options: Pick<MachineOptions, "engine">;
  /** The translating engine, once the machine has been made; undefined for the interpreter. */
  readonly translator: () => TranslatingEngine | undefined;
}

/** @param background program of the thread that translates beside the hart (translator-worker.ts); without, none does */
export function chooseEngine(kind: EngineKind, background?: URL): EngineChoice {
  if (kind === "interpreter") return { options: {}, translator: () => undefined };
  let made: TranslatingEngine | undefined;
  const options: Pick<MachineOptions, "engine"> = {
    engine: (parts, interpreter, memory, slot) => {
      made = new TranslatingEngine(parts, interpreter, memory, slot, {
        ...(kind === "translator" && { share: TRANSLATOR_SHARE }),
        ...(background !== undefined && { beside: besideOf(kind, memory, background) }),
      });
      return made;
    },
  };
  return { options, translator: () => made };
}

function besideOf(kind: EngineKind, memory: WebAssembly.Memory, program: URL): Beside {
  const start = (): TranslatingThread | undefined => {
    try {
      const answering = new Answering(memory);
      const thread = new BackgroundTranslator(memory, program);
      return new FirstHere(thread, (request) => {
        const reply = answering.translate(request);
        // By now V8 has compiled the translator, which is to be in what is kept of that.
        optimizeLater();
        return reply;
      });
    } catch {
      return undefined;
    }
  };
  return new Beside(start, kind === "translator" ? TRANSLATOR : AUTO);
}
