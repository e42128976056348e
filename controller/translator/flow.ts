/**
 * Order, dominators and loops of a graph, as structured code needs them.
 *
 * WebAssembly has no goto, so a graph must be reducible: every edge that goes back must go to a block that
 * dominates its source. An edge that does not is cut: it becomes an exit with the pc of its target. Seen from
 * that pc the same code is a graph of its own, with that block as its entry, which dominates everything; so
 * after one trip through the dispatcher the loop runs whole. (No block dispatch loop, no node splitting.)
 * So is an edge back to the header of a loop within MAX_LOOP_DEPTH others: what is found out of loops takes time and
 * memory for each block in each loop around it, and whoever nests a thousand must not get a thousand times as much.
 *
 * Source: Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm".
 */
import { type Block, type Graph, mapSuccessors, successorsOf } from "./graph.ts";

export interface Loop {
  /** Position of the header in the order. */
  readonly header: number;
  readonly parent: Loop | undefined;
  /** 1 for a loop that is in no other. */
  readonly depth: number;
  readonly members: ReadonlySet<number>;
}

/** Loops within one another, of which inlined calls bring some: far more than people write. */
const MAX_LOOP_DEPTH = 24;

/** Blocks are named by their position in `order`, a reverse postorder; 0 is the entry. */
export interface Flow {
  readonly order: readonly Block[];
  readonly positionOf: ReadonlyMap<Block, number>;
  /** Sources of the edges that go forward, by position; an edge that occurs twice is there twice. */
  readonly forwardPredecessors: readonly (readonly number[])[];
  /** Sources of the edges back to a header. */
  readonly backPredecessors: readonly (readonly number[])[];
  /** Position of the immediate dominator; the entry's own is 0. */
  readonly dominator: readonly number[];
  /** The innermost loop around each block. */
  readonly loopOf: readonly (Loop | undefined)[];
  /** Edges that were cut because no structure could hold them. */
  readonly cutEdges: number;
}

/**
 * Cuts what is irreducible in `graph` (it changes the ends of its blocks) and analyses the rest.
 * @param step called at every step
 */
export function analyseFlow(graph: Graph, step: () => void): Flow {
  let cutEdges = 0;
  for (;;) {
    step();
    const order = reversePostorder(graph.entry);
    const positionOf = new Map(order.map((block, position) => [block, position]));
    const successors = order.map((block) =>
      successorsOf(block.end).map((to) => positionOf.get(to) ?? unreachablePosition()),
    );
    const predecessors = invert(successors);
    const dominator = dominators(predecessors, step);
    const isBack = (from: number, to: number): boolean => to <= from;
    const irreducible = cutEdgesWhere(
      order,
      successors,
      (from, to) => isBack(from, to) && !dominates(dominator, to, from),
    );
    cutEdges += irreducible;
    if (irreducible > 0) continue;
    const forwardPredecessors = predecessors.map((from, to) => from.filter((source) => !isBack(source, to)));
    const backPredecessors = predecessors.map((from, to) => from.filter((source) => isBack(source, to)));
    step();
    const { loopOf, tooDeep } = findLoops(predecessors, backPredecessors, step);
    const deep = cutEdgesWhere(order, successors, (from, to) => isBack(from, to) && tooDeep.has(to));
    cutEdges += deep;
    if (deep > 0) continue;
    return { order, positionOf, forwardPredecessors, backPredecessors, dominator, loopOf, cutEdges };
  }
}

function unreachablePosition(): never {
  throw new Error("a successor is missing from the order");
}

function reversePostorder(entry: Block): Block[] {
  const postorder: Block[] = [];
  const seen = new Set([entry]);
  const path: { block: Block; next: number }[] = [{ block: entry, next: 0 }];
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    // The last named successor first: fall-through code then comes right behind its block.
    const successors = successorsOf(top.block.end);
    const to = successors[top.next++];
    if (to === undefined) {
      postorder.push(top.block);
      path.pop();
    } else if (!seen.has(to)) {
      seen.add(to);
      path.push({ block: to, next: 0 });
    }
  }
  return postorder.reverse();
}

function invert(successors: readonly (readonly number[])[]): number[][] {
  const predecessors: number[][] = successors.map(() => []);
  successors.forEach((targets, from) => {
    for (const to of targets) predecessors[to]?.push(from);
  });
  return predecessors;
}

function dominators(predecessors: readonly (readonly number[])[], step: () => void): number[] {
  const UNKNOWN = -1;
  const dominator = predecessors.map(() => UNKNOWN);
  dominator[0] = 0;
  const intersect = (a: number, b: number): number => {
    let [x, y] = [a, b];
    while (x !== y) {
      if (x > y) x = dominator[x] as number;
      else y = dominator[y] as number;
    }
    return x;
  };
  for (let changed = true; changed; ) {
    step();
    changed = false;
    for (let position = 1; position < predecessors.length; position++) {
      let common = UNKNOWN;
      for (const from of predecessors[position] as number[]) {
        if (dominator[from] === UNKNOWN) continue;
        common = common === UNKNOWN ? from : intersect(common, from);
      }
      if (common !== dominator[position]) {
        dominator[position] = common;
        changed = true;
      }
    }
  }
  return dominator;
}

/** Whether `a` dominates `b`. */
function dominates(dominator: readonly number[], a: number, b: number): boolean {
  let at = b;
  while (at > a) at = dominator[at] as number;
  return at === a;
}

/** Makes exits of edges. Returns how many. */
function cutEdgesWhere(
  order: readonly Block[],
  successors: readonly (readonly number[])[],
  isToBeCut: (from: number, to: number) => boolean,
): number {
  let cut = 0;
  order.forEach((block, from) => {
    for (const to of successors[from] as number[]) {
      if (!isToBeCut(from, to)) continue;
      const target = order[to] as Block;
      const exit: Block = { pc: target.pc, steps: [], end: { kind: "leave", pc: target.pc }, weight: 0 };
      block.end = mapSuccessors(block.end, (successor) => (successor === target ? exit : successor));
      cut++;
    }
  });
  return cut;
}

/** The innermost loop around each block, and the headers of loops that are too deep to be one of them. */
function findLoops(
  predecessors: readonly (readonly number[])[],
  backPredecessors: readonly (readonly number[])[],
  step: () => void,
): { readonly loopOf: (Loop | undefined)[]; readonly tooDeep: ReadonlySet<number> } {
  const loopOf: (Loop | undefined)[] = predecessors.map(() => undefined);
  const tooDeep = new Set<number>();
  // Outer headers come first in the order, so a later loop overwrites its parent as the innermost one.
  for (let header = 0; header < predecessors.length; header++) {
    const sources = backPredecessors[header] as number[];
    if (sources.length === 0) continue;
    const parent = loopOf[header];
    const depth = parent === undefined ? 1 : parent.depth + 1;
    if (depth > MAX_LOOP_DEPTH) {
      tooDeep.add(header);
      continue;
    }
    step();
    const members = new Set([header]);
    const work = [...sources];
    for (let at = work.pop(); at !== undefined; at = work.pop()) {
      if (members.has(at)) continue;
      members.add(at);
      work.push(...(predecessors[at] as number[]));
    }
    const loop: Loop = { header, parent, depth, members };
    for (const member of members) loopOf[member] = loop;
  }
  return { loopOf, tooDeep };
}

/** Whether `loop` is `inner` or around it. */
export function encloses(loop: Loop, inner: Loop | undefined): boolean {
  for (let at = inner; at !== undefined; at = at.parent) if (at === loop) return true;
  return false;
}
