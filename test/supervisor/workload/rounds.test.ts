/** A round of a user's work: what it checks is counted, and what ends it is told of whom it is. */
import { describe, expect, it } from "vitest";
import { DeviceError } from "../../../supervisor/process/client.ts";
import type { CommandAnswer } from "../../../supervisor/process/protocol.ts";
import { Rounds, type WorkedDevice } from "../../../supervisor/workload/rounds.ts";
import type { Workload } from "../../../supervisor/workload/workload.ts";

const COMPLETED: CommandAnswer = { outcome: "completed", status: 0, result: 5, result2: 0 };

function roundsOf(workload: Workload, command: WorkedDevice["command"] = async () => COMPLETED): Rounds {
  const device: WorkedDevice = {
    hostMemory: { address: 0x4000_2000, bytes: 4096 },
    command,
    readHostMemory: async (_, bytes) => new Uint8Array(bytes),
    writeHostMemory: async () => undefined,
  };
  return new Rounds(workload, device, 7);
}

describe("a round", () => {
  it("tells how often each rule held, and of those that did not what was seen", async () => {
    const rounds = roundsOf(({ check }) => {
      for (const count of [1, 2, 3]) check("it is small", count < 3, `it is ${count}`);
      check("it is there", false);
    });
    expect(await rounds.run()).toEqual({
      commands: 0,
      checks: [
        { rule: "it is small", held: 2, broken: 1, details: ["it is 3"] },
        { rule: "it is there", held: 0, broken: 1, details: [""] },
      ],
    });
  });

  it("begins with nothing counted, and goes on with what was drawn", async () => {
    const drawn: number[] = [];
    const draw: Workload = async (host) => {
      await host.command({ opcode: 1 });
      drawn.push(host.random(2 ** 32));
    };
    const rounds = roundsOf(draw);
    expect([await rounds.run(), await rounds.run()]).toEqual([
      { commands: 1, checks: [] },
      { commands: 1, checks: [] },
    ]);
    await roundsOf(draw).run();
    expect(drawn[1]).not.toBe(drawn[0]);
    expect(drawn[2]).toBe(drawn[0]);
  });

  it("is over when the commands are that nobody waited for, of which the aborted do not count", async () => {
    let end: (answer: CommandAnswer) => void = () => undefined;
    const rounds = roundsOf(
      (host) => {
        void host.command({ opcode: 1 });
      },
      () => new Promise((resolve) => (end = resolve)),
    );
    let isOver = false;
    const round = rounds.run().finally(() => (isOver = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    end({ ...COMPLETED, outcome: "aborted" });
    expect(await round).toEqual({ commands: 0, checks: [] });
  });

  it("ends the soak by what the work throws, and by a command that cannot be submitted", async () => {
    const error = new Error("it is wrong");
    const throwing = roundsOf(() => Promise.reject(error));
    expect(await throwing.run()).toEqual({ commands: 0, checks: [], ended: true });
    expect(throwing.thrown).toEqual({ error });
    const full = new DeviceError("RequestError", "the host queue is full", "usage");
    const refused = roundsOf(
      async (host) => void (await host.command({ opcode: 1 })),
      () => Promise.reject(full),
    );
    expect(await refused.run()).toMatchObject({ ended: true });
    expect(refused.thrown).toEqual({ error: full });
  });

  it("tells a controller that can be asked nothing more as its failure, whatever the work makes of it", async () => {
    const lost = (): Promise<never> =>
      Promise.reject(new DeviceError("SafeModeError", "safe mode: no region may run", "finding"));
    const works: Workload[] = [
      async (host) => void (await host.command({ opcode: 1 })),
      async (host) => void (await host.command({ opcode: 1 }).catch(() => undefined)),
      async (host) => {
        await host.command({ opcode: 1 }).catch(() => Promise.reject(new Error("lost")));
      },
    ];
    for (const work of works) {
      const rounds = roundsOf(work, lost);
      expect(await rounds.run()).toEqual({
        commands: 0,
        checks: [],
        failure: "safe mode: no region may run",
      });
      expect(rounds.thrown).toBeUndefined();
    }
  });

  it("believes no check of a promise, and draws below nothing that is no number", async () => {
    const checksPromise = roundsOf((host) =>
      host.check("it is awaited", host.command({ opcode: 1 }) as never),
    );
    expect(await checksPromise.run()).toMatchObject({ ended: true });
    expect(String(checksPromise.thrown?.error)).toMatch(/"it is awaited" holds must be true or false/);
    const draws = roundsOf((host) => void host.random(0));
    await draws.run();
    expect(String(draws.thrown?.error)).toMatch(/random\(below\) needs a whole number/);
  });
});
