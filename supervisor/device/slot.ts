/** A slot for a controller worker, as crew and device use it; worker-slot.ts has the one with a thread. */
import type { Inspection } from "../../controller/api.ts";
import type { Watched } from "../watch/watch.ts";
import type { WorkerEnd } from "./worker-thread.ts";

export type SlotPhase =
  /** No thread, or one that has ended. */
  | "empty"
  /** The thread starts and attaches. */
  | "starting"
  /** In its event loop; takes calls. */
  | "idle"
  /** Verifies and prepares a region. */
  | "preparing"
  /** Prepared for {@link Slot.region}, waits for a command. */
  | "parked"
  | "running"
  /** Stopped with evidence; takes calls. */
  | "stopped";

/** Told when the thread of a slot has ended. */
export type OnSlotEnd = (slot: Slot, end: WorkerEnd) => void;

export interface Slot extends Watched {
  readonly index: number;
  /** Its slot block, and the same as doubles; emulator/memory/control.ts. */
  readonly words: Int32Array;
  readonly times: Float64Array;
  /** What its engines counted since power-on: see controller/translator/stats.ts. */
  readonly counters: Float64Array;
  readonly phase: SlotPhase;
  /** Region that the worker is prepared for or runs, -1 for none. */
  readonly region: number;

  /** Starts a fresh thread in this slot and attaches it to the memory; joins a start that is under way. */
  start(): Promise<void>;
  /** The boot ROM's reading of every region. */
  inspect(): Promise<Inspection>;
  /**
   * Verifies and prepares `region`; if it is usable the worker parks right after its answer, else it stays idle.
   * @param inHurry as if {@link hurry} were called
   */
  prepare(region: number, inHurry: boolean): Promise<Inspection>;
  /** What only makes the version faster that is being prepared is left out from now on. */
  hurry(): void;

  /**
   * Has a parked worker wake up and look out for {@link run}: waking takes as long as committing the table, so both
   * happen at once. On the failover path.
   */
  arm(): void;
  /** As {@link arm}, of a worker that the one which stopped has armed. On the failover path. */
  expectRun(): void;
  /** Starts the prepared region. On the failover path. */
  run(generation: number): void;
  /** Sends a parked worker back to its event loop. */
  release(): void;

  /** Asks a running engine to stop; it answers by its state word. On the failover path. */
  halt(): void;
  /** Its engine has stopped, and told so or is about to. */
  readonly hasStopped: boolean;
  /** True when a running worker has stopped with evidence; it then takes calls again. */
  takeStopped(): boolean;
  /** A stopped worker becomes idle: what it knew of its failure has been read. */
  recycle(): void;
  /** Ends the thread; true once it has exited. */
  terminate(): Promise<boolean>;

  /** Ends a guest's `wfi`. */
  wakeGuest(): void;
  /** Makes the running worker commit a fault of worker-faults.ts. */
  injectWorkerFault(code: number): void;
  /** Forces a fault of forced-faults.ts on the running hart. */
  force(code: number): void;
  /** Tells a running engine that bytes of a region are no longer what it decoded. */
  memoryChanged(): void;

  /** Number of the run that it is in, or was in last. */
  readonly runs: number;
  /** Instructions that a run has retired which has stopped: the last one, or the one before where that is not recycled. */
  retiredIn(run: number): number;
}
