/**
 * What the thread beside a hart does with a request (background.ts): translates, has V8 compile what came of it, and
 * tells what it was made from.
 */
import {
  CodeSnapshot,
  NOTHING_TRANSLATED,
  type TranslationReply,
  type TranslationRequest,
} from "./background.ts";
import { CodeTable } from "./code-table.ts";
import { generateRuntime } from "./runtime-module.ts";
import { DEFAULT_UNIT_LIMITS, entryName, type Target, translateUnit, type Unit } from "./unit.ts";

/** A memory of zeros, as large as the guest's, on which functions come back at their first look at LIMIT. */
class DryRun {
  readonly #table: CodeTable;

  constructor(target: Target) {
    const { memoryPages } = target;
    const imports = {
      memory: new WebAssembly.Memory({ initial: memoryPages, maximum: memoryPages, shared: true }),
      reason: new WebAssembly.Global({ value: "i32", mutable: true }, 0),
      watched: new WebAssembly.Global({ value: "i32", mutable: true }, 0),
      store: () => 0,
    };
    this.#table = new CodeTable(imports, new WebAssembly.Module(generateRuntime(target)));
  }

  /** V8 compiles a function at its first call, for every thread that has the module. */
  callEach(module: WebAssembly.Module, { entries }: Unit): void {
    const { exports } = this.#table.instantiate(module);
    entries.forEach((pc, index) => {
      (exports[entryName(index)] as (pc: number, count: number, depth: number) => unknown)(pc | 0, 0, 1);
    });
  }
}

export class Answering {
  readonly #memory: WebAssembly.Memory;
  #dryRun: DryRun | undefined;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  /** Translates, and has V8 compile what came of it. */
  answer(request: TranslationRequest): TranslationReply {
    const reply = this.translate(request);
    if (reply.unit !== undefined && reply.module !== undefined) {
      this.#dryRun ??= new DryRun(request.target);
      this.#dryRun.callEach(reply.module, reply.unit);
    }
    return reply;
  }

  /** V8 compiles each function at its first call. */
  translate(request: TranslationRequest): TranslationReply {
    const { entries, target, code, extensions, sharedPageAccesses, registers, shared, maxInstructions } =
      request;
    const [entry, ...alsoFrom] = entries;
    if (entry === undefined) return NOTHING_TRANSLATED;
    const snapshot = new CodeSnapshot(this.#memory, code, extensions);
    const sharedPcs = new Set(shared);
    const unit = translateUnit(snapshot, entry, target, {
      limits: { ...DEFAULT_UNIT_LIMITS, unitInstructions: maxInstructions },
      alsoFrom,
      hints: registers,
      sharedPageAccesses: new Set(sharedPageAccesses),
      isShared: (pc) => sharedPcs.has(pc),
    });
    if (unit === undefined) return NOTHING_TRANSLATED;
    const module = new WebAssembly.Module(unit.bytes);
    return { unit, module, parcels: snapshot.parcelsOf(unit) };
  }
}
