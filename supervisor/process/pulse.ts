/**
 * Whether another process lives: it is asked over and over, and hangs when it owes an answer for too long.
 *
 * Time is this process's own running time (watch-time.ts), and the time for which the other one waited for a processor
 * counts for nothing (heartbeat.ts): starvation is waited out, and told once. A process that has never answered is
 * still loading: then only its start has a deadline.
 */
import { monotonicNs } from "../../emulator/base/clock.ts";
import { readProcessSchedule } from "../../emulator/base/thread-schedule.ts";
import { Heartbeat, type Thread } from "../watch/heartbeat.ts";
import { WatchTime } from "../watch/watch-time.ts";

export interface PulseLimits {
  /** So often it is asked. */
  readonly pingMs: number;
  /** A process that has not answered for this long hangs. */
  readonly answerMs: number;
  /** So long a start may take, from the launch to the device that is powered on. */
  readonly startMs: number;
}

export interface PulseListener {
  ask(): void;
  /** It hangs; one sentence. Said once, and nothing is asked any more. */
  onHang(reason: string): void;
  /** It is late because it does not get to run; one sentence, once until it answers. */
  onStarved(account: string): void;
}

/**
 * A process sleeps at the most so long for what other threads of its own do that wait for a processor: half a second of
 * work where there is a three-hundredth of a processor, as at niceness 19 beside busy loops. On such a machine one that
 * never wakes is found so much later.
 */
const LONGEST_HELP_MS = 150_000;

/** A process as one thread: its first one, which answers. */
export function processThread(pid: number | undefined): Thread {
  return { schedule: () => readProcessSchedule(pid ?? 0), nudge: () => undefined };
}

export class Pulse {
  readonly #limits: PulseLimits;
  readonly #thread: Thread;
  readonly #listener: PulseListener;
  readonly #answers: Heartbeat;
  /** Of the start that is under way. */
  #start: Heartbeat | undefined;
  #time: WatchTime | undefined;
  #timer: NodeJS.Timeout | undefined;
  #heard = 0;
  /** A question is not answered yet. */
  #asked = false;
  #toldStarved = false;

  constructor(thread: Thread, limits: PulseLimits, listener: PulseListener) {
    this.#limits = limits;
    this.#thread = thread;
    this.#listener = listener;
    this.#answers = new Heartbeat(limits.answerMs, LONGEST_HELP_MS);
  }

  get running(): boolean {
    return this.#timer !== undefined;
  }

  /** Asks from now on. */
  run(): void {
    if (this.running) return;
    const { pingMs } = this.#limits;
    // A late question loses all but an ordinary timer's lateness: the answer waits for the same event loop.
    this.#time = new WatchTime(pingMs * 1.5, monotonicNs());
    this.#answers.reset(this.#heard, 0);
    this.#timer = setInterval(() => this.#tick(), pingMs);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Something was heard. */
  beat(): void {
    this.#heard += 1;
    this.#asked = false;
    this.#toldStarved = false;
  }

  /** The start has its deadline from now on. */
  expectStart(): void {
    this.run();
    this.#start = new Heartbeat(this.#limits.startMs, LONGEST_HELP_MS);
    this.#start.reset(0, this.#time?.ns ?? 0);
  }

  started(): void {
    this.#start = undefined;
  }

  #tick(): void {
    const time = this.#time;
    if (time === undefined) return;
    time.tick(monotonicNs());
    const { answerMs, startMs } = this.#limits;
    const heard = this.#heard;
    if (heard > 0 && this.#answers.look(heard, time.ns, this.#thread)) {
      this.#hang(`the supervisor process did not answer for ${answerMs} ms`);
    } else if (this.#start?.look(0, time.ns, this.#thread) === true) {
      this.#hang(`the supervisor process did not start within ${startMs} ms`);
    } else {
      this.#tellStarved();
      this.#ask();
    }
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#listener.ask();
  }

  #hang(reason: string): void {
    this.end();
    this.#listener.onHang(reason);
  }

  #tellStarved(): void {
    const late = [this.#answers, this.#start].find((heartbeat) => heartbeat?.starved === true);
    if (late === undefined || this.#toldStarved) return;
    this.#toldStarved = true;
    const account = late.account(this.#thread);
    this.#listener.onStarved(`the supervisor process waits for a processor: ${account}`);
  }
}
