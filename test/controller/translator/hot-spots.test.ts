/** Where translated code should begin, by heat: a look that is left out would have found nothing. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HotSpots } from "../../../controller/translator/hot-spots.ts";

const LEAST = 64;
const PCS = 8;
/** What is needed of a place: some have copies already. */
const needed = (pc: number): number => LEAST * 2 ** (pc % 3);

const notes = fc.array(fc.tuple(fc.nat({ max: PCS - 1 }), fc.integer({ min: 1, max: 40 })), {
  maxLength: 60,
});

describe("spots by their heat", () => {
  it("are looked at only where one may be hot enough, and then none is missed", () => {
    fc.assert(
      fc.property(
        fc.array(notes, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 3 }),
        (rounds, count) => {
          const spots = new HotSpots();
          const heat = new Map<number, number>();
          for (const round of rounds) {
            for (const [pc, more] of round) {
              spots.note(pc, more);
              heat.set(pc, (heat.get(pc) ?? 0) + more);
            }
            const hot = [...heat].filter(([pc, of]) => of >= needed(pc)).sort((a, b) => b[1] - a[1]);
            if (!spots.mayBeHot) {
              expect(hot).toEqual([]);
              continue;
            }
            const taken = spots.take(count, LEAST, needed);
            expect(taken.map((pc) => heat.get(pc))).toEqual(hot.slice(0, count).map(([, of]) => of));
            for (const pc of taken) heat.delete(pc);
          }
        },
      ),
    );
  });

  it("are not looked at again for every sample of what is cold", () => {
    const spots = new HotSpots();
    let looks = 0;
    for (let sample = 0; sample < 10 * LEAST; sample++) {
      spots.note(4 * sample, 1);
      if (spots.mayBeHot) {
        looks++;
        expect(spots.take(16, LEAST, () => LEAST)).toEqual([]);
      }
    }
    expect(looks).toBeLessThanOrEqual(11);
  });

  it("are as new when they are cleared", () => {
    const spots = new HotSpots();
    spots.note(0, LEAST - 1);
    expect(spots.take(1, LEAST, () => LEAST)).toEqual([]);
    expect(spots.mayBeHot).toBe(false);
    spots.clear();
    expect(spots.mayBeHot).toBe(true);
    spots.note(0, LEAST - 1);
    expect(spots.take(1, LEAST, () => LEAST)).toEqual([]);
  });
});
