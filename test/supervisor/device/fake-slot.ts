/**
 * A slot without a thread: what its worker would do is what the test says. What the device does to it is noted in a
 * journal that all slots of a device share.
 */
import type { Inspection } from "../../../controller/api.ts";
import type { ThreadSchedule } from "../../../emulator/base/thread-schedule.ts";
import { Control, SlotWord, slotTimes, slotWords, WorkerState } from "../../../emulator/memory/control.ts";
import type { Layout } from "../../../emulator/memory/layout.ts";
import type { OnSlotEnd, Slot, SlotPhase } from "../../../supervisor/device/slot.ts";

/** What the fake slots of one device share. */
export interface FakeBoard {
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
  readonly control: Int32Array;
  readonly journal: string[];
  /** What a boot ROM would read now. */
  readonly inspection: () => Inspection;
  /** For how long a worker prepares a region, milliseconds of the test's clock. */
  prepareMs: number;
}

const ASLEEP = { runNs: 0, waitNs: 0, runnable: false };

export class FakeSlot implements Slot {
  readonly index: number;
  readonly words: Int32Array;
  readonly times: Float64Array;
  readonly counters = new Float64Array(16);
  phase: SlotPhase = "empty";
  region = -1;
  runs = 0;
  notedFaultNs = 0;
  /** Its thread makes no progress any more. */
  silent = false;
  /** A preparation in it ends its thread. */
  hopeless = false;
  readonly #board: FakeBoard;
  readonly #onEnd: OnSlotEnd;
  #heartbeat = 0;

  constructor(index: number, board: FakeBoard, onEnd: OnSlotEnd) {
    this.index = index;
    this.#board = board;
    this.#onEnd = onEnd;
    this.words = slotWords(board.memory, board.layout, index);
    this.times = slotTimes(board.memory, board.layout, index);
  }

  /** It lives whenever somebody looks. */
  get heartbeat(): number {
    return this.silent ? this.#heartbeat : ++this.#heartbeat;
  }

  schedule(): ThreadSchedule {
    return { atNs: 0, own: ASLEEP, heldUpNs: 0, helpers: () => new Map() };
  }

  async start(): Promise<void> {
    this.phase = "idle";
  }

  async inspect(): Promise<Inspection> {
    return this.#board.inspection();
  }

  async prepare(region: number): Promise<Inspection> {
    this.phase = "preparing";
    const inspection = this.#board.inspection();
    const { prepareMs } = this.#board;
    if (prepareMs > 0) await new Promise((resolve) => setTimeout(resolve, prepareMs));
    if (this.hopeless) {
      this.ends();
      throw new Error("its worker has ended");
    }
    const usable = inspection.regions[region]?.usable === true;
    this.region = usable ? region : -1;
    this.phase = usable ? "parked" : "idle";
    this.words[SlotWord.VERIFIED_REGION] = region;
    this.words[SlotWord.VERIFIED_STORE_EPOCH] = inspection.storeEpochs[region] as number;
    this.words[SlotWord.STATE] = WorkerState.PARKED;
    return inspection;
  }

  hurry(): void {}

  arm(): void {
    this.#note("arm");
  }

  expectRun(): void {
    this.#note("expect run");
  }

  /** Told; {@link executes} is the worker's doing. */
  run(generation: number): void {
    const published = Atomics.load(this.#board.control, Control.GENERATION);
    this.#note(published === generation ? `run region ${this.region}` : "run before its table is published");
    this.runs += 1;
    this.phase = "running";
  }

  release(): void {
    this.#note("release");
    this.phase = "idle";
    this.region = -1;
  }

  halt(): void {
    this.#note("halt");
  }

  get hasStopped(): boolean {
    return this.words[SlotWord.STATE] === WorkerState.STOPPED;
  }

  takeStopped(): boolean {
    if (this.phase !== "running" || !this.hasStopped) return false;
    this.phase = "stopped";
    return true;
  }

  recycle(): void {
    this.phase = "idle";
    this.region = -1;
  }

  async terminate(): Promise<boolean> {
    if (this.phase === "empty") return true;
    this.#note("terminate");
    this.ends();
    return true;
  }

  wakeGuest(): void {}
  nudge(): void {}
  injectWorkerFault(): void {}
  force(code: number): void {
    this.#note(`force ${code}`);
  }
  memoryChanged(): void {}

  retiredIn(): number {
    return 0;
  }

  // ── What its worker does ──

  /** Its worker has come to the version's first instruction. */
  executes(): void {
    this.words[SlotWord.STATE] = WorkerState.RUNNING;
  }

  /** Its engine stops; the bell is the caller's. */
  stops(evidence: number, pc = 0): void {
    this.words[SlotWord.EVIDENCE] = evidence;
    this.words[SlotWord.EVIDENCE_PC] = pc;
    this.words[SlotWord.STATE] = WorkerState.STOPPED;
  }

  /** Its thread is gone. */
  ends(): void {
    this.phase = "empty";
    this.region = -1;
    this.silent = false;
    this.#onEnd(this, { exitCode: 1, error: undefined });
  }

  #note(what: string): void {
    this.#board.journal.push(`${what} in slot ${this.index}`);
  }
}
