/**
 * Small innermost loops, written out several times.
 *
 * A tight guest loop pays for its look at LIMIT, V8's own stack check, the count and its range checks in every
 * round. Written out four times it pays once in four rounds: the copies lie between two looks at LIMIT, and a
 * pointer that steps through memory is checked once for the extents of all copies (memory-access.ts).
 *
 * Only the way back changes: each copy's edges to the header lead to the next copy's header, the last one's to
 * the first. So whatever the count of rounds, the same guest instructions execute.
 */
import type { Flow, Loop } from "./flow.ts";
import { type Block, type End, type Graph, mapSuccessors } from "./graph.ts";

const MAX_COPIES = 4;
/** Guest instructions of a loop with all its copies. */
const MAX_LOOP_INSTRUCTIONS = 96;

/** Unrolls what is worth it; the graph's ends change. False if nothing was. */
export function unrollLoops(graph: Graph, flow: Flow, maxInstructions: number): boolean {
  let room = maxInstructions - graph.instructions;
  let changed = false;
  for (const loop of innermostLoops(flow)) {
    const members = [...loop.members].map((position) => flow.order[position] as Block);
    const weight = members.reduce((sum, block) => sum + block.weight, 0);
    const hasCall = members.some(({ end }) => end.kind === "call" || end.kind === "callIndirect");
    const copies = Math.min(MAX_COPIES, Math.floor(MAX_LOOP_INSTRUCTIONS / Math.max(weight, 1)));
    if (hasCall || copies < 2 || weight * (copies - 1) > room) continue;
    room -= weight * (copies - 1);
    unroll(flow.order[loop.header] as Block, members, copies);
    changed = true;
  }
  return changed;
}

function innermostLoops(flow: Flow): Loop[] {
  const loops = new Set<Loop>();
  const parents = new Set<Loop>();
  for (const loop of flow.loopOf) {
    if (loop === undefined) continue;
    loops.add(loop);
    for (let outer = loop.parent; outer !== undefined; outer = outer.parent) parents.add(outer);
  }
  return [...loops].filter((loop) => !parents.has(loop));
}

function unroll(header: Block, members: readonly Block[], copies: number): void {
  const originalEnds = new Map<Block, End>(members.map((block) => [block, block.end]));
  const rounds: Map<Block, Block>[] = [new Map(members.map((block) => [block, block]))];
  for (let round = 1; round < copies; round++) {
    rounds.push(new Map(members.map((block) => [block, { ...block }])));
  }
  rounds.forEach((round, index) => {
    const nextHeader = rounds[(index + 1) % copies]?.get(header) ?? header;
    for (const [original, copy] of round) {
      copy.end = mapSuccessors(originalEnds.get(original) ?? original.end, (to) =>
        to === header ? nextHeader : (round.get(to) ?? to),
      );
    }
  });
}
