/**
 * The host at the other end of the host queue: submits commands to the firmware and takes its completions.
 *
 * It stands for the driver of the machine that the controller serves, so it believes nothing that the firmware
 * writes: indices and command ids are checked, an impossible one is evidence against the firmware, and of commands that
 * a version did not fetch nothing counts that it left in their place. Invariants: at most QUEUE_ENTRIES − 1 commands are
 * outstanding; every one ends exactly once: completed, or aborted by a failover. That one ends in time is for others to
 * watch ({@link Host.oldest}). One that was taken back stays in the queue as a command that does nothing, so that a version
 * which fetches it late is in order: its indices are its own, and no store of the host takes an entry from under it.
 */
import {
  COMMAND_ID_SHIFT,
  CompletionEntry,
  NvmeStatus,
  Opcode,
  STATUS_SHIFT,
  SubmissionEntry,
} from "../../controller/devices/nvme-spec.ts";
import { Control, controlWords } from "../../emulator/memory/control.ts";
import type { Layout } from "../../emulator/memory/layout.ts";
import { HOST_BASE } from "../../emulator/memory/map.ts";
import {
  CQ_ENTRY_BYTES,
  CQ_PHYSICAL,
  QUEUE_BYTES,
  QUEUE_ENTRIES,
  SQ_ENTRY_BYTES,
  SQ_PHYSICAL,
} from "../../emulator/memory/queues.ts";

export interface HostCommand {
  readonly opcode: number;
  /** Physical addresses in host memory. */
  readonly source?: number;
  readonly destination?: number;
  readonly cdw10?: number;
  readonly cdw11?: number;
}

export interface HostCompletion {
  /**
   * `aborted`: a failover came between; the command was fetched and may or may not have been carried out. `withdrawn`:
   * nobody fetched it, and it was taken back.
   */
  readonly outcome: "completed" | "aborted" | "withdrawn";
  /** NVMe status field, 0 is success. */
  readonly status: number;
  readonly result: number;
  readonly result2: number;
}

/** The firmware's indices. The tail is loaded first: who posts has fetched before. */
export interface QueueProgress {
  readonly completionTail: number;
  readonly submissionHead: number;
}

type OnCompletion = (completion: HostCompletion) => void;

/** A command that has not ended. */
export interface OwedCommand {
  readonly id: number;
  /** Monotonic. */
  readonly submittedNs: number;
}

interface Outstanding extends OwedCommand {
  /** How many commands had been submitted with it. */
  readonly serial: number;
  readonly command: HostCommand;
  readonly onCompletion: OnCompletion;
  readonly withdrawable: boolean;
}

const ABORTED: HostCompletion = {
  outcome: "aborted",
  status: NvmeStatus.ABORT_REQUESTED,
  result: 0,
  result2: 0,
};
const WITHDRAWN: HostCompletion = { ...ABORTED, outcome: "withdrawn" };
/** What stands in the queue in the place of a command that was taken back. */
const NOTHING: HostCommand = { opcode: Opcode.FLUSH };
const MASK = QUEUE_ENTRIES - 1;

export class Host {
  readonly #control: Int32Array;
  readonly #host: Int32Array;
  readonly #outstanding = new Map<number, Outstanding>();
  /** By id, the serials of those that were taken back and stand in the queue still. */
  readonly #withdrawn = new Map<number, number>();
  /** How many commands had been fetched when the version that executes was started. */
  #fetchedAtStart = 0;
  /** Physical address range that commands may use for their buffers. */
  readonly bufferAddress = HOST_BASE + QUEUE_BYTES;
  readonly bufferBytes: number;
  /** The buffers as bytes. */
  readonly buffers: Uint8Array;
  #nextId = 0;
  #submitted = 0;

  constructor(memory: WebAssembly.Memory, layout: Layout) {
    this.#control = controlWords(memory, layout);
    this.#host = new Int32Array(memory.buffer, layout.host, layout.config.hostBytes / 4);
    this.bufferBytes = layout.config.hostBytes - QUEUE_BYTES;
    this.buffers = new Uint8Array(memory.buffer, layout.host + QUEUE_BYTES, this.bufferBytes);
  }

  get outstanding(): number {
    return this.#outstanding.size;
  }

  /** Bytes of host memory at a physical address; they lie there. */
  read(address: number, bytes: number): Uint8Array {
    const at = address - HOST_BASE;
    return new Uint8Array(this.#host.buffer, this.#host.byteOffset, this.#host.byteLength).slice(
      at,
      at + bytes,
    );
  }

  /** Stores bytes into the buffers, in which they lie. */
  write(address: number, data: Uint8Array): void {
    this.buffers.set(data, address - this.bufferAddress);
  }

  /**
   * Queues a command; false when the queue is full. The caller wakes the hart.
   * @param withdrawable it may be taken back where nobody fetches it
   */
  submit(command: HostCommand, nowNs: number, onCompletion: OnCompletion, withdrawable = false): boolean {
    const tail = Atomics.load(this.#control, Control.SQ_TAIL);
    const head = Atomics.load(this.#control, Control.SQ_HEAD);
    const held = this.#outstanding.size + this.#withdrawn.size;
    if (((tail + 1) & MASK) === head || held >= MASK) return false;
    const id = this.#takeId();
    this.#storeEntry(tail, id, command);
    const serial = ++this.#submitted;
    this.#outstanding.set(id, { id, serial, submittedNs: nowNs, command, onCompletion, withdrawable });
    Atomics.store(this.#control, Control.SQ_WITHDRAWN, 0);
    Atomics.store(this.#control, Control.SQ_TAIL, (tail + 1) & MASK);
    return true;
  }

  /**
   * Takes the oldest command back, if it may be and the version that executes has fetched nothing since it was started:
   * such a version has no use for the queue. False where it stays what it is.
   */
  withdrawOldest(): boolean {
    const oldest = this.#outstanding.values().next().value;
    const { progress } = this;
    if (oldest?.withdrawable !== true || this.#fetchedAt(progress) !== this.#fetchedAtStart) return false;
    const { id, serial, onCompletion } = oldest;
    // One word, as the hart may be reading the entry: its opcode alone.
    const at = (this.#unfetchedAt(progress, serial) * SQ_ENTRY_BYTES + SQ_PHYSICAL - HOST_BASE) / 4;
    Atomics.store(this.#host, at, Opcode.FLUSH | (id << COMMAND_ID_SHIFT));
    // Fetched in this instant, it may be carried out as it was.
    if (this.#fetchedAt(this.progress) !== this.#fetchedAtStart) return false;
    this.#outstanding.delete(id);
    this.#withdrawn.set(id, serial);
    // Whoever never serves the queue is not kept awake by it.
    if (this.#outstanding.size === 0)
      Atomics.store(this.#control, Control.SQ_WITHDRAWN, Atomics.load(this.#control, Control.SQ_TAIL) + 1);
    onCompletion(WITHDRAWN);
    return true;
  }

  /** Index of the entry of a command that was not fetched at `progress`. */
  #unfetchedAt(progress: QueueProgress, serial: number): number {
    return (progress.submissionHead + serial - this.#fetchedAt(progress) - 1) & MASK;
  }

  #storeEntry(index: number, id: number, command: HostCommand): void {
    const at = (SQ_PHYSICAL - HOST_BASE + index * SQ_ENTRY_BYTES) / 4;
    this.#host.fill(0, at, at + SQ_ENTRY_BYTES / 4);
    this.#host[at] = (command.opcode & 0xff) | (id << COMMAND_ID_SHIFT);
    this.#host[at + SubmissionEntry.SOURCE] = command.source ?? 0;
    this.#host[at + SubmissionEntry.DESTINATION] = command.destination ?? 0;
    this.#host[at + SubmissionEntry.CDW10] = command.cdw10 ?? 0;
    this.#host[at + SubmissionEntry.CDW11] = command.cdw11 ?? 0;
  }

  /** Takes what the firmware has posted. Returns how many, or what the firmware did that no controller may. */
  poll(): number | string {
    const { progress } = this;
    return this.#take(progress, this.#fetchedAt(progress));
  }

  /** @param fetched how many commands the version that posted has fetched */
  #take({ completionTail: tail }: QueueProgress, fetched: number): number | string {
    if (tail < 0 || tail > MASK) return `completion queue tail ${tail} is outside the queue`;
    let head = Atomics.load(this.#control, Control.CQ_HEAD);
    let taken = 0;
    while (head !== tail) {
      const at = (CQ_PHYSICAL - HOST_BASE + head * CQ_ENTRY_BYTES) / 4;
      const last = this.#host[at + CompletionEntry.ID_AND_STATUS] ?? 0;
      const id = last & 0xffff;
      const entry = this.#outstanding.get(id);
      head = (head + 1) & MASK;
      Atomics.store(this.#control, Control.CQ_HEAD, head);
      if ((this.#withdrawn.get(id) ?? Number.POSITIVE_INFINITY) <= fetched) {
        this.#withdrawn.delete(id);
        taken++;
        continue;
      }
      if (entry === undefined) return `completion of command ${id}, which is not outstanding`;
      // It stays: the next version will fetch it.
      if (entry.serial > fetched) return `completion of command ${id}, which was not fetched`;
      this.#outstanding.delete(id);
      taken++;
      entry.onCompletion({
        outcome: "completed",
        status: last >>> STATUS_SHIFT,
        result: this.#host[at] ?? 0,
        result2: this.#host[at + CompletionEntry.RESULT2] ?? 0,
      });
    }
    return taken;
  }

  /** The command that has been outstanding for the longest; undefined when none is. */
  get oldest(): OwedCommand | undefined {
    if (this.#outstanding.size === 0) return undefined;
    return this.#outstanding.values().next().value;
  }

  /** How far the firmware has come. */
  get progress(): QueueProgress {
    const completionTail = Atomics.load(this.#control, Control.CQ_TAIL);
    return { submissionHead: Atomics.load(this.#control, Control.SQ_HEAD), completionTail };
  }

  /**
   * A version was stopped, and the next one has not started: how far it has come. What it has not fetched is queued as it
   * was submitted, whatever the version did to host memory.
   */
  atStop(): QueueProgress {
    const { progress } = this;
    const fetched = this.#fetchedAt(progress);
    for (const { id, serial, command } of this.#outstanding.values()) {
      if (serial > fetched) this.#storeEntry(this.#unfetchedAt(progress, serial), id, command);
    }
    for (const [id, serial] of this.#withdrawn) {
      if (serial > fetched) this.#storeEntry(this.#unfetchedAt(progress, serial), id, NOTHING);
    }
    return progress;
  }

  /**
   * After a version was stopped at `atStop`: takes what it had completed, then aborts what it had fetched and not
   * completed. What it had not fetched is the next version's, which may run by now. Entries that no controller may post
   * are passed over: they are the stopped version's, too.
   */
  afterStop(atStop: QueueProgress): void {
    // Counted first: completions make their callers submit.
    const fetched = this.#fetchedAt(atStop);
    const posted = (atStop.completionTail - Atomics.load(this.#control, Control.CQ_HEAD)) & MASK;
    for (let entry = 0; entry < posted && typeof this.#take(atStop, fetched) === "string"; entry++);
    for (const { id, serial, onCompletion } of [...this.#outstanding.values()]) {
      if (serial > fetched) continue;
      this.#outstanding.delete(id);
      onCompletion(ABORTED);
    }
    for (const [id, serial] of this.#withdrawn) if (serial <= fetched) this.#withdrawn.delete(id);
    this.#fetchedAtStart = fetched;
  }

  /** How many commands have been fetched. */
  #fetchedAt({ submissionHead }: QueueProgress): number {
    return this.#submitted - ((Atomics.load(this.#control, Control.SQ_TAIL) - submissionHead) & MASK);
  }

  #takeId(): number {
    do this.#nextId = (this.#nextId + 1) & 0xffff;
    while (this.#outstanding.has(this.#nextId) || this.#withdrawn.has(this.#nextId));
    return this.#nextId;
  }
}
