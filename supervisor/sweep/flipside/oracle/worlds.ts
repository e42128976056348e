/** Lists of worlds: which of them are the same. */
import type { Standing, World } from "./world.ts";

/** The same list without repetitions. */
export function distinct(worlds: readonly World[]): readonly World[] {
  if (worlds.length < 2) return worlds;
  return worlds.filter((world, at) => {
    for (let before = 0; before < at; before += 1) {
      if (sameWorld(worlds[before] as World, world)) return false;
    }
    return true;
  });
}

function sameWorld(a: World, b: World): boolean {
  if (a === b) return true;
  return (
    a.generation === b.generation &&
    a.active === b.active &&
    a.runs === b.runs &&
    a.reason === b.reason &&
    a.floor === b.floor &&
    a.next === b.next &&
    a.previous === b.previous &&
    a.memory === b.memory &&
    a.rebuilt === b.rebuilt &&
    a.regions.every((standing, region) => sameStanding(standing, b.regions[region] as Standing))
  );
}

function sameStanding(a: Standing, b: Standing): boolean {
  if (a === b) return true;
  return (
    a.state === b.state &&
    a.image === b.image &&
    a.tries === b.tries &&
    a.starts === b.starts &&
    a.confirmed === b.confirmed &&
    a.failures === b.failures &&
    a.evidence === b.evidence &&
    a.code === b.code &&
    a.pc === b.pc
  );
}
