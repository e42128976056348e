/** Work of one's own: `flipside emulate --workload docs/examples/workload.mjs`, for firmware with these commands. */

const COUNT = 0xd0;
const READ = 0xd1;
const SUM = 0xd2;
const INVALID_OPCODE = 1;

/** What the firmware has counted; unknown before the first round. */
let count;

/** Before each fault. @type {import("flipside").Workload} */
export const workload = async (host) => {
  const read = await host.command({ opcode: READ });
  // A version that fails takes with it what it had fetched.
  if (read.outcome === "aborted") return;
  if (count !== undefined)
    host.check("the count outlives a failover", read.result === count, `${read.result}, and it was ${count}`);

  const more = 1 + host.random(100);
  const counted = await host.command({ opcode: COUNT, cdw10: more });
  // Whether it was counted then nobody knows: the next round reads it.
  count = counted.outcome === "completed" ? counted.result : undefined;
  if (count !== undefined) host.check("COUNT adds", count === read.result + more);

  const words = Uint32Array.from({ length: 1 + host.random(64) }, () => host.random(2 ** 32));
  const sum = words.reduce((total, word) => (total + word) >>> 0, 0);
  const summed = await host.command({ opcode: SUM, cdw10: words.length }, new Uint8Array(words.buffer));
  // Only some versions have it.
  if (summed.outcome === "aborted" || summed.status === INVALID_OPCODE) return;
  host.check("SUM is right", summed.result >>> 0 === sum, `${summed.result >>> 0} instead of ${sum}`);
};
