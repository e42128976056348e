/**
 * Where translated code should begin, found from samples of where execution stands.
 *
 * A sample falls anywhere into a loop, and translated code that begins at each of them would hold the same loop many
 * times over. So from a sample the code is read on to the first way back: where that leads is the head of the loop,
 * whatever instruction of it the sample met. Where there is none on this side of a return, the loop is the caller's, or
 * there is none and functions call each other. Only a guess: any pc can be the entry of a function (graph.ts).
 */
import { Op } from "../cpu/decode.ts";
import { type CodeReader, fetchInstruction } from "./graph.ts";
import { isConditionalBranch, RA, T0 } from "./registers.ts";

/** Instructions that are read on from a sample. */
const MAX_SCAN = 96;
/** Pcs whose heat is remembered; more are forgotten together. */
const MAX_SPOTS = 4096;

interface Scan {
  readonly loop: number | undefined;
  /** The last function that is called on the way. */
  readonly callee: number | undefined;
}

/** Reads straight on, over forward branches and calls, to the first way back. */
function scan(code: CodeReader, start: number): Scan {
  let callee: number | undefined;
  for (let pc = start, read = 0; read < MAX_SCAN; read++) {
    const insn = fetchInstruction(code, pc);
    if (insn === undefined) break;
    const target = (pc + insn.imm) >>> 0;
    const next = (pc + insn.length) >>> 0;
    if (insn.op === Op.JAL) {
      if (insn.rd === RA || insn.rd === T0) {
        callee = target;
        pc = next;
      } else if (target <= pc) return { loop: target, callee };
      else pc = target;
    } else if (isConditionalBranch(insn.op) && target <= pc) {
      return { loop: target, callee };
    } else if (insn.op === Op.JALR && insn.rd !== RA) {
      break;
    } else pc = next;
  }
  return { loop: undefined, callee };
}

/**
 * Where translated code should begin for what is executing at `pc`.
 * @param link what the link register holds
 * @param isEntry a function that is one already is not what leads here, if what is here is interpreted all the same
 */
export function entryFor(
  code: CodeReader,
  pc: number,
  link: number,
  isEntry: (pc: number) => boolean = () => false,
): number {
  const here = scan(code, pc);
  if (here.loop !== undefined) return here.loop;
  const caller = (link & 1) === 0 ? scan(code, link >>> 0) : here;
  if (caller.loop !== undefined) return caller.loop;
  const callee = here.callee ?? caller.callee;
  return callee === undefined || isEntry(callee) ? pc : callee;
}

/** {@link entryFor} for code that does not change: what was read once is remembered. */
export class EntryFinder {
  readonly #code: CodeReader;
  readonly #loops = new Map<number, number | undefined>();

  constructor(code: CodeReader) {
    this.#code = code;
  }

  find(pc: number, link: number, isEntry: (pc: number) => boolean): number {
    if (!this.#loops.has(pc)) {
      if (this.#loops.size >= MAX_SPOTS) this.#loops.clear();
      this.#loops.set(pc, scan(this.#code, pc).loop);
    }
    return this.#loops.get(pc) ?? entryFor(this.#code, pc, link, isEntry);
  }

  forget(): void {
    this.#loops.clear();
  }
}

/** Pcs by how often they were met. */
export class HotSpots {
  readonly #heat = new Map<number, number>();
  /** Heat of all spots together that came since the last look. */
  #noted = 0;
  /** Until so much of it has come, whichever spot it is of, none can be hot enough. */
  #missing = 0;

  /** Whether a look may find one that is hot enough. */
  get mayBeHot(): boolean {
    return this.#noted >= this.#missing;
  }

  note(pc: number, heat: number): void {
    if (this.#heat.size >= MAX_SPOTS) this.clear();
    this.#heat.set(pc, (this.#heat.get(pc) ?? 0) + heat);
    this.#noted += heat;
  }

  /** Takes the hottest away: `count` at most, each of at least `minHeat` and of what is needed of it besides. */
  take(count: number, minHeat: number, needed: (pc: number) => number): number[] {
    let missing = minHeat;
    const hot: [pc: number, heat: number][] = [];
    for (const [pc, heat] of this.#heat) {
      const wanted = Math.max(minHeat, needed(pc));
      if (heat >= wanted) hot.push([pc, heat]);
      else missing = Math.min(missing, wanted - heat);
    }
    this.#noted = 0;
    this.#missing = hot.length > count ? 0 : missing;
    const hottest = hot
      .sort((a, b) => b[1] - a[1])
      .slice(0, count)
      .map(([pc]) => pc);
    for (const pc of hottest) this.#heat.delete(pc);
    return hottest;
  }

  clear(): void {
    this.#heat.clear();
    this.#noted = 0;
    this.#missing = 0;
  }
}
