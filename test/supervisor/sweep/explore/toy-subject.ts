/**
 * A subject that is not flipside: two slots of two words each, and a word that says which of them counts. An update
 * writes the other slot and then makes it count; done in the wrong order, a cut in between leaves half an image.
 */

import type { TearableFlash, UndoLog } from "../../../../supervisor/sweep/explore/memory.ts";
import type { Ending, Oracle, Wrong } from "../../../../supervisor/sweep/explore/oracle.ts";
import type { JoinPlace, Script, Subject } from "../../../../supervisor/sweep/explore/subject.ts";
import { Timeline } from "../../../../supervisor/sweep/explore/timeline.ts";

export interface ToyScript extends Script {
  /** The planted bug: the slot counts before it is written. */
  readonly countsTooEarly: boolean;
}
type ToyEvent = { readonly type: "recovered" | "acknowledged" } | { readonly type: "runs"; version: number };
interface ToyKnown {
  readonly acknowledged: number;
  readonly runs: number;
  readonly wrong?: Wrong;
}

/** Words: the slot that counts, scratch that recovery clears, then two words of each slot. */
const [COUNTS, SCRATCH, SLOTS] = [0, 1, 2];
const NEW = 2;

class ToyMemory implements UndoLog {
  readonly words = [0, 0, 1, 1, 0, 0];
  readonly #log: { readonly at: number; readonly before: number }[] = [];

  get position(): number {
    return this.#log.length;
  }

  store(at: number, value: number): void {
    this.#log.push({ at, before: this.words[at] ?? 0 });
    this.words[at] = value;
  }

  undoTo(position: number): void {
    for (const { at, before } of this.#log.splice(position).reverse()) this.words[at] = before;
  }

  stateKey(): number {
    return this.words.reduce((key, word) => key * 10 + word);
  }
}

class ToyOracle implements Oracle<ToyEvent, ToyKnown> {
  judgement: ToyKnown = { acknowledged: 1, runs: 0 };

  get condemned(): boolean {
    return this.judgement.wrong !== undefined;
  }

  observe(event: ToyEvent): void {
    const { judgement } = this;
    if (event.type === "acknowledged") this.judgement = { ...judgement, acknowledged: NEW };
    if (event.type !== "runs" || this.condemned) return;
    const { version } = event;
    if (version === 0) this.#wrong("no-image", "the slot that counts holds no whole image");
    else if (version < judgement.acknowledged) this.#wrong("forgotten", `version ${version} runs again`);
    else this.judgement = { ...judgement, runs: version };
  }

  afterCut(judgement: ToyKnown): ToyKnown {
    return judgement;
  }

  keyOf(judgement: ToyKnown): string {
    return JSON.stringify(judgement);
  }

  verdict(): Ending {
    return this.judgement.wrong ?? `version-${this.judgement.runs}`;
  }

  #wrong(verdict: string, message: string): void {
    this.judgement = { ...this.judgement, wrong: { verdict, message } };
  }
}

const NO_FLASH: TearableFlash = {
  condition: [],
  tears: [],
  settled: true,
  read: () => new Uint8Array(),
  tear: () => false,
};

export class ToySubject implements Subject<ToyScript, ToyEvent, ToyKnown> {
  readonly memory = new ToyMemory();
  readonly flash = NO_FLASH;
  readonly oracle = new ToyOracle();
  readonly timeline = new Timeline<ToyEvent, ToyKnown>(this.memory, this.flash);
  readonly faults = ["go-back"];
  recalls = false;
  /** Starts that ran to their end. */
  runs = 0;
  readonly #begins = this.oracle.judgement;

  constructor() {
    this.timeline.oracle = this.oracle;
  }

  setUp(): void {
    this.timeline.rewind(0);
    this.memory.undoTo(0);
    this.oracle.judgement = this.#begins;
  }

  carryOut({ countsTooEarly }: ToyScript): void {
    this.#start();
    const write = () => {
      this.#store(SLOTS + 2, NEW);
      this.#store(SLOTS + 3, NEW);
    };
    this.#store(SCRATCH, 1);
    this.#store(SCRATCH, 2);
    if (!countsTooEarly) write();
    this.#store(COUNTS, 1);
    if (countsTooEarly) write();
    this.timeline.event({ type: "acknowledged" });
    this.#start();
  }

  powerOff(): void {}

  comeBack(): void {
    this.#start();
  }

  readonly faultPending = false;

  inject(): boolean {
    this.memory.store(COUNTS, 0);
    return true;
  }

  faultKey(): undefined {}

  joinPlace(event: ToyEvent, known: ToyKnown): JoinPlace<ToyKnown> | undefined {
    return event.type === "recovered" ? { place: 1, known, last: true } : undefined;
  }

  #store(at: number, value: number): void {
    this.timeline.beforeStore();
    this.memory.store(at, value);
  }

  #start(): void {
    this.#store(SCRATCH, 0);
    this.timeline.event({ type: "recovered" });
    const at = SLOTS + 2 * (this.memory.words[COUNTS] ?? 0);
    const [first = 0, second] = this.memory.words.slice(at, at + 2);
    this.timeline.event({ type: "runs", version: first === second ? first : 0 });
    this.runs += 1;
  }
}
