/**
 * Shared words in which a thread tells that what somebody's module exports is called, so that another thread can see when
 * it does not come back (module-watch.ts). What is thrown meanwhile comes out as a {@link ModuleFailure} with its place.
 */
import { errorMessage } from "../../emulator/base/text.ts";
import { formatPlace, placeIn } from "./place.ts";

/** Word indices: how many calls began, how many ended, and which one began last: its place in the list of names. */
const enum Word {
  BEGUN = 0,
  ENDED = 1,
  LAST = 2,
  WORDS = 3,
}

/** What somebody's module threw; `message` is one sentence that ends with the file and line. */
export class ModuleFailure extends Error {
  override readonly name = "ModuleFailure";
}

/** What was thrown, and where: "it is wrong, at /x/rules.mjs:3:5". */
export function describeThrown(thrown: unknown, ownDirectory: string): string {
  if (thrown instanceof ModuleFailure) return thrown.message;
  const place = thrown instanceof Error ? placeIn(thrown.stack, ownDirectory) : undefined;
  return place === undefined ? errorMessage(thrown) : `${errorMessage(thrown)}, at ${formatPlace(place)}`;
}

/** What a thread is started with. */
export interface CallsOptions {
  readonly words: Int32Array;
  /** What may be called, in the same order on both sides. */
  readonly names: readonly string[];
  /** Of flipside's code, where nobody else's is. */
  readonly ownDirectory: string;
  /** What flipside itself throws through somebody's function, and nobody has to be told. */
  readonly isOwn?: (thrown: unknown) => boolean;
}

/** The side of the thread that calls. */
export class Calls {
  readonly #words: Int32Array;
  readonly #names: readonly string[];
  readonly #isOwn: (thrown: unknown) => boolean;
  readonly ownDirectory: string;

  constructor({ words, names, ownDirectory, isOwn = () => false }: CallsOptions) {
    this.#words = words;
    this.#names = names;
    this.#isOwn = isOwn;
    this.ownDirectory = ownDirectory;
  }

  /** The same function, which tells when it is called. @param name one of the names that both sides have */
  watched<A extends readonly unknown[], R>(name: string, call: (...args: A) => R): (...args: A) => R {
    const index = this.#names.indexOf(name);
    return (...args) => {
      this.#begin(index);
      try {
        return call(...args);
      } catch (error) {
        throw this.#failureOf(name, error);
      } finally {
        Atomics.add(this.#words, Word.ENDED, 1);
      }
    };
  }

  /** Likewise of what takes its time: the call has ended when its promise has. */
  async awaited<R>(name: string, call: () => R | Promise<R>): Promise<R> {
    this.#begin(this.#names.indexOf(name));
    try {
      return await call();
    } catch (error) {
      throw this.#failureOf(name, error);
    } finally {
      Atomics.add(this.#words, Word.ENDED, 1);
    }
  }

  #failureOf(name: string, thrown: unknown): unknown {
    if (this.#isOwn(thrown) || thrown instanceof ModuleFailure) return thrown;
    return new ModuleFailure(`${name} threw: ${describeThrown(thrown, this.ownDirectory)}`);
  }

  #begin(index: number): void {
    Atomics.store(this.#words, Word.LAST, index);
    Atomics.add(this.#words, Word.BEGUN, 1);
  }
}

/** The side of whoever looks on. */
export class CallsSeen {
  readonly words = new Int32Array(new SharedArrayBuffer(Word.WORDS * Int32Array.BYTES_PER_ELEMENT));
  readonly names: readonly string[];

  constructor(names: readonly string[]) {
    this.names = names;
  }

  /** How many calls have begun. */
  get begun(): number {
    return Atomics.load(this.words, Word.BEGUN);
  }

  /** The name of the call that is under way; undefined where none is. */
  get underWay(): string | undefined {
    if (this.begun === Atomics.load(this.words, Word.ENDED)) return undefined;
    return this.names[Atomics.load(this.words, Word.LAST)];
  }
}
