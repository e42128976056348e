/** The three engines on the bare board: what a program sends on each, and how it ends. */
import type { ElfFile } from "../../controller/bare/elf.ts";
import { BareMachine } from "../../controller/bare/run.ts";
import type { RunReport } from "../../controller/bare/run-report.ts";
import type { EngineKind } from "../../controller/cpu/engine-kind.ts";
import { type Extensions, parseIsa } from "../../controller/cpu/isa.ts";
import type { MachineOptions } from "../../controller/machine.ts";
import { TranslatingEngine } from "../../controller/translator/engine.ts";
import { chooseEngine } from "../../controller/translator/select.ts";

const RAM_BYTES = 16 * 1024 * 1024;
/** A program that does not end is a finding, not a wait. */
const MAX_INSTRUCTIONS = 50_000_000;

export interface EngineRun {
  /** What the program sent through the UART; each character is a byte. */
  readonly sent: string;
  readonly report: RunReport;
  /** Instructions that translated code retired. */
  readonly translated: number;
}

/**
 * Runs the program on one engine; `translator` is made to translate all that it meets, before it meets it, since no
 * program here is long enough to be worth it. Throws LoadError.
 * @param isa all that there is where it is left out
 */
export function runOnEngine(elf: ElfFile, kind: EngineKind, isa?: string): EngineRun {
  const sent: number[] = [];
  let eager: TranslatingEngine | undefined;
  const translate: MachineOptions["engine"] = (parts, interpreter, memory, slot) => {
    eager = new TranslatingEngine(parts, interpreter, memory, slot, { eager: true });
    return eager;
  };
  const choice = chooseEngine(kind);
  const bare = new BareMachine({
    ...(kind === "translator" ? { engine: translate } : choice.options),
    ...(isa !== undefined && { extensions: extensionsOf(isa) }),
    ramBytes: RAM_BYTES,
    clock: "virtual",
    line: { send: (byte) => sent.push(byte), receive: () => -1 },
    nowNs: () => 0,
  });
  bare.load(elf);
  eager?.prepare(elf.entry);
  const report = bare.run(MAX_INSTRUCTIONS);
  const { retiredTranslated: translated = 0 } = (eager ?? choice.translator())?.stats() ?? {};
  return { sent: Buffer.from(sent).toString("latin1"), report, translated };
}

function extensionsOf(isa: string): Extensions {
  const extensions = parseIsa(isa);
  if (typeof extensions !== "number") throw new Error(`${isa}: ${extensions.message}`);
  return extensions;
}

/** Why a program did not pass, as a sentence; undefined where it did. */
export function faultOf({ report }: EngineRun): string | undefined {
  const { exitReason, failCode, pc } = report;
  if (exitReason === "pass") return undefined;
  const how = exitReason === "fail" ? `failed with code ${failCode}` : `ended by ${exitReason}`;
  return `it ${how} at pc 0x${pc.toString(16)}`;
}

/** The reference first. */
export const ENGINES: readonly EngineKind[] = ["interpreter", "translator", "auto"];
