import { expect, it } from "vitest";
import { Random } from "../../../../emulator/base/random.ts";
import { Control } from "../../../../emulator/memory/control.ts";
import { perform, settle } from "../../../../supervisor/sweep/flipside/actor.ts";
import { scenario, workbench } from "../bench.ts";

it("a version that is being stopped is not ready: a run ends when what follows it is", () => {
  const script = scenario("failover-after-work");
  const rig = workbench().rig;
  const { device, memory, oracle } = rig;
  rig.setUp(script);
  for (const step of [{ do: "power-on" }, { do: "ready" }, { do: "serve", commands: 1 }] as const)
    perform(rig, step, new Random(1));
  // What rotten firmware may do: it posts once more what it has completed, and the host looks.
  oracle.expect({ what: "a completion of nothing", evidence: ["host-protocol"] });
  const tail = memory.layout.control / 4 + Control.CQ_TAIL;
  memory.words[tail] = (memory.words[tail] as number) + 1;
  device.advance(() => device.stopping, 1000);
  expect(device.stopping).toBe(true);
  expect(device.ready).toBe(false);
  settle(rig);
  expect(device.region).toBe(1);
  expect(oracle.verdict()).toBe("runs-new");
});
