/**
 * When the hart asks the thread beside it for a translation, and for what (background.ts is how).
 *
 * The thread takes no time of the hart, but it takes a processor. So it starts when a run turns out not to be short, and
 * what it may translate in all grows with what has retired. All of this counts in instructions, none in time: what is
 * asked for does not depend on how busy the machine is, only when it is there.
 */
import type { TranslatingThread, TranslationReply, TranslationRequest } from "./background.ts";
import { HotSpots } from "./hot-spots.ts";

export interface Eagerness {
  /** Instructions that have to retire before the thread starts. */
  readonly startAfter: number;
  /** Guest instructions that may be translated at first, and one more for each so many that are interpreted. */
  readonly advance: number;
  readonly interpretedForOne: number;
  /** And for each so many that retire in translated code: where translating brings something, more of it will. */
  readonly translatedForOne: number;
}

/** `auto` and `translator` (cpu/engine-kind.ts). */
export const AUTO: Eagerness = {
  startAfter: 2 ** 24,
  advance: 2_000,
  interpretedForOne: 64_000,
  translatedForOne: 8_000,
};
export const TRANSLATOR: Eagerness = {
  startAfter: 0,
  advance: 32_000,
  interpretedForOne: 2_000,
  translatedForOne: 2_000,
};

/**
 * Heat of a sample, and of an exit of translated code to what is not translated: as much as it costs, up to that of a
 * sample. Loops that lie behind each other in one function are left at each of them, and what is interpreted before the
 * next entry may be thousands of instructions.
 */
const SAMPLE_HEAT = 16;
const INSTRUCTIONS_OF_ONE_HEAT = 512;
const LEAST_EXIT_HEAT = 1;
/** What the first request needs is met twice, as the first samples fall anywhere. */
const FIRST_HEAT = 2 * SAMPLE_HEAT;
const NEXT_HEAT = 64;
/** So much hotter for each module that executes the place already, from another entry. */
const COPIED = 2;
/** Of the instructions before the thread starts: from there on samples are taken. */
const LISTENING_FROM = 3 / 4;
/** Samples before the first request. */
const FIRST_SAMPLES = 32;
/** Entries of one request. */
const MAX_ENTRIES = 16;
/** The first unit is small, to be there soon: the hart waits for it (background.ts). */
const FIRST_INSTRUCTIONS = 100;
/** What may be translated besides what is paid for. */
const LEAST_INSTRUCTIONS = 300;
const NEXT_INSTRUCTIONS = 4_000;
/** Each time that an entry was asked for it has to be so much hotter before it is again. */
const AGAIN = 4;
const MAX_ASKED = 8192;
/** Instructions between two looks at all that is hot. */
const BETWEEN_LOOKS = 2 ** 17;

/**
 * What a request costs besides, in instructions that are translated: the hart takes the answer in, links it, and tries
 * all its entries again. Or code that is hot for a moment each time, as what initialises a device is, was translated
 * loop by loop, and such a run took a third longer.
 */
const REQUEST_COST = 300;

/** What is translated for. */
export interface BesideSubject {
  /** How many modules execute what is at a pc. */
  copiesOf(pc: number): number;
  /** What goes with the entries. */
  request(): Omit<TranslationRequest, "entries" | "maxInstructions">;
}

export class Beside {
  readonly #start: () => TranslatingThread | undefined;
  readonly #eagerness: Eagerness;
  readonly #spots = new HotSpots();
  /** How often each entry was asked for. */
  readonly #asked = new Map<number, number>();
  #thread: TranslatingThread | undefined;
  #started = false;
  #samples = 0;
  #retired = 0;
  /** Of those: in translated code. */
  #inTranslated = 0;
  #lookAgainAt = 0;
  #translated = 0;
  #request: TranslationRequest | undefined;

  constructor(start: () => TranslatingThread | undefined, eagerness: Eagerness) {
    this.#start = start;
    this.#eagerness = eagerness;
  }

  /** False where no thread could be started: then nobody translates beside the hart. */
  get works(): boolean {
    return !this.#started || this.#thread !== undefined;
  }

  /** Samples are wanted: they cost a short run more than they can bring. */
  get listens(): boolean {
    return this.#retired >= this.#eagerness.startAfter * LISTENING_FROM;
  }

  sampled(entry: number): void {
    this.#samples++;
    this.#note(entry, SAMPLE_HEAT);
  }

  /** @param interpreted instructions that the interpreter executed from there on before the next entry */
  left(pc: number, interpreted = 0): void {
    const heat = interpreted / INSTRUCTIONS_OF_ONE_HEAT;
    this.#note(pc, Math.min(Math.max(heat, LEAST_EXIT_HEAT), SAMPLE_HEAT));
  }

  /** Code has changed: what was asked for before says nothing. */
  forget(): void {
    this.#spots.clear();
    this.#asked.clear();
  }

  /**
   * Instructions that have retired since the last call, and how many of them in the interpreter. Starts the thread when
   * it is time.
   */
  advance(retired: number, interpreted: number): void {
    this.#retired += retired;
    this.#inTranslated += retired - interpreted;
    if (this.#started || this.#retired < this.#eagerness.startAfter) return;
    this.#started = true;
    this.#thread = this.#start();
  }

  /** The answer that has come, and what was asked. */
  poll(): { readonly reply: TranslationReply; readonly request: TranslationRequest } | undefined {
    const reply = this.#thread?.poll();
    const request = this.#request;
    if (reply === undefined || request === undefined) return undefined;
    this.#request = undefined;
    this.#translated += REQUEST_COST + (reply.unit?.instructions ?? 0);
    this.#forgetUnmade(request, reply);
    // What was hot before there was this is not what will be.
    this.#spots.clear();
    return { reply, request };
  }

  /** Asks for what is hot, if the thread has nothing to do and there is anything. */
  ask(subject: BesideSubject): void {
    const thread = this.#thread;
    if (thread === undefined || this.#request !== undefined || !thread.isIdle) return;
    const isFirst = this.#translated === 0;
    if (isFirst && this.#samples < FIRST_SAMPLES) return;
    const allowed = this.#allowed - this.#translated;
    if (allowed < 0) return;
    const heat = isFirst ? FIRST_HEAT : NEXT_HEAT;
    if (!this.#spots.mayBeHot || this.#retired < this.#lookAgainAt) return;
    this.#lookAgainAt = this.#retired + BETWEEN_LOOKS;
    const entries = this.#spots.take(MAX_ENTRIES, heat, (pc) => heat * COPIED ** subject.copiesOf(pc));
    if (entries.length === 0) return;
    if (this.#asked.size > MAX_ASKED) this.#asked.clear();
    for (const pc of entries) this.#asked.set(pc, (this.#asked.get(pc) ?? 0) + 1);
    this.#request = {
      ...subject.request(),
      entries,
      maxInstructions: isFirst
        ? FIRST_INSTRUCTIONS
        : Math.min(LEAST_INSTRUCTIONS + allowed, NEXT_INSTRUCTIONS),
    };
    thread.request(this.#request);
  }

  /** What was asked for and not made, since another entry of the request covers it, was not asked for in vain. */
  #forgetUnmade({ entries }: TranslationRequest, { unit }: TranslationReply): void {
    if (unit === undefined) return;
    for (const pc of entries) {
      if (!unit.entries.includes(pc)) this.#asked.set(pc, (this.#asked.get(pc) ?? 1) - 1);
    }
  }

  /** Guest instructions that may have been translated by now. */
  get #allowed(): number {
    const { advance, interpretedForOne, translatedForOne } = this.#eagerness;
    const interpreted = this.#retired - this.#inTranslated;
    return advance + interpreted / interpretedForOne + this.#inTranslated / translatedForOne;
  }

  #note(pc: number, heat: number): void {
    const times = this.#asked.get(pc) ?? 0;
    this.#spots.note(pc, heat / AGAIN ** times);
  }
}
