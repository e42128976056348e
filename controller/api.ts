/** What a controller worker answers by comlink between its runs. */

import type { Api } from "../emulator/base/link.ts";
import type { SharedLogConfig } from "../emulator/base/log.ts";
import type { Layout } from "../emulator/memory/layout.ts";
import type { RegionFacts } from "./boot/boot-rom.ts";
import type { EngineKind } from "./cpu/engine-kind.ts";
import type { HartConfig } from "./cpu/hart-config.ts";
import type { RequirementsConfig } from "./image/verify.ts";

export interface Attachment {
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
  readonly slot: number;
  readonly engine: EngineKind;
  readonly hart: HartConfig;
  readonly requirements: RequirementsConfig;
  readonly log: SharedLogConfig;
}

/** What the boot ROM read: one entry per region, each with the store epoch that it holds for. */
export interface Inspection {
  readonly regions: readonly RegionFacts[];
  readonly storeEpochs: readonly number[];
}

export interface ControllerApi extends Api {
  /** Answers the thread's id as gettid(2) gives it, 0 where it cannot be known. */
  attach(attachment: Attachment): number;
  /** Reads and hashes every region. */
  inspect(): Inspection;
  /**
   * Reads every region, resets the hart to the entry of `region`, answers, and parks. As long as SlotWord.HURRY is 0 there
   * is time to let V8 compile the engine, and to translate.
   */
  prepare(region: number): Inspection;
}
